"""Each set of docs/data.md, in small files of its layout, reads as the page says."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from glyphfront.data import load, load_all
from glyphfront.data.dataset import Dataset
from glyphfront.data.download import write_mapping
from glyphfront.data.strokes import draw

PAGE = Path(__file__).parents[1] / "docs" / "data.md"


@pytest.fixture(scope="module")
def characters() -> Dataset:
    return draw(8, seed=1)


@pytest.fixture(scope="module")
def digits(characters: Dataset) -> Dataset:
    return characters.take(characters.labels < 10)


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def shape(number: int) -> np.ndarray:
    """A drawing unlike that of any other number, dark on white, 105x105."""
    page = Image.new("L", (105, 105), 255)
    pen = ImageDraw.Draw(page)
    pen.line((20, 20, 20 + number % 60, 90), fill=0, width=5)
    pen.line((20, 20, 90, 20 + number * 7 % 60), fill=0, width=5)
    return np.asarray(page)


def small(images: np.ndarray) -> np.ndarray:
    """(N, 16, 16) from (N, 28, 28)."""
    reduced = [np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR)) for image in images]
    return np.array(reduced)


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def emnist(root: Path, characters: Dataset, digits: Dataset) -> None:
    for split in ("train", "test"):
        write(root, {f"emnist-balanced-{split}-images-idx3-ubyte.gz": idx(characters.images.transpose(0, 2, 1))})
        write(root, {f"emnist-balanced-{split}-labels-idx1-ubyte.gz": idx(characters.labels)})
    write_mapping("balanced", root)
    found = load("balanced", "test", folder=root)
    np.testing.assert_array_equal(found.images, characters.images)
    assert found.classes == characters.classes


def mnist(root: Path, characters: Dataset, digits: Dataset) -> None:
    for start in ("train", "t10k"):
        write(
            root,
            {f"{start}-images-idx3-ubyte.gz": idx(digits.images), f"{start}-labels-idx1-ubyte.gz": idx(digits.labels)},
        )
    found = load("mnist", "test", folder=root)
    np.testing.assert_array_equal(found.images, digits.images)
    np.testing.assert_array_equal(found.labels, digits.labels)


def nist_sd19(root: Path, characters: Dataset, digits: Dataset) -> None:
    codes = {"4a": "J", "61": "a", "30": "0"}
    with zipfile.ZipFile(root / "by_class.zip", "w") as archive:
        for place, code in enumerate(codes):
            for part in ("hsf_0", "hsf_4", f"train_{code}"):
                archive.writestr(f"by_class/{code}/{part}/{part}_00000.png", png(shape(10 * place + len(part))))
            archive.writestr(f"by_class/{code}/hsf_0.mit", "hsf_0_00000.png")
    train, test = (load(f"folder:{root / 'by_class.zip'}", split) for split in ("train", "test"))
    assert (train.classes, train.counts().tolist()) == (("0", "J", "a"), [2, 2, 2])
    assert (test.classes, test.counts().tolist()) == (("0", "J", "a"), [1, 1, 1])


def chars74k(root: Path, characters: Dataset, digits: Dataset) -> None:
    for number in (1, 11, 37, 62):
        for k in range(3):
            write(root, {f"English/Hnd/Img/Sample{number:03}/img{number:03}-{k:03}.png": png(shape(number + 20 * k))})
    assert load_all(f"folder:{root / 'English/Hnd'}").classes == ("0", "A", "a", "z")


def omniglot(root: Path, characters: Dataset, digits: Dataset) -> None:
    for character in (1, 2):
        for person in range(1, 11):
            name = f"images_background/Greek/character{character:02}/{393 + character:04}_{person:02}.png"
            write(root, {name: png(shape(5 * person + character))})
    with pytest.warns(UserWarning, match="split by writer: 2 of 10 writers for testing"):
        test = load(f"folder:{root / 'images_background/Greek'}", "test")
    assert (test.classes, test.counts().tolist()) == (("character01", "character02"), [2, 2])


def semeion(root: Path, characters: Dataset, digits: Dataset) -> None:
    bits = (small(digits.images) > 100).reshape(len(digits), -1).astype(int)
    one_hot = np.eye(10, dtype=int)[digits.labels]
    rows = [
        " ".join([*(f"{bit}.0000" for bit in image), *map(str, hot)]) for image, hot in zip(bits, one_hot, strict=True)
    ]
    write(root, {"semeion.data": ("\n".join(rows) + "\n").encode()})
    found = load_all(f"folder:{root}")
    np.testing.assert_array_equal(found.labels, digits.labels)
    assert similar(found.images, digits.images)


def usps(root: Path, characters: Dataset, digits: Dataset) -> None:
    table = small(digits.images).reshape(len(digits), -1) / 127.5 - 1
    rows = [
        f"{label}.0000 " + " ".join(f"{x:.4f}" for x in row) for label, row in zip(digits.labels, table, strict=True)
    ]
    packed = gzip.compress("\n".join(rows).encode())
    write(root, {"zip.train.gz": packed, "zip.test.gz": packed})
    found = load(f"folder:{root}", "test")
    np.testing.assert_array_equal(found.labels, digits.labels)
    assert similar(found.images, digits.images)


HIRAGANA = "おきすつなはまやれを"


def kmnist(root: Path, characters: Dataset, digits: Dataset) -> None:
    mnist(root, characters, digits)
    classmap = "index,codepoint,char\r\n" + "".join(f"{i},U+{ord(c):04X},{c}\r\n" for i, c in enumerate(HIRAGANA))
    write(root, {"kmnist_classmap.csv": classmap.encode()})
    found = load(f"folder:{root}", "train")
    assert found.classes == tuple(HIRAGANA)
    np.testing.assert_array_equal(found.images, digits.images)


def k49(root: Path, characters: Dataset, digits: Dataset) -> None:
    names = [chr(0x3042 + number) for number in range(47)]
    for split in ("train", "test"):
        np.savez_compressed(root / f"k49-{split}-imgs.npz", characters.images)
        np.savez_compressed(root / f"k49-{split}-labels.npz", characters.labels.astype(np.uint8))
    classmap = "index,codepoint,char\n" + "".join(f"{i},U+{ord(c):04X},{c}\n" for i, c in enumerate(names))
    write(root, {"k49_classmap.csv": classmap.encode()})
    found = load(f"folder:{root}", "test")
    assert found.classes == tuple(names)
    np.testing.assert_array_equal(found.images, characters.images)


def similar(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether each image looks more like its own original than like most others."""
    a, b = (images.reshape(len(images), -1).astype(float) for images in (found, expected))
    a, b = ((rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True) for rows in (a, b))
    likeness = a @ b.T / a.shape[1]
    return float((likeness.diagonal()[:, None] >= likeness).mean()) > 0.9


SETS: dict[str, Callable[[Path, Dataset, Dataset], None]] = {
    "EMNIST": emnist,
    "MNIST": mnist,
    "NIST SD 19": nist_sd19,
    "Chars74K": chars74k,
    "Omniglot": omniglot,
    "Semeion": semeion,
    "USPS": usps,
    "KMNIST": kmnist,
    "K49": k49,
}


@pytest.mark.parametrize("name", SETS)
def test_a_well_known_set_reads_as_the_page_says(name, tmp_path, characters, digits):
    SETS[name](tmp_path, characters, digits)


def test_every_set_of_the_page_is_tried():
    table = PAGE.read_text(encoding="utf-8").partition("## Well-known sets")[2]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows[2:] == list(SETS)
