"""Which column of a table holds what: the names of pictures, their labels, splits and writers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Grid: TypeAlias = Sequence[Sequence[str]]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
"""Of the pictures that a table may name."""

_FILES = {
    what + how
    for what in ("file", "image", "img", "picture", "pic", "photo", "scan", "")
    for how in ("", "file", "filename", "fname", "filepath", "path", "name", "id")
} - {"", "name", "id"}
_PERHAPS_FILES = {"name", "id"}  # or a number of the row, or who wrote it
_LABELS = (
    *("character", "char", "labelname", "classname", "label", "labels", "class", "target", "text", "symbol"),
    *("category", "y", "letter", "digit", "transcription", "value", "labelid", "classid", "categoryid"),
)
_WRITERS = ("writer", "writerid", "user", "userid", "subject", "person", "author", "participant", "donor")
_SPLITS = ("split", "set", "subset", "partition", "usage", "phase", "datasplit")
_ROW_NUMBERS = re.compile(r"|index|unnamed\d+|id|row|number")
_SAMPLE = 1000  # rows that tell which column is that of the files


@dataclass(frozen=True)
class Columns:
    """Where each is, from 0 on; None for what is not there, or could be one of several.

    Attributes:
        headed: whether the first row names the columns.
    """

    headed: bool
    file: int | None
    label: int | None
    split: int | None = None
    writer: int | None = None

    def lacking(self) -> str:
        """What the one that is missing of file and label may be called; "" where none or both are."""
        if (self.file is None) == (self.label is None):
            return ""
        return "label, class, character" if self.label is None else "file, filename, image, path"


def columns_of(grid: Grid, is_there: Callable[[str], bool], *, headed: bool = False) -> Columns:
    """Find the columns by their names, or else by what is in them.

    Args:
        grid: the rows; the first has a cell for each column.
        is_there: whether a cell names a picture that is there.
        headed: the first row is known to name the columns; otherwise it is looked at.
    """
    header = [re.sub(r"[\W_]", "", cell).lower() for cell in grid[0]]
    if not headed and not _is_header(grid, header, is_there):
        first = next((column for column in range(len(header)) if _holds_pictures(grid[:_SAMPLE], column)), 0)
        return Columns(False, first, _behind(first, header))
    label, split, writer = (
        next((header.index(name) for name in names if name in header), None) for names in (_LABELS, _SPLITS, _WRITERS)
    )
    others = [column for column in range(len(header)) if column not in (label, split, writer)]
    rows = grid[1 : _SAMPLE + 1]

    def merit(column: int) -> tuple[bool, bool, bool, int]:
        found = sum(is_there(cell) for cell in _cells(rows, column))
        return found > 0, _holds_pictures(rows, column), header[column] in _FILES, found

    perhaps = [
        column for column in others if header[column] in _FILES | _PERHAPS_FILES or _holds_pictures(rows, column)
    ]
    file = max(perhaps, key=merit, default=None)
    if file is None and label is not None:
        file = _alone(header, others)
    elif file is not None and label is None:
        label = _alone(header, [column for column in others if column != file])
        if label is None and header[file] not in _FILES | _PERHAPS_FILES and _behind(file, header) in others:
            label = _behind(file, header)  # a header in words that are not known at all
    return Columns(True, file, label, split, writer)


def _is_header(grid: Grid, header: Sequence[str], is_there: Callable[[str], bool]) -> bool:
    labels, files = set(_LABELS) & set(header), (_FILES | _PERHAPS_FILES) & set(header)
    if labels and files:
        return True
    if any(cell.strip().lower().endswith(ENDINGS) or is_there(cell.strip()) for cell in grid[0]):
        return False
    known = labels or files or {*_SPLITS, *_WRITERS} & set(header)
    return bool(known) or any(_holds_pictures(grid[1 : _SAMPLE + 1], column) for column in range(len(header)))


def _cells(rows: Grid, column: int) -> list[str]:
    return [row[column].strip() for row in rows if column < len(row) and row[column].strip()]


def _holds_pictures(rows: Grid, column: int) -> bool:
    """Whether most cells end as the names of pictures do."""
    cells = _cells(rows, column)
    return 2 * sum(cell.lower().endswith(ENDINGS) for cell in cells) > len(cells)


def _behind(column: int, header: Sequence[str]) -> int:
    """The next column; the one before where there is none."""
    return column - 1 if 0 < column == len(header) - 1 else column + 1


def _alone(header: Sequence[str], columns: Sequence[int]) -> int | None:
    """The only one of the columns, or the only one that does not number the rows."""
    if len(columns) != 1:
        columns = [column for column in columns if not _ROW_NUMBERS.fullmatch(header[column])]
    return columns[0] if len(columns) == 1 else None
