"""Tables of numbers: a row an image, its label beside its pixels."""

from __future__ import annotations

import codecs
import io
import math
from collections import Counter
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
_CORNER = 0.9  # share of a column's most frequent value: at least that of a pixel in a corner,
_LABEL = 0.6  # and less than that of a label
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

    The label stands in the column that the header names so, or else first; last where the first column looks like a
    corner of the images. Semeion's ten columns behind the pixels are read too, and files that hold only images or only
    labels.

    Raises:
        GlyphfrontError: the file is damaged, or is no such table; the message names it and the row.
    """
    with unpacked(file) as stream:
        wide = stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # type: ignore[attr-defined]
        text = io.TextIOWrapper(stream, encoding="utf-16" if wide else "utf-8-sig", errors="replace")
        lines = (line for line in text if line.strip())
        header, first, delimiter = _head(list(islice(lines, 2)))
        if not first:
            raise GlyphfrontError(f"{file}: holds no rows")
        rows = chain(first, lines)
        some = list(islice(rows, _ROWS))
        layout = _layout(file, some, delimiter, header, what)
        pixels, labels = [], []
        number = 2 if header else 1
        rows = chain(some, rows)
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
    return [field.strip().strip('"') for field in _with_points(line, delimiter).strip().split(delimiter)]


def _with_points(line: str, delimiter: str | None) -> str:
    """Where semicolons part the fields, a comma is the decimal one of half of Europe."""
    return line.replace(",", ".") if delimiter == ";" else line


def _head(lines: list[str]) -> tuple[list[str], list[str], str | None]:
    """The names of the columns (none without a header), the first rows, and what stands between fields."""
    if not lines:
        return [], [], None
    delimiter = next((mark for mark in ";\t," if mark in lines[0]), None)  # a comma beside them is a decimal one
    fields = _fields(lines[0], delimiter)
    texts = sum(not _is_number(field) for field in fields)
    # pandas writes the second and third column called 0 as 0.1 and 0.2, and such a header is all numbers
    repeats = len(fields) > 2 and sum("." in field for field in fields) > len(fields) / 2
    counted = len(fields) > _LEAST_SIDE**2 and fields in (
        [str(i + start) for i in range(len(fields))] for start in (0, 1)
    )
    is_header = (
        texts > len(fields) / 2
        or counted
        or (repeats and not any("." in field for field in _fields(lines[-1], delimiter)))
    )
    return (fields, lines[1:], delimiter) if is_header else ([], lines, delimiter)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _layout(file: File, rows: list[str], delimiter: str | None, header: list[str], what: What | None) -> _Layout:
    fields = _fields(rows[0], delimiter)
    count = len(fields)
    named = next((i for i, name in enumerate(header) if name.lower() in _LABEL_NAMES), None)
    if what == "labels":
        if count > 1 and named is None:
            raise GlyphfrontError(f"{file}: {count} columns where one of labels was expected")
        return _Layout(count, delimiter, 0, 0, named or 0)
    index = int(what is None and count > 2 and math.isqrt(count - 2) ** 2 == count - 2 and _counts_up(rows, delimiter))
    side = math.isqrt(count - 1 - index)
    if what is None and side >= _LEAST_SIDE and side**2 == count - 1 - index:
        last = named == count - 1 or (named is None and _label_is_last(rows, delimiter))
        return _Layout(count, delimiter, side, index if last else index + 1, count - 1 if last else index)
    side = math.isqrt(count)
    if what == "images" and side >= _LEAST_SIDE and side**2 == count:
        return _Layout(count, delimiter, side, 0, None)
    if what is None and count == 16 * 16 + 10:
        return _Layout(count, delimiter, 16, 0, None, 10)
    raise GlyphfrontError(f"{file}: {count} columns are no label and square image; 785 are, with images of 28x28")


def _counts_up(rows: list[str], delimiter: str | None) -> bool:
    """Whether the first column numbers the rows, as pandas writes it."""
    firsts = [row.split(delimiter, 1)[0].strip().strip('"') for row in rows]
    return any(firsts == [str(number) for number in range(start, start + len(firsts))] for start in (0, 1))


def _label_is_last(rows: list[str], delimiter: str | None) -> bool:
    """Whether the first column is nearly the same in all rows, as a corner of images is, and the last one is not."""
    first = Counter(row.split(delimiter, 1)[0].strip() for row in rows)
    last = Counter(row.strip().rsplit(delimiter, 1)[-1].strip() for row in rows)
    return max(first.values()) > _CORNER * len(rows) and max(last.values()) < _LABEL * len(rows)


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
    labels = table[:, layout.label or 0]
    broken = np.flatnonzero(labels % 1 != 0)  # nan too
    if len(broken):
        raise GlyphfrontError(f"{file}: row {number + broken[0]}: label {labels[broken[0]]:g} is no whole number")
    return pixels, labels.astype(np.int64)


def _numbers(file: File, block: list[str], delimiter: str | None, fields: int, number: int) -> NDArray[Any]:
    reason = ""
    for dtype in (np.uint8, np.float32):
        try:
            table = np.loadtxt(
                [_with_points(line, delimiter) for line in block],
                dtype,
                delimiter=delimiter,
                ndmin=2,
                comments=None,
                quotechar='"',
            )
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
