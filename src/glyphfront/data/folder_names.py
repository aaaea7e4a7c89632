"""Names that a file beside the pictures gives to numbered folders, or to the numbers in a table of labels."""

from __future__ import annotations

import csv
import json
import re
from typing import Any, TypeAlias

from glyphfront.data.columns import ENDINGS
from glyphfront.data.labelfiles import read_text
from glyphfront.data.listing import File
from glyphfront.data.naming import words
from glyphfront.data.notes import some
from glyphfront.errors import GlyphfrontError

_Content: TypeAlias = "dict[str, str] | list[str]"
"""What a file pairs, or the names of one that only lists them."""

_LAST_CONTROL = 32  # code points up to it are no characters
_NO_CLASS = {"n/a", "na", "none", "background", "blank", "unused"}  # the first line of lists for classes from 1
_OF_NAMES = re.compile(
    "names?|legend|synsets?|(class|label|char|character|symbol|glyph|letter|category|categorie|alphabet|vocab)(es|s)?"
    "(names?|list|dict|index|idx|indices|map|mapping)?|(id|idx|index|ind|int|num)2.+|.+2(id|idx|index|ind|int|num)"
)
"""Words by which a file is called that names classes; those of `_OF_CODES` too."""
_OF_CODES = re.compile("(class|label|char|name|index|idx|id)?maps?|.*mappings?|codes?|codepoints?|unicodes?|ascii")
_OF_OTHERS = {
    *("count", "counts", "per", "accuracy", "accuracies", "acc", "score", "scores", "f1", "precision", "recall"),
    *("weight", "weights", "distribution", "frequency", "frequencies", "freq", "histogram", "stats", "statistics"),
    *("total", "size", "sizes", "result", "results", "prediction", "predictions", "confusion", "report", "metrics"),
    *("loss", "error", "errors", "log", "note", "notes", "remark", "remarks", "comment", "comments", "todo", "readme"),
    *("writer", "writers", "person", "persons", "people", "user", "users", "author", "authors", "subject", "subjects"),
    *("participant", "participants", "donor", "donors", "student", "students", "pupil", "pupils", "license", "licence"),
}
"""Words of a file, or of the head of its second column, that says something else of classes or of people."""
_NUMBERED = re.compile(r"(.*?)[0-9]+")
_HEXADECIMAL = re.compile(r"(?:[Uu]\+?|0x)?[0-9a-fA-F]{4,6}")


def read_mapping(file: File, folders: set[str]) -> dict[str, str] | None:
    """What a file calls each of `folders`; None if it does not name all of them, or is not called as if it did.

    A line is ``folder name`` with a comma, tab, colon or spaces between them, or EMNIST's ``folder codepoint``; or the
    file is JSON, an object or a list; or it has just a line for each of the folders 0, 1, ... or 1, 2, ...
    Where a file only says which place each folder has in a list, as torchvision, Keras and YOLO leave it beside data,
    each is called as it is; so is each where folders have names already.
    """
    if not folders:
        return None
    content, key = _content(file)
    if _places(content, folders):
        return {folder: folder for folder in folders}
    named = _names_for_all(content, folders)
    told = _words(file, content, key, folders)
    if not named or not _are_numbered(folders) or not _tells_names(told) or _are_no_names(named, told):
        return None
    return _from_code_points(named) if any(map(_OF_CODES.fullmatch, told)) else named


def fits(file: File, folders: set[str]) -> bool:
    """Whether a file has something to say of each of `folders`, whatever it is called."""
    content, _ = _content(file)
    return bool(folders) and bool(_places(content, folders) or _names_for_all(content, folders))


def why_unnamed(file: File, folders: set[str]) -> str:
    """What keeps a file from naming `folders` that is called as if it did, or whose content would; "" for others."""
    content, key = _content(file)
    told = _words(file, content, key, folders)
    if told & _OF_OTHERS:
        return ""
    named = _names_for_all(content, folders)
    places = _places(content, folders)
    if not _are_numbered(folders):
        others = _tells_names(told) and not places and any(folder != name for folder, name in named.items())
        return "would rename classes that have names; they keep them" if others else ""
    if not _tells_names(told):
        fit = named and not places and not _are_no_names(named, told)
        return "would fit as names of the classes; if it is that, call it classes.txt" if fit else ""
    if places:
        same = all(places[folder] == folder for folder in folders)
        return "" if same else "only counts the classes; they keep their names"
    if named and (why := _are_no_names(named, told)):
        return f"{why}; not used as names"
    if isinstance(content, list) and content and _first(content, folders) is None:
        return "its first name may be for 0 or for 1; not used as names; write its number before each name"
    count = len(_named(content, folders))
    too_few = 0 < count < len(folders)
    return f"names {count:,} of the {len(folders):,} classes; not used as names" if too_few else ""


def told_names(names: dict[str, str]) -> str:
    """A note on what a file calls the classes."""
    order = sorted(names, key=lambda folder: (len(folder.lstrip("0")), folder))
    return f"the classes are called as it says: {some([f'{folder} → {names[folder]}' for folder in order])}"


def _are_numbered(folders: set[str]) -> bool:
    """Whether folders have numbers for names, bare or each behind the same word; no file renames others."""
    if all(map(str.isdecimal, folders)):
        return True
    if all(map(_HEXADECIMAL.fullmatch, folders)) and any(re.search("[0-9]", folder) for folder in folders):
        return True
    found = [_NUMBERED.fullmatch(folder) for folder in folders]
    return len({match and match[1] for match in found}) == 1 and found[0] is not None


def _words(file: File, content: _Content, key: str, folders: set[str]) -> set[str]:
    """The words of a file's name, of the one key that its JSON may have, and of the head of its second column."""
    told = {*words(file.name), *words(key)}
    first = next(iter(content), "")
    if isinstance(content, dict) and content and first not in folders and not first.isdecimal():
        told |= {word for word in words(content[first]) if word in _OF_OTHERS or _OF_CODES.fullmatch(word)}
    return told


def _tells_names(told: set[str]) -> bool:
    return any(_OF_NAMES.fullmatch(word) or _OF_CODES.fullmatch(word) for word in told) and not told & _OF_OTHERS


def _names_for_all(content: _Content, folders: set[str]) -> dict[str, str]:
    """What the content calls the folders; empty where it lacks some, or tells of pictures."""
    named = _named(content, folders)
    complete = len(named) == len(folders) and all(named.values())
    return named if complete and not any(name.lower().endswith(ENDINGS) for name in named.values()) else {}


def _are_no_names(named: dict[str, str], told: set[str]) -> str:
    """Why values are no names of classes; "" where they may be."""
    values = named.values()
    if all(re.fullmatch(r"-?\d*[.,]\d+ ?%?|-?\d+ ?%", value) for value in values):
        return "gives no names but measures"
    if not all(map(str.isdecimal, values)) or set(values) == set(named) or any(map(_OF_CODES.fullmatch, told)):
        return ""
    if all(len(value) < 3 and int(value) <= _LAST_CONTROL for value in values):
        return ""  # other digits
    return "gives numbers alone; if they are code points, call it mapping.txt"


def _content(file: File) -> tuple[_Content, str]:
    """What a file says, and the one key of its JSON under which it says that."""
    text = read_text(file)
    if file.name.lower().endswith(".json"):
        return _content_of_json(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parted = [pair for pair in map(_parted, lines) if pair is not None]
    return (dict(parted) if parted else _different(lines)), ""


def _content_of_json(text: str) -> tuple[_Content, str]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}, ""
    key = ""
    if isinstance(found, dict) and len(found) == 1 and isinstance(next(iter(found.values())), dict | list):
        ((key, found),) = found.items()
    if isinstance(found, list) and all(isinstance(name, str | int) for name in found):
        return _different(list(map(str, found))), key
    if isinstance(found, dict):
        return {str(name): str(value) for name, value in found.items() if isinstance(value, str | int)}, key
    return {}, key


def _different(names: list[str]) -> list[str]:
    """The names, but none where some stand there twice: these are labels, one for each image."""
    return names if len(set(names)) == len(names) else []


def _parted(line: str) -> tuple[str, str] | None:
    for mark in (",", "\t", ";", ":", "="):
        if mark in line:
            key, _, rest = line.partition(mark)
            parts = _cells(rest, mark)
            value = parts[-1] if len(parts) == 2 and parts[0].strip().startswith("U+") else parts[0]
            return key.strip().strip('"'), (value.strip() or mark).strip('"') or '"'
    parts = line.split(None, 1)
    if len(parts) < 2:
        return None
    numbers = parts[1].split()
    return parts[0], numbers[0] if all(map(str.isdecimal, numbers)) else parts[1]


def _cells(line: str, mark: str) -> list[str]:
    """The cells of a line; a mark in quotation marks, as CSV writes it, parts none."""
    try:
        return next(csv.reader([line.strip()], delimiter=mark, strict=True), [""]) if '"' in line else line.split(mark)
    except csv.Error:
        return line.split(mark)


def _named(content: _Content, folders: set[str]) -> dict[str, str]:
    """What the content calls those of the folders that it knows."""
    if not content:
        return {}
    if isinstance(content, list):
        first = _first(content, folders)
        return {} if first is None else _looked_up({str(n): name for n, name in enumerate(content, first)}, folders)
    named = _looked_up(content, folders)
    files = any(key.lower().endswith(ENDINGS) for key in content)  # a table of pictures, which read_table reads
    if len(named) == len(folders) or files:
        return named
    inverse = _looked_up({value: key for key, value in content.items()}, folders)  # {"A": 0}: names first
    return inverse if len(inverse) == len(folders) else named


def _looked_up(pairs: dict[str, str], folders: set[str]) -> dict[str, str]:
    found = {folder: pairs.get(folder) or pairs.get(folder.lstrip("0") or "0") for folder in folders}
    return {folder: name for folder, name in found.items() if name is not None}


def _first(names: list[str], folders: set[str]) -> int | None:
    """Whether a list begins with the name of folder 0 or of folder 1; None where the folders do not tell.

    Of folders 1, 2 and 3 with four names either 0 or 4 has no pictures.
    """
    if not all(map(str.isdecimal, folders)):
        return None
    numbers = set(map(int, folders))
    if 0 in numbers or names[0].lower() in _NO_CLASS:
        return 0
    return 1 if max(numbers) >= len(names) else None


def _places(content: _Content, folders: set[str]) -> dict[str, str]:
    """The place in a list of classes that the content gives to each of the folders; empty if it does something else.

    Folders that are numbers themselves may be meant by such numbers, unless these just follow their order.
    """
    if isinstance(content, list):
        ways = [{name: str(number) for number, name in enumerate(content)}]
    else:
        ways = [content, {value: key for key, value in content.items()}]
    for places in ways:
        if not folders <= places.keys() or not all(places[folder].isdecimal() for folder in folders):
            continue
        if not all(map(str.isdecimal, folders)):
            return places
        numbers = [name for name, place in places.items() if name.isdecimal() and place.isdecimal()]
        orders = (sorted(numbers), sorted(numbers, key=int))
        if any([int(places[name]) for name in order] == list(range(len(order))) for order in orders):
            return places
    return {}


def _from_code_points(named: dict[str, str]) -> dict[str, str]:
    """EMNIST's mapping files give code points; names of two digits and more that are all numbers are taken for such."""
    values = list(named.values())
    if all(value.isdecimal() and int(value) > _LAST_CONTROL for value in values) and set(values) != set(named):
        try:
            return {folder: chr(int(value)) for folder, value in named.items()}
        except (ValueError, OverflowError):
            raise GlyphfrontError("a mapping file gives a number that is no code point") from None
    return named
