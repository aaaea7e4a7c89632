"""Peak memory of a training run on ByMerge's training file (217,645 images in the sample), from the files on.

Usage: python benchmarks/memory.py      without EMNIST ByMerge, files of that size with random pixels stand in for it
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from glyphfront.data.emnist import CLASSES, find_folder
from glyphfront.errors import GlyphfrontError
from record import save

REPEATS = 3
MODELS = ("layer_4_1", "glyphnet-s")
STEPS = 12  # more do not raise the peak
SAMPLE_IMAGES = {"train": 217_645, "test": 36_275}
HOW = (
    "ru_maxrss of a process that reads both files, removes leaks, splits, takes {steps} steps of batch 256 with "
    "augmentation, EMA and Nesterov while all images stay in memory, evaluates on the whole validation set and saves; "
    "the highest of the repeats; MiB before it: after the imports, after the data"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=2, metavar=("MODEL", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(peaks(options.measure[0], Path(options.measure[1]))))
        return
    try:
        measure_all(find_folder("bymerge"), "EMNIST ByMerge")
    except GlyphfrontError as error:
        print(f"{error}; random pixels instead", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            write_random_files(Path(folder))
            measure_all(Path(folder), "random pixels in files like EMNIST ByMerge's")


def measure_all(folder: Path, data: str) -> None:
    """Linux counts what the parent holds when it starts a child to the child's peak, so the parent imports little."""
    figures: dict[str, object] = {"data": data}
    for model in MODELS:
        command = [sys.executable, __file__, "--measure", model, str(folder)]
        runs = [
            json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
            for _ in range(REPEATS)
        ]
        figures["images"] = runs[0]["images"]
        for stage in ("imports", "data", "training"):
            figures[f"{model}_{stage}_mib"] = max(run[stage] for run in runs)
    figures["peak_gib"] = max(value for key, value in figures.items() if key.endswith("_mib")) / 1024
    save("memory", figures, how=HOW.format(steps=STEPS), repeats=REPEATS)


def peaks(model: str, folder: Path) -> dict[str, float]:
    """The highest resident MiB so far, after each stage of a run."""
    from glyphfront.data.splits import prepare
    from glyphfront.run import Model
    from glyphfront.studies.quick import for_data
    from glyphfront.training.loop import train

    imports = peak_mib()
    run = replace(for_data("bymerge"), model=Model(model), epochs=1)
    splits = prepare(run.data, folder)
    prepared, data = peak_mib(), splits.training
    few = slice(STEPS * run.batch_size)
    part = replace(data.train, images=data.train.images[few], labels=data.train.labels[few])  # views: nothing is let go
    with tempfile.TemporaryDirectory() as place:
        train(run, replace(data, train=part), Path(place))
    images = data.used.train_images + data.used.validation_images + data.used.leaks_removed
    return {"images": images, "imports": imports, "data": prepared, "training": peak_mib()}


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def write_random_files(folder: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    classes = CLASSES["bymerge"]
    mapping = "".join(f"{label} {ord(name)}\r\n" for label, name in enumerate(classes))
    (folder / "emnist-bymerge-mapping.txt").write_bytes(mapping.encode())
    for split, count in SAMPLE_IMAGES.items():
        for what, magic, shape, high in (
            ("images-idx3", 0x803, (count, 28, 28), 256),
            ("labels-idx1", 0x801, (count,), len(classes)),
        ):
            with gzip.open(folder / f"emnist-bymerge-{split}-{what}-ubyte.gz", "wb", compresslevel=1) as file:
                file.write(np.array([magic, *shape], ">u4").tobytes())
                for start in range(0, count, 4096):
                    size = (min(4096, count - start), *shape[1:])
                    file.write(rng.integers(0, high, size, dtype=np.uint8).tobytes())


if __name__ == "__main__":
    main()
