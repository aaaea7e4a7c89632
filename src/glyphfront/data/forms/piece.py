"""What a reader gives, and the bytes of a file with compression and faults dealt with."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.listing import ARCHIVE_FAULTS, File
from glyphfront.errors import GlyphfrontError

What = Literal["images", "labels"]


@dataclass(frozen=True)
class Piece:
    """What one file holds of one split.

    Attributes:
        images: (N, H, W) uint8 as stored; None in a file of labels.
        labels: (N,) int64 as stored; None in a file of images.
        names: a class name for each label from 0 on, where the file gives them.
        split: ``"train"`` or ``"test"`` where one file holds both; None where it holds one.
    """

    images: NDArray[np.uint8] | None
    labels: NDArray[np.int64] | None
    names: tuple[str, ...] | None = None
    split: str | None = None


def check_bytes(file: File) -> None:
    """Look whether a file is what is often found in the place of one.

    Raises:
        GlyphfrontError: it is empty, a web page, or the pointer that Git LFS leaves.
    """
    try:
        with file.open() as raw:
            start = raw.read(512)
    except OSError as error:
        raise GlyphfrontError(f"{file}: cannot be read: {error.strerror or error}") from None
    except ARCHIVE_FAULTS as error:
        raise GlyphfrontError(f"{file}: cannot be unpacked ({error}); get the archive again") from None
    if not start:
        raise GlyphfrontError(f"{file}: an empty file; get it again")
    if start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise GlyphfrontError(f"{file}: a web page, not data: the download went wrong; get it again")
    if start.startswith(b"version https://git-lfs"):
        raise GlyphfrontError(f"{file}: a pointer of Git LFS, not data; get the file itself with git lfs pull")


@contextmanager
def unpacked(file: File) -> Iterator[BinaryIO]:
    """The file's bytes, gzip and bzip2 undone where its first bytes say so; every fault is one line."""
    try:
        check_bytes(file)
        with file.open() as raw:
            start = raw.read(3)
        with file.open() as raw:
            if start[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield cast(BinaryIO, stream)
            elif start == b"BZh":
                with bz2.BZ2File(raw) as packed:
                    yield cast(BinaryIO, packed)
            else:
                yield raw
    except EOFError:
        raise GlyphfrontError(f"{file}: truncated gzip file; get it again") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise GlyphfrontError(f"{file}: a corrupt gzip file ({error}); get it again") from None
    except ARCHIVE_FAULTS as error:
        raise GlyphfrontError(f"{file}: cannot be unpacked ({error}); get the archive again") from None
    except OSError as error:
        raise GlyphfrontError(f"{file}: cannot be read: {error.strerror or error}") from None


def largest(file: File) -> int:
    """The most bytes that a file can hold unpacked.

    Deflate expands to 1,032 times at most (https://zlib.net/zlib_tech.html); bzip2 packed 45 MB of zeros into a
    thousandth of a thousandth.
    """
    with file.open() as raw:
        start = raw.read(3)
    return file.size * (1032 if start[:2] == b"\x1f\x8b" else 1_000_000 if start == b"BZh" else 1)
