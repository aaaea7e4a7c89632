"""Case of letters whose two cases look alike, by their size beside the other characters of their line.

EMNIST merges the cases of these letters, and its images have lost their size; a line has not.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from glyphfront.data.naming import character_of

if TYPE_CHECKING:
    from glyphfront.ship.reader import Character

_LOW = set("COSUVWXZM")  # their lower case is as tall as an a
_DEEP = set("PY")  # their lower case goes below the line
_FOLLOW = set("KLIJ")  # their lower case is as tall as a capital: they follow their word
_TALL = set("2345678ABDEFGHNQRTbdfht")  # a 0 may be an o, a 1 an i, and a 9 a g
_SMALL = set("aenr")
_SURE = 0.8  # characters that tell how tall the line's are
_APART = 0.8  # of a capital: an a is less tall, or the line tells nothing
_CLEARLY = 0.75  # of a capital, where no a is there to compare with


def has_both_cases(alphabet: str | Sequence[str] | None) -> bool:
    """Whether an alphabet names no case, so that the size of a letter tells it."""
    return alphabet is None or (isinstance(alphabet, str) and "letters" in re.split("[+ ]", alphabet.lower()))


def with_case(line: Sequence[Character], classes: Sequence[str]) -> list[Character]:
    """A line in which letters of merged classes have the case that their size tells; others stay as they are.

    Args:
        line: its characters, as `read_page` finds them.
        classes: of the model. A capital is merged whose lower case is no class, if the model has lower-case letters.
    """
    merged = _merged(classes)
    tall, small = (
        [c.box[3] - c.box[1] for c in line if c.probability > _SURE and c.character in group]
        for group in (_TALL, _SMALL)
    )
    if not tall and not small:
        return list(line)
    capital = float(np.median(tall)) if tall else float(np.median(small)) / 0.65
    if small and float(np.median(small)) > _APART * capital:
        return list(line)
    limit = (float(np.median(small)) + capital) / 2 if small and tall else _CLEARLY * capital
    told = [_by_size(c, limit, _ground(line, c), capital, merged) for c in line]
    return [_by_word(told, n, merged) for n in range(len(told))]


def _merged(classes: Sequence[str]) -> set[str]:
    """The capitals that stand for both cases."""
    characters = set(map(character_of, classes))
    if characters.isdisjoint(string.ascii_lowercase):
        return set()
    return {c for c in characters & set(string.ascii_uppercase) if c.lower() not in characters}


def _ground(line: Sequence[Character], character: Character) -> float:
    """Where the line stands near a character: the usual bottom of its neighbours."""
    at = list(line).index(character)
    near = [c.box[3] for c in line[max(at - 4, 0) : at + 5] if c is not character]
    return float(np.median(near)) if near else float(character.box[3])


def _by_size(c: Character, limit: float, ground: float, capital: float, merged: set[str]) -> Character:
    height = c.box[3] - c.box[1]
    low = c.character in _LOW & merged and height < limit
    deep = c.character in _DEEP & merged and c.box[3] > ground + 0.2 * capital
    if low or deep:
        return replace(c, character=c.character.lower())
    if c.character == "0" and "O" in merged.intersection(c.alike) and height < limit:  # digits are tall
        return replace(c, character="o", alike=tuple("0" if a == "O" else a for a in c.alike))
    return c


def _by_word(line: Sequence[Character], at: int, merged: set[str]) -> Character:
    c = line[at]
    if c.character not in _FOLLOW & merged:
        return c
    start = max((n for n in range(at + 1) if n == 0 or line[n].space_before), default=0)
    stop = min((n for n in range(at + 1, len(line)) if line[n].space_before), default=len(line))
    others = [line[n].character for n in range(start, stop) if n != at and line[n].character not in _FOLLOW]
    letters = [o for o in others if o.isalpha()]
    if letters and sum(o.islower() for o in letters) > 0.5 * len(letters) and (at > start or letters[0].islower()):
        return replace(c, character=c.character.lower())
    return c
