"""Fields of a form: where they stand on a page, and which characters they can hold."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.read import shortened

_EXAMPLE = (
    '{"postcode": {"alphabet": "digits", "region": [40, 300, 420, 360]}, "name": {"alphabet": "upper", "row": 1}}'
)
_LONGEST = 240  # characters of a message
_KNOWN = {"alphabet", "region", "row", "column"}


@dataclass(frozen=True)
class Field:
    """What a part of a page holds. Where several of its places are given, a character has to be in all of them."""

    name: str
    alphabet: str | Sequence[str] | None = None
    """Characters there can be, see `alphabet_of`; None: those of the page."""
    region: tuple[float, float, float, float] | None = None
    """left, top, right, bottom in pixels of the picture; or shares of its sides, if none is above 1."""
    row: tuple[int, int] | None = None
    """First and last line, or row of a grid or of boxes, from 1."""
    column: tuple[int, int] | None = None
    """First and last place in the row, from 1."""

    def holds(self, box: tuple[int, int, int, int], row: int, column: int, size: tuple[int, int]) -> bool:
        """Whether a character belongs to the field.

        Args:
            box: of the character, in pixels of the picture; the middle of it counts.
            row: of the character, from 0.
            column: of the character, from 0.
            size: width and height of the picture.
        """
        if self.row and not self.row[0] <= row + 1 <= self.row[1]:
            return False
        if self.column and not self.column[0] <= column + 1 <= self.column[1]:
            return False
        if self.region is None:
            return True
        wide, tall = size if max(self.region) <= 1 else (1, 1)
        left, top, right, bottom = self.region
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        return left * wide <= x < right * wide and top * tall <= y < bottom * tall


def load_fields(path: str | Path) -> tuple[Field, ...]:
    """Fields as a JSON file describes them: an object by name, as docs/pictures.md says.

    Raises:
        GlyphfrontError: the file is unreadable, or describes no fields; the message names it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # Windows writes a mark before it
    except OSError as error:
        raise GlyphfrontError(f"{path}: {error.strerror}; give a JSON file of fields") from None
    except UnicodeDecodeError:
        raise GlyphfrontError(f"{path}: no text; fields look like {_EXAMPLE}") from None
    try:
        return parse_fields(text)
    except GlyphfrontError as error:
        raise GlyphfrontError(f"{path}: {shortened(str(error), _LONGEST)}") from None


def parse_fields(text: str) -> tuple[Field, ...]:
    """Fields as JSON describes them.

    Raises:
        GlyphfrontError: it is no JSON, or describes no fields.
    """
    try:
        return fields_of(json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:  # brackets without end are a recursion
        raise GlyphfrontError(f"no JSON ({error}); fields look like {_EXAMPLE}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; JSON takes the last of two of one name without a word."""
    named = dict(pairs)
    if len(named) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise GlyphfrontError(f"{twice!r} is described twice; give each its own name")
    return named


def fields_of(given: Any) -> tuple[Field, ...]:
    """Fields from plain data, as `load_fields` finds it in a file.

    Raises:
        GlyphfrontError: it describes no fields.
    """
    if not isinstance(given, dict) or not given:
        raise GlyphfrontError(f"no fields; they look like {_EXAMPLE}")
    return tuple(_field(str(name), what) for name, what in given.items())


def _field(name: str, what: Any) -> Field:
    if not isinstance(what, dict) or not what:
        raise GlyphfrontError(f"field {name!r} is not described; fields look like {_EXAMPLE}")
    unknown = sorted(set(what) - _KNOWN)
    if unknown:
        raise GlyphfrontError(f"field {name!r}: {unknown[0]!r} is not known; give {', '.join(sorted(_KNOWN))}")
    if not {"region", "row", "column"} & set(what):
        raise GlyphfrontError(f"field {name!r}: where it stands is not said; give a region, row or column")
    alphabet = what.get("alphabet")
    listed = isinstance(alphabet, list) and all(isinstance(a, str) for a in alphabet)
    if not (alphabet is None or isinstance(alphabet, str) or listed):
        raise GlyphfrontError(f"field {name!r}: {alphabet!r} is no alphabet; give digits, upper, or characters")
    region = what.get("region")
    if region is not None:
        real = isinstance(region, list) and len(region) == 4 and all(_is_number(n) for n in region)
        if not real or not (0 <= region[0] < region[2] and 0 <= region[1] < region[3]):
            raise GlyphfrontError(f"field {name!r}: {region!r} is no region; give [left, top, right, bottom]")
    return Field(
        name,
        alphabet,
        None if region is None else (region[0], region[1], region[2], region[3]),
        _range(name, "row", what.get("row")),
        _range(name, "column", what.get("column")),
    )


def _range(name: str, what: str, given: Any) -> tuple[int, int] | None:
    if given is None:
        return None
    ends = given if isinstance(given, list) else [given, given]
    if (
        len(ends) != 2
        or not all(isinstance(n, int) and not isinstance(n, bool) for n in ends)
        or not 1 <= ends[0] <= ends[1]
    ):
        raise GlyphfrontError(f"field {name!r}: {given!r} is no {what}; give a number from 1, or [first, last]")
    return ends[0], ends[1]


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
