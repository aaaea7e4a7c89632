"""Images a second of the training loop with everything on, against Keras on TensorFlow, and what its data part takes.

Usage: python benchmarks/training.py [--rounds 5] [--batches 10] [--epochs 4]

Keras lives in an environment of its own, benchmarks/.venv-keras, which the first call makes (1.6 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from record import save

HERE = Path(__file__).parent
VENV = HERE / ".venv-keras"
BATCH = 256
PARAMETERS = 2_152_667  # of layer_4_1, with batch norm's statistics
HOW = (
    "Medians of {rounds} rounds. In a round, each of these trains in a process of its own, one after another: "
    "layer_4_1 (3-6-12-6, 32x32x1, 47 classes, batch 256) in this loop, in Keras as installed, and in Keras with "
    "oneDNN turned on (TF_ENABLE_ONEDNN_OPTS=1; on some CPUs it is so by default); then glyphnet-s in this loop. "
    "An untimed epoch, then the median of {epochs} of {batches} batches. This loop: light augmentation, resizing from "
    "28 to 32, label smoothing, logit adjustment, EMA, weight decay, Nesterov, loss and accuracy. Keras: model.fit on "
    "float32 images that were scaled and padded to 32 beforehand, no augmentation, Nesterov, loss and accuracy. "
    "A ratio is taken within a round, so that both meet the same machine; its range is the least and the greatest. "
    "best: the fastest of all epochs of all rounds, where least else was going on; on two cores some epochs of Keras "
    "keep only one of them busy and take twice as long, which the medians show and the best do not. "
    "Data share: seconds to gather and augment the same batches alone, over the seconds of the epoch."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=10, help="an epoch")
    parser.add_argument("--epochs", type=int, default=4, help="timed ones in each process")
    parser.add_argument("--ours", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        print(json.dumps(train_ours(options.ours, options.file, options.epochs)))
        return
    keras_python = keras_environment()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npz"
        write_images(file, options.batches * BATCH)
        epochs = ["--epochs", str(options.epochs)]
        this = [sys.executable, __file__, "--file", str(file), *epochs, "--ours"]
        keras = [str(keras_python), str(HERE / "keras_baseline/densenet.py"), str(file), *epochs]
        keras += ["--batch-size", str(BATCH)]
        commands: dict[str, tuple[list[str], dict[str, str]]] = {
            "layer_4_1": ([*this, "layer_4_1"], {}),
            "keras": (keras, {}),
            "keras_onednn": (keras, {"TF_ENABLE_ONEDNN_OPTS": "1"}),
            "glyphnet-s": ([*this, "glyphnet-s"], {}),
        }
        rounds = []
        for number in range(options.rounds):
            rounds.append({name: run(command, more) for name, (command, more) in commands.items()})
            rates = ", ".join(f"{name} {typical(one):.0f}" for name, one in rounds[-1].items())
            print(f"round {number + 1}: images/s {rates}", file=sys.stderr)
    for name in ("layer_4_1", "keras", "keras_onednn"):
        assert rounds[0][name]["parameters"] == PARAMETERS, f"{name}: {rounds[0][name]['parameters']} parameters"
    figures: dict[str, object] = {}
    best = {name: max(max(one[name]["images_per_second"]) for one in rounds) for name in commands}
    for name in commands:
        figures[f"{name}_images_per_second"] = statistics.median(typical(one[name]) for one in rounds)
        figures[f"{name}_best_images_per_second"] = best[name]
    for rival in ("keras", "keras_onednn"):
        ratios = [typical(one["layer_4_1"]) / typical(one[rival]) for one in rounds]
        figures[f"ratio_to_{rival}"] = statistics.median(ratios)
        figures[f"ratio_to_{rival}_range"] = [min(ratios), max(ratios)]
        figures[f"best_ratio_to_{rival}"] = best["layer_4_1"] / best[rival]
    for name in ("layer_4_1", "glyphnet-s"):
        shares = [one[name]["data_share"] for one in rounds]
        figures[f"{name}_data_share"] = statistics.median(shares)
        figures[f"{name}_data_share_range"] = [min(shares), max(shares)]
    figures["keras_versions"] = rounds[0]["keras"]["versions"]
    save("training", figures, how=HOW.format(**vars(options)), repeats=options.rounds)


def run(command: list[str], more: dict[str, str]) -> dict[str, Any]:
    """What a process reports as JSON in its last line; the rest of what it says shows only if it fails."""
    done = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{' '.join(command)}: exit status {done.returncode}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def typical(report: dict[str, Any]) -> float:
    """Images a second of a process: the median of its epochs."""
    return statistics.median(report["images_per_second"])


def train_ours(model: str, file: str, epochs: int) -> dict[str, Any]:
    """Train through `glyphfront.training.loop.train`; then gather and augment the same batches once more, alone."""
    import torch

    from glyphfront.data.dataset import Dataset
    from glyphfront.data.splits import TrainingData
    from glyphfront.data.strokes import CLASSES
    from glyphfront.result import DataUsed
    from glyphfront.run import Model
    from glyphfront.studies.quick import for_data
    from glyphfront.training.augment import augment
    from glyphfront.training.loop import epoch_order, train

    with np.load(file) as archive:
        train_set = Dataset("strokes", "train", archive["images"], archive["labels"], CLASSES, "built-in strokes")
    validation = train_set.take(np.arange(BATCH), "validation")  # small: evaluating is not part of the images a second
    used = DataUsed(
        train_set.source, train_set.source, len(train_set), len(validation), 0, 0, train_set.fingerprint(), ""
    )
    run = replace(for_data("strokes"), model=Model(model), batch_size=BATCH, epochs=1 + epochs, logit_adjustment=1.0)
    with tempfile.TemporaryDirectory() as folder:
        trained = train(run, TrainingData(train_set, validation, used), Path(folder))
    timed = trained.curve[1:]
    images, labels, generator = (
        torch.from_numpy(train_set.images),
        torch.from_numpy(train_set.labels),
        torch.Generator(),
    )
    data_seconds = []
    for line in timed:
        order = torch.from_numpy(epoch_order(run, train_set.labels, line.epoch))
        began = time.perf_counter()
        for index in order.split(BATCH):
            augment(images[index], run.augment, generator)
            labels[index]
        data_seconds.append(time.perf_counter() - began)
    step_seconds = [len(train_set) / line.images_per_second for line in timed]
    return {
        "images_per_second": [line.images_per_second for line in timed],
        "data_share": statistics.median(data_seconds) / statistics.median(step_seconds),
        "parameters": trained.cost.parameters_total,
    }


def write_images(path: Path, count: int) -> None:
    from glyphfront.data.strokes import CLASSES, draw

    drawn = draw(-(-count // len(CLASSES)), seed=0)
    np.savez(path, images=drawn.images[:count], labels=drawn.labels[:count])


def keras_environment() -> Path:
    """The Python that has Keras; its environment is made anew when the requirements have changed."""
    requirements, stamp = HERE / "keras_baseline/requirements.txt", VENV / "requirements.txt"
    python = VENV / "bin/python"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"installing Keras and TensorFlow into {VENV.name}", file=sys.stderr)
        venv.create(VENV, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
        if subprocess.run(pip).returncode:
            sys.exit("Keras could not be installed, so there is nothing to compare with")
        stamp.write_text(requirements.read_text())
    return python


if __name__ == "__main__":
    main()
