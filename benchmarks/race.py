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
from pathlib import Path

from record import NEEDS_DATA, save

HERE = Path(__file__).parent
TARGETS = {"90.0": 0.900, "90.5": 0.905}  # accuracy
MEMBERS = {"90.0": 1, "90.5": 4}  # nets that are trained one after another, whose probabilities are averaged
EPOCHS = {"90.0": 6, "90.5": 7}
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # pixels down and right
HOW = (
    "{members} glyphnet-m, {epochs} passes over 98 % of EMNIST Balanced in bfloat16, batch 256, light augmentation. "
    "Averaged are the probabilities for a test image and for itself shifted by one pixel each way, and those of "
    "several nets. A process for each seed; the clock runs from after `import torch` to the accuracy on the whole "
    "test set: reading and checking the files, leaks, training, validation after each epoch and saving included."
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
        how = HOW.format(members=MEMBERS[record], epochs=EPOCHS[record])
        save(f"race-{record}", figures, how=how, repeats=options.seeds)


def race(record: str, seed: int) -> dict[str, float | str]:
    """Seconds, images and how many of them are right, of one start."""
    import torch

    began = time.perf_counter()
    from dataclasses import replace

    from glyphfront.data.splits import prepare
    from glyphfront.errors import GlyphfrontError
    from glyphfront.models.predict import predict_logits
    from glyphfront.models.weights import load_classifier
    from glyphfront.run import Model
    from glyphfront.studies.quick import for_data
    from glyphfront.training.loop import train

    base = for_data("balanced")
    base = replace(
        base,
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
    images, total = torch.from_numpy(splits.test.images), torch.zeros(())
    for member in range(MEMBERS[record]):
        run = replace(base, label=f"{record} %", seed=MEMBERS[record] * seed + member)
        with tempfile.TemporaryDirectory() as folder:
            train(run, splits.training, Path(folder) / run.key)
            net = load_classifier(Path(folder) / run.key)
        net = net.to(memory_format=torch.channels_last)
        for shift in SHIFTS:
            total = total + predict_logits(net, images.roll(shift, (1, 2))).softmax(1)
    correct = int((total.argmax(1) == torch.from_numpy(splits.test.labels)).sum())
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "correct": correct,
        "images": len(images),
        "threads": torch.get_num_threads(),
        "training_images": len(splits.training.train),
        "train_source": splits.training.used.train_source,
        "test_source": splits.training.used.test_source,
    }


if __name__ == "__main__":
    main()
