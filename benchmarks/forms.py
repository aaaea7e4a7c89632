"""Seconds and memory to read 112,800 images in each form that EMNIST is kept in, and 1,000 pictures from a folder.

Usage: python benchmarks/forms.py      needs EMNIST Balanced, in the folder that GLYPHFRONT_DATA names or the cache
"""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from glyphfront.data import load
from glyphfront.data.dataset import Dataset
from glyphfront.data.download import write_mapping
from glyphfront.errors import GlyphfrontError
from record import NEEDS_DATA, save

IMAGES, PICTURES = 112_800, 1000
HOW = (
    "EMNIST Balanced's training images, repeated to 112,800, written in each form and read twice in processes of their "
    "own: first, then with what the first one kept. CPU seconds and the process's greatest memory, of which 0.15 GiB "
    "are Python and its libraries. pictures: 1,000 gray PNG files of 112x112 pixels in class folders."
)
READ = """
import json, re, sys, time
from pathlib import Path
from glyphfront.data import load, load_all
began = time.process_time()
name, folder = sys.argv[1:]
images = len(load_all(name) if name.startswith("folder:") else load(name, "train", folder=Path(folder)))
seconds = time.process_time() - began
most = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())  # ru_maxrss counts the parent's, too
print(json.dumps([images, seconds, int(most[1]) / 2**20 if most else float("nan")]))
"""


def main() -> int:
    try:
        sample = load("balanced", "train")
    except GlyphfrontError as error:
        print(f"left out: {error}", file=sys.stderr)
        return NEEDS_DATA
    whole = sample.take(np.resize(np.arange(len(sample)), IMAGES))
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        for form, write in {"csv": write_csv, "parquet": write_parquet, "matlab": write_mat, "idx": write_idx}.items():
            folder = Path(place) / form
            folder.mkdir()
            write(folder, whole)
            write_mapping("balanced", folder)
            figures |= read(form, "balanced", folder)
        write_pictures(Path(place) / "pictures", sample.take(np.arange(PICTURES)))
        figures |= read("pictures", f"folder:{place}/pictures", Path(place))
    rate = 60 * PICTURES / figures["pictures_first_cpu_seconds"]
    save("forms", {**figures, "pictures_a_minute": rate}, how=HOW, repeats=1, libraries=("numpy", "pyarrow", "scipy"))
    return 0


def read(form: str, name: str, folder: Path) -> dict[str, float]:
    figures = {}
    for turn in ("first", "again"):
        command = [sys.executable, "-W", "ignore", "-c", READ, name, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        _, seconds, memory = json.loads(done.stdout)
        figures[f"{form}_{turn}_cpu_seconds"], figures[f"{form}_{turn}_gib"] = seconds, memory
    return figures


def transposed(data: Dataset) -> np.ndarray:
    return np.ascontiguousarray(data.images.transpose(0, 2, 1))


def write_csv(folder: Path, data: Dataset) -> None:
    with (folder / "emnist-balanced-train.csv").open("w") as file:
        for label, row in zip(data.labels.tolist(), transposed(data).reshape(len(data), -1), strict=True):
            file.write(f"{label},{','.join(map(str, row.tolist()))}\n")


def write_parquet(folder: Path, data: Dataset) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = []
    for image in transposed(data):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        pictures.append({"bytes": buffer.getvalue(), "path": None})
    pq.write_table(pa.table({"image": pictures, "label": data.labels}), folder / "train-00000-of-00001.parquet")


def write_mat(folder: Path, data: Dataset) -> None:
    from scipy.io import savemat

    train = {"images": transposed(data).reshape(len(data), -1), "labels": data.labels[:, None].astype(np.uint8)}
    savemat(folder / "emnist-balanced.mat", {"dataset": {"train": train}}, do_compression=True)


def write_idx(folder: Path, data: Dataset) -> None:
    for what, array in (("images-idx3", transposed(data)), ("labels-idx1", data.labels.astype(np.uint8))):
        head = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
        (folder / f"emnist-balanced-train-{what}-ubyte").write_bytes(head + array.tobytes())


def write_pictures(folder: Path, data: Dataset) -> None:
    for number, (image, label) in enumerate(zip(data.images, data.labels.tolist(), strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(255 - image).resize((112, 112), Image.Resampling.BICUBIC)
        picture.save(folder / str(label) / f"{number}.png")


if __name__ == "__main__":
    sys.exit(main())
