"""Tables of numbers: a row an image, its label beside its pixels."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.forms.piece import Piece, What, unpacked
from glyphfront.data.forms.pixels import as_uint8, numbered, square
from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError

_ROWS = 4096  # at once: bounds the memory that a wide table takes
_LEAST_SIDE = 8  # pixels
_LABEL_NAMES = ("label", "labels", "class", "target", "y", "character")


@dataclass(frozen=True)
class _Layout:
    """Where a row has what."""

    fields: int
    delimiter: str | None  # None: spaces
    side: int  # of the image; 0 without one
    first_pixel: int
    label: int | None
    one_hot: int = 0  # columns behind the pixels, of which that of the row's class is 1


def read_table(file: File, what: What | None) -> list[Piece]:
    """Rows of a label and pixels, with commas, semicolons, tabs or spaces between them, with or without a header.

    The label stands in the column that the header names so, or else first. Semeion's ten columns behind the pixels are
    read too, and files that hold only images or only labels.

    Raises:
        GlyphfrontError: the file is damaged, or is no such table; the message names it and the row.
    """
    with unpacked(file) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace")
        lines = (line for line in text if line.strip())
        header, first, delimiter = _head(list(islice(lines, 2)))
        if not first:
            raise GlyphfrontError(f"{file}: holds no rows")
        layout = _layout(file, first[0], delimiter, header, what)
        pixels, labels = [], []
        number = 2 if header else 1
        rows = chain(first, lines)
        while block := list(islice(rows, _ROWS)):
            images, of_rows = _parse(file, block, layout, number)
            pixels.append(images)
            labels.append(of_rows)
            number += len(block)
    numbers, names = numbered(_chained(labels)) if layout.label is not None or layout.one_hot else (None, None)
    return [Piece(as_uint8(file, pixels) if layout.side else None, numbers, names)]


def _chained(labels: list[NDArray[Any]]) -> NDArray[Any]:
    if any(block.dtype.kind == "U" for block in labels):
        labels = [block.astype(str) for block in labels]
    return np.concatenate(labels)


def _fields(line: str, delimiter: str | None) -> list[str]:
    return [field.strip().strip('"') for field in line.strip().split(delimiter)]


def _head(lines: list[str]) -> tuple[list[str], list[str], str | None]:
    """The names of the columns (none without a header), the first rows, and what stands between fields."""
    if not lines:
        return [], [], None
    likeliest = max(",;\t", key=lines[0].count)
    delimiter = likeliest if likeliest in lines[0] else None
    fields = _fields(lines[0], delimiter)
    texts = sum(not _is_number(field) for field in fields)
    # pandas writes the second and third column called 0 as 0.1 and 0.2, and such a header is all numbers
    repeats = len(fields) > 2 and sum("." in field for field in fields) > len(fields) / 2
    is_header = texts > len(fields) / 2 or (
        repeats and not any("." in field for field in _fields(lines[-1], delimiter))
    )
    return (fields, lines[1:], delimiter) if is_header else ([], lines, delimiter)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _layout(file: File, row: str, delimiter: str | None, header: list[str], what: What | None) -> _Layout:
    fields = _fields(row, delimiter)
    count = len(fields)
    named = next((i for i, name in enumerate(header) if name.lower() in _LABEL_NAMES), None)
    if what == "labels":
        if count > 1 and named is None:
            raise GlyphfrontError(f"{file}: {count} columns where one of labels was expected")
        return _Layout(count, delimiter, 0, 0, named or 0)
    side = math.isqrt(count - 1)
    if what is None and side >= _LEAST_SIDE and side**2 == count - 1:
        last = named == count - 1
        return _Layout(count, delimiter, side, 0 if last else 1, count - 1 if last else 0)
    side = math.isqrt(count)
    if what == "images" and side >= _LEAST_SIDE and side**2 == count:
        return _Layout(count, delimiter, side, 0, None)
    if what is None and count == 16 * 16 + 10:
        return _Layout(count, delimiter, 16, 0, None, 10)
    raise GlyphfrontError(f"{file}: {count} columns are no label and square image; 785 are, with images of 28x28")


def _parse(file: File, block: list[str], layout: _Layout, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixels and labels of some rows, the first of which is row `number` of the file; labels may be texts."""
    texts = None
    try:
        table = _numbers(file, block, layout.delimiter, layout.fields, number)
    except GlyphfrontError:
        rows = [_fields(line, layout.delimiter) for line in block]
        label = layout.label
        if label is None or all(len(row) > label and _is_number(row[label]) for row in rows):
            raise
        texts = np.array([row[label] if len(row) > label else "" for row in rows])
        block = [" ".join([*row[:label], "0", *row[label + 1 :]]) for row in rows]
        table = _numbers(file, block, None, layout.fields, number)
    images = table[:, layout.first_pixel : layout.first_pixel + layout.side**2]
    pixels = square(images, layout.side) if layout.side else images
    if layout.one_hot:
        return pixels, table[:, -layout.one_hot :].argmax(1)
    if texts is not None:
        return pixels, texts
    return pixels, table[:, layout.label or 0].astype(np.int64)


def _numbers(file: File, block: list[str], delimiter: str | None, fields: int, number: int) -> NDArray[Any]:
    reason = ""
    for dtype in (np.uint8, np.float32):
        try:
            table = np.loadtxt(block, dtype, delimiter=delimiter, ndmin=2, comments=None, quotechar='"')
        except (ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())
            continue
        if table.shape[1] == fields:
            return table
        reason = f"{table.shape[1]} columns, not {fields}"
        break
    faulty = _first_faulty(block, delimiter, fields)
    raise GlyphfrontError(f"{file}: row {number + faulty} is not {fields} numbers as the others ({reason[:90]})")


def _first_faulty(block: Iterable[str], delimiter: str | None, fields: int) -> int:
    for position, line in enumerate(block):
        row = _fields(line, delimiter)
        if len(row) != fields or not all(map(_is_number, row)):
            return position
    return 0
