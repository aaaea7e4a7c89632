"""Images a second of the training loop with everything on, against Keras on TensorFlow, and what its data part takes.

Usage: python benchmarks/training.py [--rounds 3] [--batches 6] [--epochs 3]

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
MODELS = ("layer_4_1", "glyphnet-s", "glyphnet-m")
OURS = {"fp32": [], "bf16": ["--bf16"], "bf16_compiled": ["--bf16", "--compile"]}
ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
KERAS: dict[str, tuple[list[str], dict[str, str]]] = {
    "keras": ([], {}),
    "keras_onednn": ([], ONEDNN),
    "keras_onednn_bf16": (["--bf16"], ONEDNN),
}
HOW = (
    "Rounds: {rounds}, of which the medians are told. In a round, each of these trains in a process of its own, one "
    "after another: each net "
    "(47 classes, batch 256) in this loop in float32, in bfloat16, and in bfloat16 with torch.compile; and in Keras as "
    "installed, with oneDNN turned on (TF_ENABLE_ONEDNN_OPTS=1; on some CPUs it is so by default), and with oneDNN and "
    "Keras' mixed_bfloat16. An untimed epoch, then the median of {epochs} of {batches} batches. This loop: light "
    "augmentation, resizing where the net asks for it, label smoothing, logit adjustment, EMA, weight decay, Nesterov, "
    "loss and accuracy. Keras: model.fit on float32 images that were scaled and padded beforehand, no augmentation, "
    "Nesterov, loss and accuracy. A ratio is taken within a round, so that both meet the same machine; its range is "
    "the least and the greatest. Data share: seconds to gather and augment the same batches alone, over those of the "
    "epoch, in float32."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=6, help="an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="timed ones in each process")
    parser.add_argument("--ours", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--bf16", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        print(json.dumps(train_ours(options.ours, options.file, options.epochs, options.bf16, options.compile)))
        return
    keras_python = keras_environment()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npz"
        write_images(file, options.batches * BATCH)
        epochs = ["--epochs", str(options.epochs)]
        this = [sys.executable, __file__, "--file", str(file), *epochs, "--ours"]
        keras = [str(keras_python), str(HERE / "keras_baseline/baseline.py"), str(file), *epochs]
        keras += ["--batch-size", str(BATCH), "--model"]
        commands: dict[tuple[str, str], tuple[list[str], dict[str, str]]] = {}
        for model in MODELS:
            commands |= {(model, name): ([*this, model, *flags], {}) for name, flags in OURS.items()}
            commands |= {(model, name): ([*keras, model, *flags], more) for name, (flags, more) in KERAS.items()}
        rounds = []
        for number in range(options.rounds):
            done: dict[tuple[str, str], dict[str, Any]] = {}
            for of, (command, more) in commands.items():
                done[of] = run(command, more)
                print(f"round {number + 1}: {' '.join(of)} {typical(done[of]):.0f} images/s", file=sys.stderr)
            rounds.append(done)
    figures: dict[str, object] = {}
    for model in MODELS:
        assert len({rounds[0][model, name]["parameters"] for name in (*OURS, *KERAS)}) == 1, f"{model}: not one net"
        for name in (*OURS, *KERAS):
            figures[f"{model}_{name}_images_per_second"] = statistics.median(
                typical(one[model, name]) for one in rounds
            )
        fastest = [[max(typical(one[model, name]) for name in of) for one in rounds] for of in (OURS, KERAS)]
        ratios = {
            "bf16_to_fp32": [typical(one[model, "bf16"]) / typical(one[model, "fp32"]) for one in rounds],
            "compiled_to_fp32": [typical(one[model, "bf16_compiled"]) / typical(one[model, "fp32"]) for one in rounds],
            "best_to_best_keras": [ours / theirs for ours, theirs in zip(*fastest, strict=True)],
        }
        for name, found in ratios.items():
            figures[f"{model}_{name}_ratio"] = statistics.median(found)
            figures[f"{model}_{name}_ratio_range"] = [min(found), max(found)]
        figures[f"{model}_data_share"] = statistics.median(one[model, "fp32"]["data_share"] for one in rounds)
    figures["keras_versions"] = rounds[0][MODELS[0], "keras"]["versions"]
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


def train_ours(model: str, file: str, epochs: int, bf16: bool, compile: bool) -> dict[str, Any]:
    """Train through `glyphfront.training.loop.train`; then gather and augment the same batches once more, alone."""
    import torch

    from glyphfront.data.dataset import Dataset
    from glyphfront.data.leakage import fingerprints
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
    run = replace(run, precision="bf16" if bf16 else None)
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            run,
            TrainingData(train_set, validation, used, fingerprints(train_set.images[:0])),
            Path(folder),
            compile=compile,
        )
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
