"""Which label, split and writer each picture of a folder has, whatever way people lay their pictures out."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from glyphfront.data import known
from glyphfront.data.folder_names import fits, read_mapping, told_names, why_unnamed
from glyphfront.data.labelfiles import LabelTable, is_text, read_table
from glyphfront.data.listing import File, empty_folders, list_files
from glyphfront.data.naming import CASES, character_of, is_split, not_splits
from glyphfront.data.notes import Notes, some
from glyphfront.errors import GlyphfrontError

WAYS = (
    "put them into a folder for each class, lay a CSV file with the columns file and label beside them, or say how "
    "their names tell it with --labels-from 'img_{label}_*.png'"
)
"""How pictures can be given labels, for those whose pictures have none."""

_UNREAD = {".heic", ".heif", ".pdf", ".svg", ".psd", ".raw", ".cr2", ".nef", ".dng", ".ai", ".eps", ".avif", ".jxl"}
_NOT_PICTURES = {".pdf", ".mp4", ".mpg", ".mpeg", ".h5", ".hdf", ".eps", ".ps"}  # of what Pillow lists
_GROUPS = {*CASES, "digits", "numbers", "numerals", "letters", "symbols", "punctuation", "special"}
_WRITER = re.compile(r"(?i)(writer|user|person|subject|author|participant|student|donor|hand|w|u|p|s)[-_ ]?\d+")


@dataclass(frozen=True)
class Picture:
    """A picture and what its place says of it."""

    file: File
    label: str
    split: str | None = None
    writer: str | None = None


def find_pictures(place: Path, labels_from: str | None, notes: Notes) -> list[Picture]:
    """The labelled pictures in a folder or a zip archive, sorted by label and path.

    Args:
        place: a folder or a zip archive.
        labels_from: a pattern of file names such as ``img_{label}_*.png``; also ``{writer}`` and ``{split}``.
        notes: receives what is left out.

    Returns:
        None at all where there are no files of pictures.

    Raises:
        GlyphfrontError: nothing is there, or nothing says the labels.
    """
    files = _without_hidden(list_files(place, notes=notes), notes)
    pictures = [file for file in files if is_picture(file)]
    texts = [file for file in files if not is_picture(file) and is_text(file)]
    used: set[File] = set()
    unfit: dict[File, str] = {}
    if not pictures:
        found: list[Picture] = []
    elif labels_from is not None:
        found = _by_pattern(place, pictures, labels_from, notes)
    else:
        folders = _folder_names(pictures)
        mappings = {text for text in texts if fits(text, folders)}
        tables = [t for text in texts if text not in mappings and (t := read_table(text, pictures, notes, unfit))]
        tables = [table for table in tables if table.headed] or tables  # without a header it may list the classes
        tables = [table for table in tables if not _names_labels(table, tables)]
        found = _by_table(pictures, tables, notes) if tables else []
        used = {table.file for table in tables} if found else set()
        if not found:
            try:
                found, used = _by_folders(place, pictures, texts, notes)
            finally:
                if len({picture.label for picture in found}) < 2:
                    for text in [text for text in unfit if text not in used]:
                        notes.add(f"{unfit[text]}; not used as labels", str(text.relative))
        elif all(picture.label.isdecimal() for picture in found):
            found, naming = _with_names(found, [text for text in texts if text not in used], notes)
            used |= naming
    for file in files if pictures else []:
        if not is_picture(file) and file not in used and not notes.name(str(file.relative)):
            notes.add("not a picture; left out", str(file.relative))
    return sorted((_normal(picture) for picture in found), key=lambda p: (p.label, str(p.file.relative)))


def is_picture(file: File) -> bool:
    """Whether a file's name promises a picture."""
    ending = PurePosixPath(file.name.lower()).suffix
    return ending in _UNREAD or (ending in Image.registered_extensions() and ending not in _NOT_PICTURES)


def _normal(picture: Picture) -> Picture:
    """The label in NFC, in which é is one code point whoever wrote it (Unicode Standard Annex 15)."""
    return replace(picture, label=unicodedata.normalize("NFC", picture.label.strip()))


def _without_hidden(files: Sequence[File], notes: Notes) -> list[File]:
    seen = []
    hidden: dict[str, int] = defaultdict(int)
    for file in files:
        parts = file.relative.parts
        dotted = next((number for number, part in enumerate(parts) if part.startswith(".")), None)
        if dotted is None:
            seen.append(file)
        elif dotted < len(parts) - 1 and is_picture(file):
            hidden["/".join(parts[: dotted + 1])] += 1
    for folder, count in hidden.items():
        notes.add(f"a hidden folder with {count} pictures; left out; rename it to have it read", folder)
    return seen


# --- by pattern --------------------------------------------------------------------------------------------------


def _by_pattern(place: Path, pictures: Sequence[File], pattern: str, notes: Notes) -> list[Picture]:
    expression = pattern_of(pattern)
    found, splits = [], set()
    for file in pictures:
        match = expression.fullmatch(str(file.relative) if "/" in pattern else file.name)
        if match is None:
            notes.add(f"its name does not fit {pattern}; left out", str(file.relative))
            continue
        groups = match.groupdict()
        split = groups.get("split") or ""
        splits.add(split)
        found.append(Picture(file, groups["label"], is_split(split), groups.get("writer")))
    if not found:
        raise GlyphfrontError(
            f"{place}: no name fits {pattern}; there are {some([str(file.relative) for file in pictures])}"
        )
    if why := not_splits(splits):
        notes.add(why, pattern)
    return found


def pattern_of(pattern: str) -> re.Pattern[str]:
    """The expression for names such as ``img_{label}_*.png``: * stands for anything, ? for one character.

    Names fit in any case; the label keeps its own.

    Raises:
        GlyphfrontError: there is no {label} in it, or another word in braces.
    """
    parts = re.split(r"(\{\w*\}|\*|\?)", pattern)
    expression = ""
    for part in parts:
        if part in ("{label}", "{writer}", "{split}"):
            if f"?P<{part[1:-1]}>" in expression:
                raise GlyphfrontError(f"{pattern}: {part} stands there twice")
            expression += f"(?P<{part[1:-1]}>[^/]+?)"
        elif part.startswith("{"):
            raise GlyphfrontError(f"{pattern}: {part} means nothing; there are {{label}}, {{writer}} and {{split}}")
        else:
            expression += {"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    if "?P<label>" not in expression:
        raise GlyphfrontError(f"{pattern}: says no label; write {{label}} where it stands, as in img_{{label}}_*.png")
    return re.compile(expression, re.IGNORECASE)  # cameras write .JPG


# --- by a table --------------------------------------------------------------------------------------------------


def _by_table(pictures: Sequence[File], tables: Sequence[LabelTable], notes: Notes) -> list[Picture]:
    found: dict[File, Picture] = {}
    unlabelled = set()
    for table in tables:
        for row in table.rows:
            before = found.get(row.file)
            if not row.label:
                unlabelled.add(row.file)
                notes.add(f"has no label in {table.file.name}; left out", str(row.file.relative))
            elif before is not None and before.label != row.label:
                notes.add(f"has two labels in {table.file.name}; the first is taken", str(row.file.relative))
            elif before is None:
                found[row.file] = Picture(row.file, row.label, row.split, row.writer)
            else:
                found[row.file] = replace(before, split=before.split or row.split, writer=before.writer or row.writer)
        for missing in table.missing:
            notes.add(f"named in {table.file.name}, but not there", missing)
    without = [file for file in pictures if file not in found]
    in_class_folders = [file for file in without if any(is_split(part) is None for part in file.relative.parent.parts)]
    if len(in_class_folders) > len(found):
        return []  # a list of some pictures beside folders of all
    for file in [file for file in without if file not in unlabelled]:
        notes.add("has no row in the table of labels; left out", str(file.relative))
    if not any(picture.split for picture in found.values()):
        return _with_splits_of_folders(list(found.values()))
    return list(found.values())


def _names_labels(table: LabelTable, tables: Sequence[LabelTable]) -> bool:
    """Whether it gives names to the numbers in longer tables, and no labels to pictures that are called by numbers."""
    numbers = {row.label for other in tables if len(other.rows) > len(table.rows) for row in other.rows} - {""}
    if not all(map(str.isdecimal, numbers)) or all(row.label.isdecimal() for row in table.rows):
        return False
    return read_mapping(table.file, numbers) is not None


def _with_splits_of_folders(found: list[Picture]) -> list[Picture]:
    """The pictures with the split that the folders above say, where one is for training and one is not."""
    splits = [next((s for f in p.file.relative.parent.parts if (s := is_split(f)) is not None), None) for p in found]
    if "train" not in splits or len(set(splits) - {None}) < 2:
        return found
    return [replace(picture, split=split) for picture, split in zip(found, splits, strict=True)]


def _folder_names(pictures: Sequence[File]) -> set[str]:
    """The classes as folders alone would have it; none where they are no classes."""
    depth = len(_top(pictures).parts)
    placed = [(file, file.relative.parent.parts[depth:], None) for file in pictures]
    return {picture.label for picture in _labelled([one for one in placed if one[1]])}


# --- by folders --------------------------------------------------------------------------------------------------


def _by_folders(
    place: Path, pictures: Sequence[File], texts: Sequence[File], notes: Notes
) -> tuple[list[Picture], set[File]]:
    top = _top(pictures)
    depth = len(top.parts)
    splits = {is_split(file.relative.parts[depth]) for file in pictures if len(file.relative.parts) > depth + 1}
    has_splits = "train" in splits and len(splits - {None}) > 1
    placed: list[tuple[File, tuple[str, ...], str | None]] = []
    loose: list[tuple[str, File]] = []
    for file in pictures:
        folders = file.relative.parent.parts[depth:]
        split = is_split(folders[0]) if has_splits and folders else None
        if has_splits and split is None:
            loose.append(("in none of the folders of train, validation and test; left out", file))
            continue
        folders = folders[1:] if split else folders
        if folders:
            placed.append((file, folders, split))
        else:
            loose.append(("not in a class folder; left out", file))
    if not placed:
        raise GlyphfrontError(
            f"{place}: nothing says what the pictures show: {WAYS}; they are called "
            f"{some([file.name for file in pictures])}"
        )
    for why, file in loose:
        notes.add(why, str(file.relative))
    for parent in {top, *(top / file.relative.parts[depth] for file, _, split in placed if split)}:
        for folder in empty_folders(place, parent):
            notes.add("an empty folder; class left out", str(folder))
    found = _labelled(placed)
    for rule in known.NAMES:
        if (names := rule({picture.label for picture in found})) is not None:
            return [replace(picture, label=names[picture.label]) for picture in found], set()
    return _with_names(found, texts, notes)


def _top(pictures: Sequence[File]) -> PurePosixPath:
    """The folder below which folders differ: single folders that only hold folders are passed through."""
    top = PurePosixPath()
    while True:
        depth = len(top.parts)
        below = [file.relative.parts[depth:] for file in pictures]
        firsts = {parts[0] for parts in below}
        first = next(iter(firsts))
        if len(firsts) != 1 or any(len(parts) < 3 for parts in below):
            return top
        seconds = {parts[1] for parts in below}
        if _characters(firsts) and _characters(seconds) <= 0.5 and not any(map(is_split, seconds)):
            return top  # the one class, with writers below
        top /= first


def _labelled(placed: Sequence[tuple[File, tuple[str, ...], str | None]]) -> list[Picture]:
    """Which of the folders above a picture is its class, and which its writer or its split."""
    level, grouped = _class_level([folders for _, folders, _ in placed])
    found = []
    for file, folders, split in placed:
        at = min(level, len(folders) - 1)
        label, others = folders[at], [folder for number, folder in enumerate(folders) if number != at]
        if known.is_omniglot(label) and at > 0:
            label = f"{folders[at - 1]}/{label}"
        elif grouped and at > 0 and (fold := CASES.get(folders[at - 1].lower())) is not None and len(label) == 1:
            label = fold(label)
        below = next((kind for folder in others if (kind := is_split(folder)) is not None), None)
        writers = [f for f in others if is_split(f) is None and f.lower() not in _GROUPS]
        writer = known.omniglot_writer(file.relative) or (writers[0] if writers and not grouped else None)
        found.append(Picture(file, label, split or below, writer))
    if known.nist({picture.label for picture in found}) is not None:
        found = [replace(p, split=known.nist_split(p.file.relative.parts), writer=None) for p in found]
    if not any(picture.split == "train" for picture in found):
        found = [replace(picture, split=None) for picture in found]
    return found


def _class_level(paths: Sequence[tuple[str, ...]]) -> tuple[int, bool]:
    """0 where classes stand above, 1 where they stand below folders of writers or groups; and whether of groups."""
    deep = [path for path in paths if len(path) > 1]
    if len(deep) < len(paths):
        return 0, False
    above, below = {path[0] for path in deep}, {path[1] for path in deep}
    if all(map(known.is_omniglot, below)):
        return 1, True
    if all(name.lower() in _GROUPS for name in above):
        return 1, True
    if _share(above, _WRITER) > 0.5 and _share(below, _WRITER) < 0.5:
        return 1, False
    if _characters(below) <= _characters(above) + 0.3:
        return 0, False
    tops = defaultdict(set)
    for path in deep:
        tops[path[1]].add(path[0])
    return 1, not any(len(found) > 1 for found in tops.values())


def _share(names: set[str], expression: re.Pattern[str]) -> float:
    return sum(bool(expression.fullmatch(name)) for name in names) / len(names)


def _characters(names: set[str]) -> float:
    """Share of names that are a character, or a character behind a word such as upper."""
    plain = [unicodedata.normalize("NFC", name) for name in names]
    return sum(len(character_of(name)) == 1 for name in plain) / len(plain)


def _with_names(found: list[Picture], texts: Sequence[File], notes: Notes) -> tuple[list[Picture], set[File]]:
    """The pictures with the labels that one of the texts gives to theirs, and the texts that say something of them."""
    labels, used = {picture.label for picture in found}, set()
    for text in sorted(texts, key=lambda file: len(file.relative.parts)):
        if why := why_unnamed(text, labels):
            notes.add(why, str(text.relative))
        if (names := read_mapping(text, labels)) is None:
            continue
        used.add(text)
        if any(label != name for label, name in names.items()):
            notes.add(told_names(names), str(text.relative))
            return [replace(picture, label=names[picture.label]) for picture in found], used
    return found, used
