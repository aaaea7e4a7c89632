"""Tables of files and their labels that lie beside the pictures."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from glyphfront.data.columns import ENDINGS, columns_of
from glyphfront.data.listing import File
from glyphfront.data.naming import is_split, not_splits, split_of
from glyphfront.data.notes import Notes, some

MOST_BYTES = 64 << 20
_TEXTS = (".csv", ".tsv", ".txt", ".json", ".jsonl")
_LEAST_FOUND = 0.5  # share of a table's rows whose file is there


@dataclass(frozen=True)
class Row:
    """What a table says of one picture."""

    file: File
    label: str
    split: str | None
    writer: str | None


@dataclass(frozen=True)
class LabelTable:
    """A table of files and their labels.

    Attributes:
        file: the table.
        rows: those whose picture is there.
        missing: names of pictures that are not there.
        headed: whether its first row names its columns.
    """

    file: File
    rows: list[Row]
    missing: list[str]
    headed: bool


def is_text(file: File) -> bool:
    """Whether a file may be a table of labels or a mapping, by its name and size."""
    return file.name.lower().endswith(_TEXTS) and 0 < file.size <= MOST_BYTES


def read_text(file: File) -> str:
    """A text in UTF-8 with or without a byte order mark, in UTF-16 with one, or else in Windows' western code page."""
    data = file.read()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_table(file: File, pictures: Sequence[File], notes: Notes, unfit: dict[File, str]) -> LabelTable | None:
    """The labels that a CSV, TSV or JSON file gives to pictures; None if it is no such table.

    Columns are found by their names, in any order, or else by what is in them: that of the files by the endings of
    pictures, and a lone other column is that of the labels. Without a header that is the column behind the files.
    A note says what a table lacks whose files are there, or which has a column of files or of labels; and which of its
    splits are not known.
    A file may be named by its path from the table or from the top, or by its name alone, without its ending or with
    another one. A path that leads nowhere is taken as a name, unless it tells of another picture. 7 may be 007.png
    where all pictures are numbers and the table has one row for each and names none that is not there.

    Args:
        file: the table.
        pictures: those that are there.
        notes: receives what of the table cannot be used.
        unfit: receives why a file that may be meant as a table is none.
    """
    text = read_text(file)
    of_json = file.name.lower().endswith((".json", ".jsonl"))
    grid = _grid_of_json(text) if of_json else _grid(text)
    if not grid or max(map(len, grid)) < 2:
        if not file.name.lower().endswith(".txt"):
            unfit[file] = "holds no table of files and their labels"
        return None
    find = _Finder(file, pictures)
    columns = columns_of(grid, lambda name: find(name) is not None, headed=of_json)
    if columns.file is None or columns.label is None:
        if wanted := columns.lacking():
            there = f"none of its columns {some([cell.strip() for cell in grid[0]])} is called {wanted} or the like"
            notes.add(f"{there}; not used as labels", str(file.relative))
        elif not file.name.lower().endswith(".txt"):
            unfit[file] = "none of its columns is called file, filename, image, path, nor label, class, character"
        return None
    found, missing, splits, by_number = [], [], set(), False
    body = grid[1:] if columns.headed else grid
    at_paths = [find.by_path(_cell(row, columns.file)) for row in body]
    named = set(at_paths)
    for row, picture in zip(body, at_paths, strict=True):
        name, said = _cell(row, columns.file), _cell(row, columns.split)
        if len(row) <= columns.label or not name:
            continue
        if picture is None and ((other := find.by_name(name)) not in named or not _plain(name).parent.parts):
            picture = other
        if picture is None and (picture := find.by_number(name)) is not None:
            by_number = True
        if picture is None:
            missing.append(name)
            continue
        splits.add(said)
        split = is_split(said) or split_of(file.name)
        found.append(Row(picture, _cell(row, columns.label), split, _cell(row, columns.writer) or None))
    if not found or len(found) < _LEAST_FOUND * (len(found) + len(missing)):
        there = f"only {len(found):,} of the {len(found) + len(missing):,} files that it names are there"
        if columns.headed and missing and PurePosixPath(missing[0]).suffix[1:2].isalpha():
            notes.add(f"{there}; not used as labels", str(file.relative))
        elif missing and not file.name.lower().endswith(".txt"):
            unfit[file] = f"{there}, not {some(missing)}"
        return None
    if by_number and (missing or len({row.file for row in found}) < len(found)):
        unfit[file] = f"its numbers are not those of the pictures{f', such as {some(missing)}' if missing else ''}"
        return None
    if why := not_splits(splits):
        notes.add(why, str(file.relative))
    return LabelTable(file, _with_whole_numbers(found), missing, columns.headed)


def _with_whole_numbers(rows: list[Row]) -> list[Row]:
    """3.0 becomes 3 where all labels are such numbers: pandas writes them so where a label is missing."""
    if not all(re.fullmatch(r"\d+\.0+|", row.label) for row in rows):
        return rows
    return [replace(row, label=row.label.partition(".")[0]) for row in rows]


def _grid(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    delimiter = max(",;\t|", key=lambda mark: sum(line.count(mark) for line in lines[:20]))
    if not any(delimiter in line for line in lines[:20]):
        return [line.split(None, 1) for line in lines]
    # a quotation mark that is a label is no opening one
    lone = re.search(rf'(?m)(?:^|{re.escape(delimiter)}) *" *(?:{re.escape(delimiter)}|$)', text)
    quoted = _rows(text, delimiter, quotes=True, strict=lone is not None)
    if lone is None:
        return quoted
    plain = _rows(text, delimiter, quotes=False, strict=False)
    return quoted if _fitting(quoted) >= _fitting(plain) else plain  # "," is a comma, and no mark beside it alone


def _rows(text: str, delimiter: str, *, quotes: bool, strict: bool) -> list[list[str]]:
    """The rows that are not empty; none where a quotation mark is not closed, or more stands behind it, if strict."""
    try:
        found = (
            csv.reader(io.StringIO(text), delimiter=delimiter, strict=strict)
            if quotes
            else csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE)
        )
        return [row for row in found if row]
    except csv.Error:
        return []


def _fitting(rows: list[list[str]]) -> int:
    """How many rows are as long as the first."""
    return sum(len(row) == len(rows[0]) for row in rows)


def _grid_of_json(text: str) -> list[list[str]]:
    """Rows of a list of objects, of an object on each line, or of one object of files and their labels.

    The list may be the only one in an object, and the object of files the only thing in one.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        return []
    except ValueError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            return []
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        inner = lists[0] if len(lists) == 1 else next(iter(found.values())) if len(found) == 1 else None
        found = inner if isinstance(inner, list | dict) else found
    if isinstance(found, dict) and all(str(name).lower().endswith(ENDINGS) for name in found):
        found = [{"file": name, "label": label} for name, label in found.items()]
    if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
        return []
    names = list(dict.fromkeys(name for row in found for name in row))
    return [names, *([_text(row.get(name)) for name in names] for row in found)]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _cell(row: Sequence[str], position: int | None) -> str:
    return row[position].strip() if position is not None and position < len(row) else ""


def _nfc(name: str) -> str:
    """A name with é as one code point, which macOS takes apart in file names (Unicode Standard Annex 15)."""
    return unicodedata.normalize("NFC", name)


class _Finder:
    """Finds a picture by what a table calls it."""

    def __init__(self, table: File, pictures: Sequence[File]) -> None:
        self._beside = table.relative.parent
        self._paths = {_nfc(str(picture.relative)): picture for picture in pictures}
        self._folded = {path.lower(): picture for path, picture in self._paths.items()}
        self._folders = {_nfc(part).lower() for picture in pictures for part in picture.relative.parent.parts}
        self._names: dict[str, list[File]] = defaultdict(list)
        for picture in pictures:
            self._names[_nfc(picture.name.lower())].append(picture)
            self._names[_nfc(PurePosixPath(picture.name).stem.lower())].append(picture)
        stems = [PurePosixPath(picture.name).stem for picture in pictures]
        self._numbers: dict[str, list[File]] = defaultdict(list)
        if all(map(_is_number, stems)):
            for stem, picture in zip(stems, pictures, strict=True):
                self._numbers[stem.lstrip("0")].append(picture)

    def __call__(self, name: str) -> File | None:
        return self.by_path(name) or self.by_name(name) or self.by_number(name)

    def by_path(self, name: str) -> File | None:
        """The picture at this path, from the table or from the top, without its ending or with another one."""
        plain = _plain(name)
        for ending in ("", *ENDINGS):
            for base in (self._beside, PurePosixPath()):
                path = str(base / f"{plain}{ending}")
                if (found := self._paths.get(path) or self._folded.get(path.lower())) is not None:
                    return found
        return None

    def by_name(self, name: str) -> File | None:
        """The only picture of this name, wherever it lies: pictures are moved, and tables hold paths of another disk.

        Not where the path has a folder that there is, or another split than the picture's: then that picture is
        another one, and the one that is meant is missing.
        """
        plain = _plain(name)
        for called in (plain.name, plain.stem if plain.suffix.lower() in ENDINGS else plain.name):
            named = self._names.get(called.lower(), [])
            if len(named) == 1:
                return named[0] if self._may_be(plain.parent.parts, named[0].relative.parent.parts) else None
        return None

    def by_number(self, name: str) -> File | None:
        """The only picture that is called this number with more or fewer zeros before, if all are called numbers."""
        named = self._numbers.get(name.lstrip("0"), []) if _is_number(name) else []
        return named[0] if len(named) == 1 else None

    def _may_be(self, told: Sequence[str], lies: Sequence[str]) -> bool:
        if not told:
            return True
        splits = [next((s for part in reversed(parts) if (s := is_split(part))), None) for parts in (told, lies)]
        if all(splits) and splits[0] != splits[1]:
            return False
        ours = _nfc(told[-1]).lower()
        return ours in {_nfc(part).lower() for part in lies} or ours not in self._folders


def _is_number(name: str) -> bool:
    return re.fullmatch("[0-9]+", name) is not None


def _plain(name: str) -> PurePosixPath:
    return PurePosixPath(_nfc(name).replace("\\", "/").lstrip("/"))
