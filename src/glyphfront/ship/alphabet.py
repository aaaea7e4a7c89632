"""Alphabet: which characters a picture may show, and how a model writes them."""

from __future__ import annotations

import difflib
import re
import string
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.naming import character_of
from glyphfront.errors import GlyphfrontError

NAMED = {
    "digits": string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "letters": string.ascii_letters,
}
"""Alphabets that have a name; `+` or a space joins them with each other and with characters: ``upper+0-9``."""
MEANT = {
    word: meant
    for meant, words in {
        "digits": "number numbers num nums numeral numerals numeric integer integers",
        "upper": "uppercase capital capitals caps",
        "lower": "lowercase small",
        "letters": "alpha alphabet alphabetic",
        "letters+digits": "alphanumeric alphanum alnum ascii",
        "0-9A-F": "hex hexadecimal",
    }.items()
    for word in words.split()
}
"""What people call them elsewhere; as characters these words make no alphabet."""
ALL = frozenset(("all", "any", "every", "everything"))
"""Words that ask for no alphabet."""
ALIKE = ("0O", "1Il7", "5S", "2Z", "9gq", "8B", "uvUV")
"""Characters that a writer's hand makes alike, and that only an alphabet tells apart."""


@dataclass(frozen=True)
class Alphabet:
    """Characters that a model can write."""

    characters: tuple[str, ...]
    """As they are answered, in the order of the model's classes."""
    outputs: tuple[int, ...]
    """The class of each."""


def alphabet_of(given: str | Sequence[str] | None, classes: tuple[str, ...]) -> Alphabet:
    """What an alphabet means to a model.

    A character that is no class is written by the class of the same letter in the other case, as EMNIST's merged
    classes ask for, and is answered in the case that the alphabet has. Unicode's normal forms are one: é may be
    given as e and an accent.

    Args:
        given: ``digits``, ``upper``, ``lower``, ``letters``, characters and ranges (``0-9A-F``), several joined by
            ``+`` or a space; names of classes, joined likewise or as a sequence; or None for all classes. Of a named
            alphabet, what the model can write counts; all other characters must be writable. ``A`` is also the class
            ``upper_A``. To a model with a class ``+``, only a ``+`` between two letters or digits joins; any other is
            itself: ``0-9+-`` holds plus and minus, as ``0-9++-`` and ``0-9 + -`` do.
        classes: of the model.

    Raises:
        GlyphfrontError: the alphabet is empty, holds what the model cannot write, or is no text.
    """
    if given is None:
        return Alphabet(classes, tuple(range(len(classes))))
    wanted, named = _characters(_composed(given), classes) if isinstance(given, str) else (_names(given), set[str]())
    answered: dict[int, str] = {}
    unknown = []
    known = outputs_of(classes)
    for character in wanted:
        output = known.get(character)
        if output is None:
            if character not in named:
                unknown.append(character)
        elif output not in answered or character == classes[output]:
            answered[output] = character
    if unknown or not answered:
        lacking = " ".join(_shown(c) for c in sorted(set(unknown))[:12]) or f"any of {given!r}"
        names = "".join(classes) if all(len(c) == 1 for c in classes) else ", ".join(classes)
        raise GlyphfrontError(f"the model cannot write {lacking}; it knows {names[:100]}")
    outputs = tuple(sorted(answered))
    return Alphabet(tuple(answered[output] for output in outputs), outputs)


def _names(given: object) -> list[str]:
    """The class names of a sequence."""
    if isinstance(given, Iterable) and not isinstance(given, bytes | bytearray | memoryview):
        names = list(given)
        if all(isinstance(name, str) for name in names):
            return [_composed(str(name)) for name in names]
        other = next(name for name in names if not isinstance(name, str))
        raise GlyphfrontError(f"an alphabet holds text, not {type(other).__name__}; give it as '0-9' or ['0', '1']")
    raise GlyphfrontError(
        f"an alphabet is text, not {type(given).__name__}; give it as 'digits', '0-9A-F' or ['0', '1']"
    )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _shown(character: str) -> str:
    """For a message: what cannot be seen as its code, long names cut."""
    seen = character if character.strip() and character.isprintable() else repr(character)
    return seen if len(seen) <= 40 else f"{seen[:39]}…"


def _characters(given: str, classes: tuple[str, ...]) -> tuple[list[str], set[str]]:
    """The characters and class names of an alphabet, and those characters that only a named one brings in."""
    if not given.strip():
        raise GlyphfrontError("the alphabet is empty; give digits, upper, lower, letters, or characters such as 0-9A-F")
    wanted: list[str] = []
    named: set[str] = set()
    for term in _terms(given, classes):
        if term.lower() in NAMED:
            wanted += NAMED[term.lower()]
            named |= set(NAMED[term.lower()])
        elif len(term) > 1 and term in classes:
            wanted.append(term)
        elif close := MEANT.get(term.lower()) or next(
            iter(difflib.get_close_matches(term.lower(), NAMED, cutoff=0.8)), None
        ):
            raise GlyphfrontError(f"no alphabet {term!r}; did you mean {close}?")
        elif term.lower() in ALL:
            raise GlyphfrontError(f"no alphabet {term!r}; give none, and all characters are allowed")
        else:
            listed = _ranges(term)
            wanted += listed
            named -= set(listed)
    return wanted, named


def _terms(given: str, classes: tuple[str, ...]) -> list[str]:
    """What ``+`` or a space joins; to a model that knows ``+``, one that is not between letters or digits is itself."""
    if "+" in map(character_of, classes):
        joined = re.sub(r"(?<=\w)\+(?=\w)", " ", given)
        return [term for term in joined.replace("+", " + ").split(" ") if term]
    return [term for term in re.split("[+ ]", given) if term] or ["+"]


def _ranges(term: str) -> list[str]:
    """``0-9A-F`` as characters; a minus at either end is itself."""
    found: list[str] = []
    position = 0
    while position < len(term):
        if position + 2 < len(term) and term[position + 1] == "-":
            first, last = term[position], term[position + 2]
            if ord(first) > ord(last) or ord(last) - ord(first) > 500:
                told = f"{_shown(first)}-{_shown(last)} is no range of characters"
                raise GlyphfrontError(f"{told}; {_instead(first, last)}")
            found += [chr(code) for code in range(ord(first), ord(last) + 1)]
            position += 3
        else:
            found.append(term[position])
            position += 1
    return found


def _instead(first: str, last: str) -> str:
    """What to give for a range that runs backwards, or through more than characters of one kind."""
    if first.isascii() and last.isascii() and first.islower() and last.isupper():  # a-Z
        return f"give it as {first}-z+A-{last}"
    return f"give it as {_shown(last)}-{_shown(first)}" if ord(first) > ord(last) else "give fewer characters"


def outputs_of(classes: tuple[str, ...]) -> dict[str, int]:
    """The class that writes a name or a character: that of its name, or character, or the letter's other case.

    Args:
        classes: of a model.

    Returns:
        The class, from 0, by all names and characters that the model can write.
    """
    named = {name: output for output, name in enumerate(classes)}
    meant = {character_of(name): output for output, name in reversed(list(enumerate(classes)))}
    return {character.swapcase(): output for character, output in meant.items()} | meant | named


def alike(row: NDArray[np.float32], characters: Sequence[str]) -> tuple[str, ...]:
    """Characters that are written like the likeliest one, where the model wavers between them.

    Args:
        row: (characters,) float32, their probabilities.
        characters: the columns' names.
    """
    first = characters[int(row.argmax())]
    near = [c for group in ALIKE if first in group for c in group if c != first]
    return tuple(c for c in near if c in characters and row[list(characters).index(c)] > 0.05)
