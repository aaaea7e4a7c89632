"""The shipped files on another kind of CPU than the front's: are the answers the same, and is int8 still the faster?

results/front was timed on a CPU with AVX-512 and VNNI; run this on one without.

Usage: python benchmarks/portability.py      on a machine that does nothing else

Needs EMNIST files (GLYPHFRONT_DATA); writes results/portability.json.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.latency import time_files
from glyphfront.measure.predictions import load_predictions, predictions_path
from glyphfront.result import load_result
from glyphfront.ship.graph import graph_fingerprint
from glyphfront.ship.recognizer import load, shipped, shipped_files
from record import NEEDS_DATA, save

SHIPPED = Path(__file__).parent.parent / "results/front/shipped"
TURNS, SECONDS = 15, 1.0


def main() -> None:
    results = {name: SHIPPED / f"{name}-seed0.json" for name in shipped()}
    try:
        test = prepare(load_result(next(iter(results.values()))).run.data).test
    except GlyphfrontError as error:
        print(error, file=sys.stderr)
        sys.exit(NEEDS_DATA)
    paths = {path.stem: path for path in shipped_files()}
    timings = time_files(paths, seconds=SECONDS, turns=TURNS)
    ratios = {timing.graph: statistics.median(timing.ratios) for timing in timings.files}
    figures: dict[str, object] = {}
    for name, result in results.items():
        rows = {}
        for precision in ("fp32", "int8"):
            there = load_predictions(predictions_path(result, precision))
            if (there.true != test.labels).any():
                sys.exit(f"{result} was tested on other images than these")
            recognizer = load(name, precision=precision)
            here = recognizer.probabilities(test.images).argmax(1)
            rows[f"{precision}_to_reference_ratio"] = ratios[graph_fingerprint(recognizer.path)]
            rows[f"{precision}_other_answers"] = int((here != there.predicted).sum())
        figures[name] = rows
    save(
        "portability",
        {
            **figures,
            "images": len(test),
            "others_share_of_cpu": timings.others,
        },
        how=f"One image at a time on one thread of ONNX Runtime, {TURNS} turns of {SECONDS:g} s for each file; the "
        f"median of the turns' ratios to the fp32 reference LeNet-5. Answers are compared on the {len(test):,} test "
        "images with those behind the table of the front.",
        repeats=TURNS,
        libraries=("onnxruntime",),
    )


if __name__ == "__main__":
    main()
