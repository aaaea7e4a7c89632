"""Names that a file beside the pictures gives to numbered folders, or to the numbers in a table of labels."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from glyphfront.data.columns import ENDINGS
from glyphfront.data.labelfiles import read_text
from glyphfront.data.listing import File
from glyphfront.data.naming import words
from glyphfront.errors import GlyphfrontError

_Content: TypeAlias = "dict[str, str] | list[str]"
"""What a file pairs, or the names of one that only lists them."""

_NO_CLASS = {"n/a", "na", "none", "background", "blank", "unused"}  # the first line of lists for classes from 1
_OF_NAMES = {"mapping", "map", "classes", "class", "names", "labels", "classmap"}


def read_mapping(file: File, folders: set[str]) -> dict[str, str] | None:
    """What a file calls each of `folders`; None if it does not name all of them.

    A line is ``folder name`` with a comma, tab, colon or spaces between them, or EMNIST's ``folder codepoint``; or the
    file is JSON, an object or a list; or it has just a line for each of the folders 0, 1, ... or 1, 2, ...
    Where a file only says which place each folder has in a list, as torchvision, Keras and YOLO leave it beside data,
    each is called as it is.
    """
    if not folders:
        return None
    content = _content(file)
    if _places(content, folders):
        return {folder: folder for folder in folders}
    named = _named(content, folders)
    return _from_code_points(named) if len(named) == len(folders) else None


def why_unnamed(file: File, folders: set[str]) -> str:
    """What keeps a file from naming `folders` that is called as if it did; "" for other files."""
    if not _OF_NAMES & set(words(file.name)):
        return ""
    content = _content(file)
    if places := _places(content, folders):
        same = all(places[folder] == folder for folder in folders)
        return "" if same else "only counts the classes; they keep their names"
    if isinstance(content, list) and content and _first(content, folders) is None:
        return "its first name may be for 0 or for 1; not used as names; write its number before each name"
    count = len(_named(content, folders))
    too_few = 0 < count < len(folders)
    return f"names {count:,} of the {len(folders):,} classes; not used as names" if too_few else ""


def _content(file: File) -> _Content:
    text = read_text(file)
    if file.name.lower().endswith(".json"):
        return _content_of_json(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parted = [pair for pair in map(_parted, lines) if pair is not None]
    return dict(parted) if parted else _different(lines)


def _content_of_json(text: str) -> _Content:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, dict) and len(found) == 1 and isinstance(next(iter(found.values())), dict | list):
        found = next(iter(found.values()))
    if isinstance(found, list) and all(isinstance(name, str | int) for name in found):
        return _different(list(map(str, found)))
    if isinstance(found, dict):
        return {str(key): str(value) for key, value in found.items() if isinstance(value, str | int)}
    return {}


def _different(names: list[str]) -> list[str]:
    """The names, but none where some stand there twice: these are labels, one for each image."""
    return names if len(set(names)) == len(names) else []


def _parted(line: str) -> tuple[str, str] | None:
    for mark in (",", "\t", ";", ":", "="):
        if mark in line:
            key, _, rest = line.partition(mark)
            parts = rest.split(mark)
            value = parts[-1] if len(parts) == 2 and parts[0].strip().startswith("U+") else parts[0]
            return key.strip().strip('"'), (value.strip() or mark).strip('"')
    parts = line.split(None, 1)
    if len(parts) < 2:
        return None
    numbers = parts[1].split()
    return parts[0], numbers[0] if all(map(str.isdecimal, numbers)) else parts[1]


def _named(content: _Content, folders: set[str]) -> dict[str, str]:
    """What the content calls those of the folders that it knows."""
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
    if all(value.isdecimal() and int(value) > 32 for value in values) and set(values) != set(named):
        try:
            return {folder: chr(int(value)) for folder, value in named.items()}
        except (ValueError, OverflowError):
            raise GlyphfrontError("a mapping file gives a number that is no code point") from None
    return named
