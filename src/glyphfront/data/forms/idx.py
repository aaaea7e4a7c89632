"""IDX files, MNIST's own form (https://yann.lecun.com/exdb/mnist), packed or not."""

from __future__ import annotations

import math

import numpy as np

from glyphfront.data.forms.piece import Piece, What, largest, unpacked
from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError

_MAGIC = {"images": 0x0803, "labels": 0x0801}
_CHUNK = 4096  # images


def read_idx(file: File, what: What | None) -> list[Piece]:
    """Images or labels, whichever `what` says.

    Raises:
        GlyphfrontError: the file is damaged, or holds the other.
    """
    with unpacked(file) as stream:
        start = stream.read(4)
        magic = int.from_bytes(start, "big")
        if what is None:
            what = "labels" if magic == _MAGIC["labels"] else "images"
        if magic != _MAGIC[what]:
            _refuse_idx(file, what, start)
        dimensions = magic & 0xFF
        header = stream.read(4 * dimensions)
        if len(header) < 4 * dimensions:
            raise GlyphfrontError(f"{file}: ends inside its header")
        shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
        if math.prod(shape) > largest(file):
            if largest(file) > file.size:
                raise GlyphfrontError(f"{file}: declares {shape[0]:,} {what}, more than a file of its size can hold")
            raise GlyphfrontError(f"{file}: ends before the {shape[0]:,} {what} it declares")
        data = np.empty(shape, np.uint8)
        for begin in range(0, shape[0], _CHUNK):
            chunk = data[begin : begin + _CHUNK]
            bytes_read = stream.read(chunk.size)
            if len(bytes_read) < chunk.size:
                raise GlyphfrontError(f"{file}: ends before the {shape[0]:,} {what} it declares")
            chunk[:] = np.frombuffer(bytes_read, np.uint8).reshape(chunk.shape)
        if stream.read(1):
            raise GlyphfrontError(f"{file}: holds more than the {shape[0]:,} {what} it declares")
    return [Piece(data, None) if what == "images" else Piece(None, data.astype(np.int64))]


def _refuse_idx(file: File, what: What, start: bytes) -> None:
    magic = int.from_bytes(start, "big")
    other = next((kind for kind, number in _MAGIC.items() if number == magic), None)
    if other is not None:
        raise GlyphfrontError(
            f"{file}: not an IDX file of {what}: its magic number is {magic:#010x}, that of {other}; "
            "the two files seem to have each other's names"
        )
    if file.name.endswith(".gz") and len(start) == 4 and start[:2] != b"\0\0":
        raise GlyphfrontError(f"{file}: not a gzip file, or a corrupt one, and no IDX file either; get it again")
    raise GlyphfrontError(
        f"{file}: not an IDX file of {what}: its magic number is {magic:#010x}, not {_MAGIC[what]:#010x}; get it again"
    )
