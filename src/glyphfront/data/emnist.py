"""EMNIST's six splits: official gzip IDX files, and where to get them.

Cohen, Afshar, Tapson, van Schaik 2017, "EMNIST: an extension of MNIST to handwritten letters", arXiv:1702.05373;
files from https://www.nist.gov/itl/products-and-services/emnist-dataset; IDX as in https://yann.lecun.com/exdb/mnist.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import shutil
import string
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from glyphfront.data import EMNIST_SETS, Split
from glyphfront.data.dataset import Dataset, Images, Labels
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically

_UPPER = string.digits + string.ascii_uppercase
_MERGED = _UPPER + "abdefghnqrt"  # lower case that differs from upper case (arXiv:1702.05373, section II-B)
CLASSES = {
    "balanced": tuple(_MERGED),
    "bymerge": tuple(_MERGED),
    "byclass": tuple(_UPPER + string.ascii_lowercase),
    "letters": tuple(string.ascii_uppercase),
    "digits": tuple(string.digits),
    "mnist": tuple(string.digits),
}
"""Class names by split. A letter of `letters`, like a merged one of `balanced`, stands for both its cases."""

COUNTS = {
    "balanced": {"train": 112_800, "test": 18_800},
    "bymerge": {"train": 697_932, "test": 116_323},
    "byclass": {"train": 697_932, "test": 116_323},
    "letters": {"train": 124_800, "test": 20_800},
    "digits": {"train": 240_000, "test": 40_000},
    "mnist": {"train": 60_000, "test": 10_000},
}
"""Images in the official files."""

_SUMS = """\
117fc12b015e37ea98bfb2cbba3f77c3782c056cdbd219b87abfc8661d7135db 4714707 emnist-balanced-test-images-idx3-ubyte.gz
a67cac948379b67270b9a4d0a01c8ec661598accf2f2b1964340b7c83cb175cd 13504 emnist-balanced-test-labels-idx1-ubyte.gz
74295e75e4e9fa2c102147460ee7eb763653d5132d883a84fb88932bfb8d2db4 28207740 emnist-balanced-train-images-idx3-ubyte.gz
b46d41e5156a0a8aaaa4d18979fdd1588850fa8571018acffd5d93b325a7d6ed 80618 emnist-balanced-train-labels-idx1-ubyte.gz
5ec835bd5d5b1a66378a132e727fef20fe994b3cc666899befcca5ac766f50cd 28908322 emnist-byclass-test-images-idx3-ubyte.gz
501e305eeeacb093b162592d80e8a2632040872360fa6d85cfcb2200d91ca92a 81839 emnist-byclass-test-labels-idx1-ubyte.gz
9e21987f03a6eb8b870187e785883ddad96947299587908f1a7ec2ca0f4be5f0 173367313 emnist-byclass-train-images-idx3-ubyte.gz
f7ef403d48dc18a89dae0d83d11ee69cecb6e1c12c3a961d03712e495c02a8fa 491603 emnist-byclass-train-labels-idx1-ubyte.gz
5e5815ec1b522089134435f7c55e75a00960b58414793593ffff23efc0821683 28905295 emnist-bymerge-test-images-idx3-ubyte.gz
8bda1516255683ba9071e141947ca0c91a911176065cdd6259b0b4d8dc5b5f35 79351 emnist-bymerge-test-labels-idx1-ubyte.gz
39bf8c68037dad40db35348895f7e4e056e8c0a005ab78869c9fbc2c96e947be 173375281 emnist-bymerge-train-images-idx3-ubyte.gz
2c47293b9e62d6abf6ad05fbf67e40baa32adfd380b8d7b44dcc35534b64e1f1 476444 emnist-bymerge-train-labels-idx1-ubyte.gz
20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63 9908519 emnist-digits-test-images-idx3-ubyte.gz
bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0 19960 emnist-digits-test-labels-idx1-ubyte.gz
f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726 59515779 emnist-digits-train-images-idx3-ubyte.gz
6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e 113859 emnist-digits-train-labels-idx1-ubyte.gz
50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d 5039157 emnist-letters-test-images-idx3-ubyte.gz
924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb 144 emnist-letters-test-labels-idx1-ubyte.gz
6288f418a917e007bf5fddb823a2dc7a5c6a35031401b93292a539cb12bd881f 30804864 emnist-letters-train-images-idx3-ubyte.gz
9759af91ea6bccdf07a6040fd085861f2ec88e37f7c3f5760f6feb57106fbe5c 79283 emnist-letters-train-labels-idx1-ubyte.gz
b25640fa9e356c618132f5df347c95ef5bae6d9c2596be1de40f7e0ae1c3eac6 2484884 emnist-mnist-test-images-idx3-ubyte.gz
bcc5385d38f083dba046f5f756e99b32f5ea7fad122c6243c71c2239873065ca 5144 emnist-mnist-test-labels-idx1-ubyte.gz
5f9942f441031c0f1f2e4d162059fd6e19ea808b34c328b6d16cab0ed24c78f2 14873795 emnist-mnist-train-images-idx3-ubyte.gz
00c6d3c2342fdffb1711e0b5656cac4ce5862d2826399d383a9bac07d612e9f8 29480 emnist-mnist-train-labels-idx1-ubyte.gz"""

OFFICIAL = {name: (sha256, int(size)) for sha256, size, name in map(str.split, _SUMS.splitlines())}
"""sha256 and bytes of the official files; the six mapping files follow from `CLASSES`."""

MIRRORS = ("https://huggingface.co/datasets/Heliosoph/EMNIST/resolve/main",)
"""Byte-for-byte copies with one file a download; they need not hold every split."""

BUNDLE = ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "md5:58c8d27c78d21e728a6bc7b3cc06412e")
"""NIST's own file with all six splits under ``gzip/``, about 540 MB."""

_MAGIC = {"images": 0x0803, "labels": 0x0801}
_DEFLATE_RATIO = 1032  # the most that deflate can expand (https://zlib.net/zlib_tech.html)
_CHUNK = 4096  # images
_TRIES = 3


def _file(name: str, split: str, what: str) -> str:
    return f"emnist-{name}-{split}-{what}-idx{_MAGIC[what] & 0xFF}-ubyte.gz"


def _mapping_file(name: str) -> str:
    return f"emnist-{name}-mapping.txt"


def read_split(name: str, split: Split, folder: Path) -> Dataset:
    """Read one split of one split.

    The files store images transposed and `letters` counts from 1; both are undone here.

    Args:
        name: one of `glyphfront.data.EMNIST_SETS`.
        split: which file.
        folder: holds the files themselves; see `find_folder`.

    Returns:
        A Dataset whose source is ``"official"`` if both files are the official ones by their sha256, and otherwise
        says how many images there are of how many.

    Raises:
        GlyphfrontError: a file is missing, no gzip IDX, truncated, or does not fit the others; the message names it.
    """
    paths = {what: folder / _file(name, split, what) for what in _MAGIC}
    classes, first = _read_mapping(folder / _mapping_file(name))
    stored = _read_labels(paths["labels"])
    images = _read_images(paths["images"])
    if len(stored) != len(images):
        raise GlyphfrontError(
            f"{paths['labels']}: {len(stored):,} labels, but {paths['images'].name} has {len(images):,} images"
        )
    labels = stored - first
    strange = stored[(labels < 0) | (labels >= len(classes))]
    if len(strange):
        raise GlyphfrontError(f"{paths['labels']}: label {strange[0]} is not in {_mapping_file(name)}")
    official = classes == CLASSES[name] and all(_is_official(path, OFFICIAL) for path in paths.values())
    source = f"unofficial, {len(images):,} of {COUNTS[name][split]:,} {split} images"
    return Dataset(name, split, images, labels, classes, "official" if official else source)


def _read_mapping(path: Path) -> tuple[tuple[str, ...], int]:
    """Class names, and the label of the first; a line is ``label codepoint [codepoint of the other case]``."""
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        rows = [[int(field) for field in line.split()] for line in lines if line.strip()]
        classes = tuple(chr(codepoint) for _, codepoint, *_ in rows)
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file") from None
    except OSError as error:
        raise GlyphfrontError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, OverflowError):
        raise GlyphfrontError(f"{path}: not a mapping file: a line is a label and one or two code points") from None
    if not rows or [row[0] for row in rows] != list(range(rows[0][0], rows[0][0] + len(rows))):
        raise GlyphfrontError(f"{path}: not a mapping file: labels must count upwards without gaps")
    if len(set(classes)) < len(classes):
        raise GlyphfrontError(f"{path}: not a mapping file: two labels have the same code point")
    return classes, rows[0][0]


@contextmanager
def _open_idx(path: Path, what: str) -> Iterator[tuple[BinaryIO, tuple[int, ...]]]:
    """The stream after the header, and the shape that the header declares; every fault is one line."""
    try:
        with gzip.open(path) as stream:
            magic = int.from_bytes(stream.read(4), "big")
            if magic != _MAGIC[what]:
                raise GlyphfrontError(
                    f"{path}: not an IDX file of {what}: its magic number is {magic:#010x}, not {_MAGIC[what]:#010x}"
                )
            dimensions = magic & 0xFF
            header = stream.read(4 * dimensions)
            if len(header) < 4 * dimensions:
                raise GlyphfrontError(f"{path}: ends inside its header")
            shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
            if math.prod(shape) > _DEFLATE_RATIO * path.stat().st_size:
                raise GlyphfrontError(f"{path}: declares {shape[0]:,} {what}, more than a file of its size can hold")
            yield cast(BinaryIO, stream), shape
            if stream.read(1):
                raise GlyphfrontError(f"{path}: holds more than the {shape[0]:,} {what} it declares")
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file") from None
    except EOFError:
        raise GlyphfrontError(f"{path}: truncated gzip file; get it again") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise GlyphfrontError(f"{path}: not a gzip file, or a corrupt one ({error}); get it again") from None
    except OSError as error:
        raise GlyphfrontError(f"{path}: cannot be read: {error.strerror}") from None


def _read_exactly(stream: BinaryIO, size: int, path: Path, declared: str) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise GlyphfrontError(f"{path}: ends before the {declared} it declares")
    return data


def _read_labels(path: Path) -> Labels:
    with _open_idx(path, "labels") as (stream, (count,)):
        return np.frombuffer(_read_exactly(stream, count, path, f"{count:,} labels"), np.uint8).astype(np.int64)


def _read_images(path: Path) -> Images:
    with _open_idx(path, "images") as (stream, (count, *sides)):
        if sides != [28, 28]:
            raise GlyphfrontError(f"{path}: images are {sides[0]}x{sides[1]}, not 28x28")
        images = np.empty((count, 28, 28), np.uint8)
        for start in range(0, count, _CHUNK):
            chunk = images[start : start + _CHUNK]
            data = _read_exactly(stream, chunk.size, path, f"{count:,} images")
            chunk[:] = np.frombuffer(data, np.uint8).reshape(-1, 28, 28).transpose(0, 2, 1)
        return images


def _is_official(path: Path, official: Mapping[str, tuple[str, int]]) -> bool:
    sha256, size = official[path.name]
    if path.stat().st_size != size:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def _place(folder: Path | None) -> Path:
    if folder is not None:
        return folder
    if os.environ.get("GLYPHFRONT_DATA"):
        return Path(os.environ["GLYPHFRONT_DATA"])
    import platformdirs

    return platformdirs.user_cache_path("glyphfront", appauthor=False) / "emnist"


def _within(place: Path, name: str) -> Path | None:
    """`place`, or its subfolder ``gzip`` as NIST's bundle unpacks: whichever holds files of the split."""
    return next((at for at in (place, place / "gzip") if any(at.glob(f"emnist-{name}-*.gz"))), None)


def find_folder(name: str, folder: Path | None = None) -> Path:
    """The folder that holds the files of a split.

    Args:
        name: one of `glyphfront.data.EMNIST_SETS`.
        folder: where to look, itself or its subfolder ``gzip``; by default what the environment variable
            GLYPHFRONT_DATA names, and without it the user's cache folder.

    Raises:
        GlyphfrontError: no such split, or no file of it is there.
    """
    _check_name(name)
    place = _place(folder)
    found = _within(place, name)
    if found is None:
        raise GlyphfrontError(
            f"{place}: no files of EMNIST {name} there; get them with `glyphfront data fetch {name}`, or name a folder "
            "that has the official files with --data-dir or GLYPHFRONT_DATA"
        )
    return found


def _check_name(name: str) -> None:
    if name not in EMNIST_SETS:
        raise GlyphfrontError(f"EMNIST has no split {name!r}; it has {', '.join(EMNIST_SETS)}")


def fetch(
    name: str,
    folder: Path | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    bundle: tuple[str, str] = BUNDLE,
    official: Mapping[str, tuple[str, int]] = OFFICIAL,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Download the files of a split that are not there yet.

    They come from the first source that has them: each mirror, file by file, then NIST's bundle, which stays beside
    them so that another split needs no second download. A file gets its name only after its sha256 was checked; a
    download that breaks off goes on where it stopped, now or at the next call.

    Args:
        name: one of `glyphfront.data.EMNIST_SETS`.
        folder: where to put them; by default where `find_folder` looks.
        mirrors: addresses under which the files lie.
        bundle: address and checksum of the zip file.
        official: sha256 and bytes of each file.
        timeout: seconds without a byte after which a connection counts as broken.
        pause: seconds before the first of two more tries; twice as many before the second.

    Returns:
        The folder that holds the files, as `find_folder` finds it.

    Raises:
        GlyphfrontError: no such split, no source gave the right bytes, another file has the name of an official one,
            or the folder cannot be written.
    """
    _check_name(name)
    place = _place(folder)
    target = _within(place, name) or place
    console = Console(stderr=True)
    files = [_file(name, split, what) for split in ("train", "test") for what in _MAGIC]
    try:
        target.mkdir(parents=True, exist_ok=True)
        present = [file for file in files if (target / file).exists()]
        for file in present:
            if not _is_official(target / file, official):
                raise GlyphfrontError(
                    f"{target / file}: not the official file; move it away, or fetch into another folder (--data-dir)"
                )
        missing = [file for file in files if file not in present]
        if missing:
            _download(missing, target, mirrors, bundle, official, timeout, pause, console)
        if not (target / _mapping_file(name)).exists():
            _write_mapping(name, target)
    except OSError as error:
        raise GlyphfrontError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def _write_mapping(name: str, target: Path) -> None:
    """The official mapping file, which is too small to be worth a download."""
    if name == "letters":
        lines = [f"{i} {ord(c)} {ord(c.lower())}\r\n" for i, c in enumerate(CLASSES[name], 1)]
    else:
        lines = [f"{i} {ord(c)}\r\n" for i, c in enumerate(CLASSES[name])]
    write_atomically(target / _mapping_file(name), lambda partial: partial.write_bytes("".join(lines).encode()))


def _download(
    files: list[str],
    target: Path,
    mirrors: Sequence[str],
    bundle: tuple[str, str],
    official: Mapping[str, tuple[str, int]],
    timeout: float,
    pause: float,
    console: Console,
) -> None:
    """Bring `files` into `target` from the first sources that have them."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    columns = (TextColumn("{task.description}"), BarColumn(12), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)

    def get(url: str, checksum: str, file: str) -> Path:
        downloader = _resuming_downloader(target / f"{file}.partial", timeout, pause, progress)
        return Path(pooch.retrieve(url, checksum, file, target, downloader=downloader))

    faults: list[str] = []
    with progress:
        for mirror in mirrors:
            try:
                while files:
                    get(f"{mirror}/{files[0]}", f"sha256:{official[files[0]][0]}", files[0])
                    files = files[1:]
            except (requests.RequestException, ValueError) as error:
                faults.append(f"{mirror}/{files[0]}: {_reason(error)}")
                console.print(f"{faults[-1]}; trying the next source", highlight=False, soft_wrap=True)
        if not files:
            return
        try:
            packed = get(bundle[0], bundle[1], bundle[0].rpartition("/")[2])
        except (requests.RequestException, ValueError) as error:
            faults.append(f"{bundle[0]}: {_reason(error)}")
            raise GlyphfrontError(
                f"no source gave the files ({'; '.join(faults)}); the same command goes on where it stopped, "
                "or name a folder that has the official files with --data-dir or GLYPHFRONT_DATA"
            ) from None
    _unpack(files, packed, official)


def _unpack(files: list[str], packed: Path, official: Mapping[str, tuple[str, int]]) -> None:
    with zipfile.ZipFile(packed) as archive:
        for file in files:
            partial = packed.with_name(f"{file}.partial")
            with archive.open(f"gzip/{file}") as source, partial.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            with partial.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != official[file][0]:
                    partial.unlink()
                    raise GlyphfrontError(f"{packed}: {file} in it has the wrong sha256; delete it and try again")
            partial.replace(packed.with_name(file))


def _resuming_downloader(
    partial: Path, timeout: float, pause: float, progress: Progress
) -> Callable[[str, str, object], None]:
    """A downloader for pooch that keeps what has come in `partial`, and asks only for the rest after a break."""
    import requests

    def download(url: str, output_file: str, _pooch: object) -> None:
        name = partial.stem.removeprefix("emnist-").removesuffix("-ubyte.gz")
        task = progress.add_task(name, total=None)
        failures = 0
        while True:
            before = _size(partial)
            try:
                _get_rest(url, partial, timeout, lambda done, total: progress.update(task, completed=done, total=total))
                break
            except requests.RequestException as error:
                failures = 1 if _size(partial) > before else failures + 1
                if failures == _TRIES or not _may_pass(error):
                    progress.remove_task(task)
                    raise
                time.sleep(pause * 2 ** (failures - 1))
        partial.replace(output_file)

    return download


def _get_rest(url: str, partial: Path, timeout: float, report: Callable[[int, int | None], None]) -> None:
    """Append to `partial` what it lacks of the file at `url` (RFC 9110, section 14: range requests).

    Raises:
        requests.RequestException: the server refuses, stalls, or breaks off; what has come stays.
    """
    import requests

    have = _size(partial)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if response.status_code == 416:  # nothing lies beyond what is there: all of it, or another file's
            if response.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            partial.unlink()
            raise requests.ConnectionError("the file on the server is shorter than what is here")
        response.raise_for_status()
        if response.status_code != 206:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with partial.open("ab" if have else "wb") as sink:
            for block in response.iter_content(1 << 16):
                have += sink.write(block)
                report(have, total)
        if total is not None and have < total:
            raise requests.ConnectionError("the connection broke off")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _may_pass(error: Exception) -> bool:
    """Whether another try can help: broken connections, silence and the server's own trouble."""
    import requests

    if isinstance(error, requests.HTTPError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _reason(error: Exception) -> str:
    """A few words for a fault of a source, whose own text runs over lines."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError) or "broke" in str(error):
        return "the connection broke off"
    if isinstance(error, requests.RequestException):
        return "no connection"
    return "wrong bytes (the checksum differs)"
