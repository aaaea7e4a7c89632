"""What an activation costs: the study's final network exported with each, timed in turns beside the same with ReLU.

Weights are random: they do not change what is computed.

Usage: python benchmarks/activations.py
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from glyphfront.measure.latency import time_files
from glyphfront.models import build
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx
from record import save

ACTIVATIONS = ("leaky_relu", "elu", "swish")
TURNS, SECONDS = 31, 0.5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = {act: Path(folder) / f"{act}.onnx" for act in ("relu", *ACTIVATIONS)}
        for act, path in paths.items():
            export_onnx(build(Model("layer_4_1", act=act), 47).eval(), path)
        relu = paths.pop("relu")
        timings = time_files(paths, seconds=SECONDS, turns=TURNS, reference=relu)
    quartiles = [statistics.quantiles(timing.ratios) for timing in timings.files]
    save(
        "activations",
        {
            "activation": list(ACTIVATIONS),
            "p50_us": [timing.latency.p50_us for timing in timings.files],
            "relu_p50_us": timings.files[0].latency.reference_p50_us,
            "ratio_to_relu": [middle for _, middle, _ in quartiles],
            "ratio_to_relu_first_quartile": [first for first, _, _ in quartiles],
            "ratio_to_relu_third_quartile": [third for _, _, third in quartiles],
            "others_share_of_cpu": timings.others,
        },
        how=f"layer_4_1 with random weights, exported, one image at a time on one thread of ONNX Runtime: "
        f"{TURNS} turns of {SECONDS:g} s for each activation; the ratios of the turns",
        repeats=TURNS,
        libraries=("torch", "onnxruntime"),
    )


if __name__ == "__main__":
    main()
