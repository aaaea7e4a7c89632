"""Puts results of other studies beside the rows of the front: the source study's final network, and quick's LeNet-5.

Usage: python benchmarks/beside.py [--runs-dir runs]      then: glyphfront latency --study results/front

Needs EMNIST files (GLYPHFRONT_DATA). The network's Run, weights and fingerprints are those of
results/emnist-study-full/final; its fp32 and int8 file are made from them and measured again. LeNet-5's weights are not
kept, so its result is copied, and there is no int8 file.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import fields, replace
from pathlib import Path

from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.predictions import predictions_path
from glyphfront.pipeline.evaluate import ship_and_evaluate
from glyphfront.pipeline.keep import keep
from glyphfront.result import Trained, load_result, save_result
from glyphfront.run import save_run
from record import NEEDS_DATA

ROOT = Path(__file__).parent.parent
FINAL = ROOT / "results/emnist-study-full/final"
LABEL = "layer_4_1 of the study"
LENET = ROOT / "results/quick-balanced/lenet5_new-seed0.json"
LENET_LABEL = "lenet5_new of quick"
SHIPPED = ROOT / "results/front/shipped"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    copy_lenet()
    result = load_result(FINAL / "final-seed0.json")
    run = replace(result.run, label=LABEL)
    try:
        splits = prepare(run.data)
    except GlyphfrontError as error:
        print(error, file=sys.stderr)
        sys.exit(NEEDS_DATA)
    if splits.training.used != result.data:
        sys.exit(f"{FINAL} was trained or tested on other images than these")
    folder = options.runs_dir / run.key
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("weights.safetensors", "model.seen.npz", "curve.csv"):
        shutil.copyfile(FINAL / "model" / name, folder / name)
    save_run(run, folder / "run.json")
    trained = Trained(**{field.name: getattr(result, field.name) for field in fields(Trained)})
    save_result(trained, folder / "trained.json")
    again = ship_and_evaluate(folder, splits, ("fp32", "int8"))
    if again.accuracy is None or result.accuracy is None or again.accuracy.top1 != result.accuracy.top1:
        sys.exit(f"{folder}: the weights have another accuracy here than in {FINAL}")
    keep(replace(again, run=run), folder, SHIPPED / f"{LABEL}-seed{run.seed}.json", examples=False)


def copy_lenet() -> None:
    result, target = load_result(LENET), SHIPPED / f"{LENET_LABEL}-seed0.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    save_result(replace(result, run=replace(result.run, label=LENET_LABEL)), target)
    shutil.copyfile(predictions_path(LENET), predictions_path(target))


if __name__ == "__main__":
    main()
