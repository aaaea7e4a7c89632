"""The race: from the raw files of EMNIST Balanced to a stated accuracy on its whole test set, as fast as it goes.

Usage: python benchmarks/race.py [--record 90.0] [--seeds 3]      on a machine that does nothing else

A record is a recipe that fixes everything before the start: nothing looks at the test set but the last line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from record import NEEDS_DATA, save

if TYPE_CHECKING:  # what takes long to import is imported when the clock runs
    import numpy as np
    from numpy.typing import NDArray

    from glyphfront.data.splits import Splits
    from glyphfront.run import Run

HERE = Path(__file__).parent
TARGETS = {"90.0": 0.900, "90.5": 0.905}  # accuracy
MEMBERS = {"90.0": 1, "90.5": 2}  # nets whose probabilities are averaged
EPOCHS = {"90.0": 6, "90.5": 24}
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # pixels down and right
HOW = (
    "{members} glyphnet-m, {epochs} passes over 98 % of EMNIST Balanced in bfloat16, batch 256, light augmentation. "
    "Averaged are the probabilities for a test image and for itself shifted by one pixel each way, and those of "
    "several nets, {at_once} of which are trained at a time. A process for each seed; the clock runs from after "
    "`import torch` to the accuracy on the whole test set: reading and checking the files, leaks, training, validation "
    "after each epoch and saving included."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", choices=TARGETS, action="append", help="by default all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--once", type=int, metavar="SEED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    records = options.record or list(TARGETS)
    if options.once is not None:
        print(json.dumps(race(records[0], options.once)))
        return
    for record in records:
        runs = []
        for seed in range(options.seeds):
            command = [sys.executable, __file__, "--record", record, "--once", str(seed)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                sys.exit(done.returncode)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{record} %, seed {seed}: {runs[-1]}", file=sys.stderr)
        accuracies = [run["correct"] / run["images"] for run in runs]
        figures = {
            "target_accuracy": TARGETS[record],
            "reached": statistics.mean(accuracies) >= TARGETS[record],
            "mean_accuracy": statistics.mean(accuracies),
            "mean_seconds": statistics.mean(run["seconds"] for run in runs),
            "accuracies": accuracies,
            "seconds": [run["seconds"] for run in runs],
            "test_images": runs[0]["images"],
            **{name: runs[0][name] for name in ("threads", "training_images", "train_source", "test_source")},
        }
        how = HOW.format(members=MEMBERS[record], epochs=EPOCHS[record], at_once=runs[0]["nets_at_once"])
        save(f"race-{record}", figures, how=how, repeats=options.seeds)


def race(record: str, seed: int) -> dict[str, float | str]:
    """Seconds, images and how many of them are right, of one start."""
    import torch

    began = time.perf_counter()
    from dataclasses import replace

    from glyphfront.data.splits import prepare
    from glyphfront.errors import GlyphfrontError
    from glyphfront.run import Model
    from glyphfront.studies.quick import for_data

    base = for_data("balanced")
    base = replace(
        base,
        label=f"{record} %",
        data=replace(base.data, validation_fraction=0.02),  # nothing is chosen by it
        model=Model("glyphnet-m"),
        epochs=EPOCHS[record],
        precision="bf16",
    )
    try:
        splits = prepare(base.data)
    except GlyphfrontError as error:
        print(error, file=sys.stderr)
        sys.exit(NEEDS_DATA)
    cores, members = torch.get_num_threads(), MEMBERS[record]
    at_once = 1 if members % cores else cores
    runs = [replace(base, seed=members * seed + member) for member in range(members)]
    if at_once == 1:
        total = sum(probabilities(run, splits) for run in runs)
    else:  # a net on each core takes less than one net on all of them
        with ProcessPoolExecutor(cores, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            total = sum(pool.map(probabilities, runs, [splits] * members))
    correct = int((total.argmax(1) == splits.test.labels).sum())
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "correct": correct,
        "images": len(splits.test.labels),
        "threads": cores,
        "nets_at_once": at_once,
        "training_images": len(splits.training.train),
        "train_source": splits.training.used.train_source,
        "test_source": splits.training.used.test_source,
    }


def probabilities(run: Run, splits: Splits) -> NDArray[np.float32]:
    """(test images, classes) of a net trained as `run` says, summed over the shifts."""
    import torch

    from glyphfront.models.predict import predict_logits
    from glyphfront.models.weights import load_classifier
    from glyphfront.training.loop import train

    with tempfile.TemporaryDirectory() as folder:
        train(run, splits.training, Path(folder) / run.key)
        net = load_classifier(Path(folder) / run.key).to(memory_format=torch.channels_last)
    images, total = torch.from_numpy(splits.test.images), torch.zeros(())
    for shift in SHIFTS:
        total = total + predict_logits(net, images.roll(shift, (1, 2))).softmax(1)
    summed: NDArray[np.float32] = total.numpy()
    return summed


if __name__ == "__main__":
    main()
