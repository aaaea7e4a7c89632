"""The same characters in every form that people keep them in, as files."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphfront.data.dataset import Dataset
from glyphfront.data.download import write_mapping
from glyphfront.data.emnist import read_split


def transposed(dataset: Dataset) -> np.ndarray:
    return np.ascontiguousarray(dataset.images.transpose(0, 2, 1))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def rows(images: np.ndarray, labels: np.ndarray) -> str:
    table = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
    return "".join(",".join(map(str, row)) + "\n" for row in table.tolist())


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_torchvision(folder: Path, data: Dataset) -> None:
    raw = folder / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "emnist-balanced-train-images-idx3-ubyte").write_bytes(idx(transposed(data)))
    (raw / "emnist-balanced-train-labels-idx1-ubyte").write_bytes(idx(data.labels))
    write_mapping("balanced", raw)


def write_unpacked_by_name(folder: Path, data: Dataset) -> None:
    """Some unpackers make a folder of each file's name."""
    for what, array in (("images-idx3", transposed(data)), ("labels-idx1", data.labels)):
        inner = folder / f"emnist-balanced-train-{what}-ubyte"
        inner.mkdir()
        (inner / inner.name).write_bytes(idx(array))
    write_mapping("balanced", folder)


def write_raw_called_gz(folder: Path, data: Dataset) -> None:
    """Browsers unpack some downloads and leave their names."""
    (folder / "emnist-balanced-train-images-idx3-ubyte.gz").write_bytes(idx(transposed(data)))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(idx(data.labels))
    write_mapping("balanced", folder)


def write_bz2_with_underscores(folder: Path, data: Dataset) -> None:
    (folder / "emnist_balanced_train_images_idx3_ubyte.bz2").write_bytes(bz2.compress(idx(transposed(data))))
    (folder / "emnist_balanced_train_labels_idx1_ubyte.bz2").write_bytes(bz2.compress(idx(data.labels)))
    write_mapping("balanced", folder)


def write_downloaded_twice(folder: Path, data: Dataset) -> None:
    """Browsers number what was downloaded before; the mapping went through a spreadsheet."""
    (folder / "emnist-balanced-train-images-idx3-ubyte (1).gz").write_bytes(gzip.compress(idx(transposed(data))))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(data.labels)))
    mapping = "".join(f"{i};{ord(c)}\r\n" for i, c in enumerate(data.classes))
    (folder / "emnist-balanced-mapping.txt").write_bytes(mapping.encode("utf-16"))


def write_csv_in_utf16(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train.csv").write_bytes(rows(transposed(data), data.labels).encode("utf-16"))
    write_mapping("balanced", folder)


def write_zip(folder: Path, data: Dataset) -> None:
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for what, array in (("images-idx3", transposed(data)), ("labels-idx1", data.labels)):
            archive.writestr(f"gzip/emnist-balanced-train-{what}-ubyte.gz", gzip.compress(idx(array)))
        archive.writestr(
            "gzip/emnist-balanced-mapping.txt", "".join(f"{i} {ord(c)}\n" for i, c in enumerate(data.classes))
        )


def write_csv(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train.csv").write_text(rows(transposed(data), data.labels))
    write_mapping("balanced", folder)


def write_csv_with_header(folder: Path, data: Dataset) -> None:
    header = ",".join(["label", *(f"{r + 1}x{c + 1}" for r in range(28) for c in range(28))])
    (folder / "emnist-balanced-train.csv").write_text(f"{header}\n{rows(transposed(data), data.labels)}")
    write_mapping("balanced", folder)


def write_csv_with_pandas_header(folder: Path, data: Dataset) -> None:
    header = ",".join(["5", "0", *(f"0.{i}" for i in range(1, 784))])
    (folder / "emnist-balanced-train.csv").write_text(f"{header}\n{rows(transposed(data), data.labels)}")
    write_mapping("balanced", folder)


def write_csv_label_last(folder: Path, data: Dataset) -> None:
    with (folder / "balanced_train.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow([*(f"pixel{i}" for i in range(784)), "label"])
        writer.writerows(
            [[*image.reshape(-1), label] for image, label in zip(transposed(data), data.labels, strict=True)]
        )
    write_mapping("balanced", folder)


def write_csv_with_numbered_columns(folder: Path, data: Dataset) -> None:
    """As pandas writes what it read without a header."""
    header = ",".join(map(str, range(785))) + "\n"
    (folder / "emnist-balanced-train.csv").write_text(header + rows(transposed(data), data.labels))
    write_mapping("balanced", folder)


def write_csv_with_numbered_rows(folder: Path, data: Dataset) -> None:
    """As pandas writes unless told otherwise."""
    lines = rows(transposed(data), data.labels).splitlines()
    header = ",label," + ",".join(f"pixel{i}" for i in range(784)) + "\n"
    (folder / "emnist-balanced-train.csv").write_text(header + "".join(f"{n},{line}\n" for n, line in enumerate(lines)))
    write_mapping("balanced", folder)


def write_csv_with_decimal_commas(folder: Path, data: Dataset) -> None:
    table = np.concatenate([data.labels[:, None], transposed(data).reshape(len(data), -1) / 255], axis=1)
    text = "".join(";".join(f"{value:.4f}" for value in row) + "\n" for row in table.tolist())
    (folder / "emnist-balanced-train.csv").write_text(text.replace(".", ","))
    write_mapping("balanced", folder)


def write_csv_label_last_without_header(folder: Path, data: Dataset) -> None:
    table = np.concatenate([transposed(data).reshape(len(data), -1), data.labels[:, None]], axis=1)
    text = "".join(",".join(map(str, row)) + "\n" for row in table.tolist())
    (folder / "emnist-balanced-train.csv").write_text(text)
    write_mapping("balanced", folder)


def write_csv_of_floats(folder: Path, data: Dataset) -> None:
    table = np.concatenate([data.labels[:, None], transposed(data).reshape(len(data), -1) / 255], axis=1)
    np.savetxt(folder / "emnist-balanced-train.csv", table, "%.8f", delimiter=",")
    write_mapping("balanced", folder)


def write_csv_gz(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train.csv.gz").write_bytes(gzip.compress(rows(transposed(data), data.labels).encode()))
    write_mapping("balanced", folder)


def write_csv_of_characters(folder: Path, data: Dataset) -> None:
    """The character itself as label."""
    lines = rows(transposed(data), data.labels).splitlines()
    text = "".join(
        data.classes[label] + line[line.index(",") :] + "\n" for label, line in zip(data.labels, lines, strict=True)
    )
    (folder / "emnist-balanced-train.csv").write_text(text)


def write_mat(folder: Path, data: Dataset) -> None:
    from scipy.io import savemat

    # MATLAB counts down columns first, so that a row of 784 is the image transposed
    part = {"images": transposed(data).reshape(len(data), -1), "labels": data.labels[:, None].astype(np.uint8)}
    mapping = np.array([[i, ord(c)] for i, c in enumerate(data.classes)])
    dataset = {"train": part, "test": part, "mapping": mapping}
    savemat(folder / "emnist-balanced.mat", {"dataset": dataset}, do_compression=True)


def write_npz(folder: Path, data: Dataset) -> None:
    np.savez(
        folder / "emnist-balanced.npz", x_train=data.images, y_train=data.labels, x_test=data.images, y_test=data.labels
    )
    write_mapping("balanced", folder)


def write_npz_pair(folder: Path, data: Dataset) -> None:
    np.savez(folder / "balanced-train-imgs.npz", data.images)
    np.savez(folder / "balanced-train-labels.npz", data.labels)
    write_mapping("balanced", folder)


def write_npz_of_colours(folder: Path, data: Dataset) -> None:
    colours = np.repeat(transposed(data)[..., None], 3, axis=3)
    np.savez(folder / "emnist-balanced.npz", train_data=colours, train_classes=data.labels)
    write_mapping("balanced", folder)


def write_npy_pair(folder: Path, data: Dataset) -> None:
    """Floats in 0 to 1 with a channel axis, labels one-hot."""
    np.save(folder / "balanced_x_train.npy", (data.images[..., None] / 255).astype(np.float32))
    np.save(folder / "balanced_y_train.npy", np.eye(len(data.classes))[data.labels])
    write_mapping("balanced", folder)


def write_parquet(folder: Path, data: Dataset) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    kind = {"names": [str(i) for i in range(47)], "_type": "ClassLabel"}
    hub = {"info": {"features": {"image": {"_type": "Image"}, "label": kind}}}
    cut = len(data) // 2
    (folder / "data").mkdir()
    for number, part in enumerate((slice(0, cut), slice(cut, None))):
        pictures = [{"bytes": png(image), "path": None} for image in transposed(data)[part]]
        table = pa.table({"image": pictures, "label": data.labels[part]})
        table = table.replace_schema_metadata({"huggingface": json.dumps(hub)})
        pq.write_table(table, folder / "data" / f"train-0000{number}-of-00002.parquet")


def write_parquet_of_numbers(folder: Path, data: Dataset) -> None:
    """Pixels from 0 to 1 in lists, the character itself as label."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pixels = (transposed(data) / 255).astype(np.float32).reshape(len(data), -1)
    values = pa.FixedSizeListArray.from_arrays(pa.array(pixels.ravel()), 784)
    texts = pa.array([data.classes[label] for label in data.labels]).dictionary_encode()
    pq.write_table(pa.table({"pixels": values, "character": texts}), folder / "train.parquet")


def write_parquet_of_columns(folder: Path, data: Dataset) -> None:
    """As pandas writes a table with a column a pixel."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pixels = transposed(data).reshape(len(data), -1)
    columns = {"label": data.labels, **{f"pixel{i}": pixels[:, i] for i in range(784)}}
    pq.write_table(pa.table(columns), folder / "train.parquet")


def write_upright(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(data.images)))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(data.labels)))
    write_mapping("balanced", folder)


def write_inverted(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(255 - transposed(data))))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(data.labels)))
    write_mapping("balanced", folder)


WRITERS = [value for name, value in list(globals().items()) if name.startswith("write_") and name != "write_mapping"]


def read_noting(folder: Path, name: str = "balanced", split: str = "train") -> tuple[Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = read_split(name, split, folder)
    return dataset, [str(warning.message) for warning in caught]
