"""What the names of files, folders and arrays say: images or labels, which split, which set, which character."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

from glyphfront.data import EMNIST_SETS
from glyphfront.data.notes import some

_IMAGES = {"images", "image", "imgs", "img", "x", "pixels", "features"}
_LABELS = {"labels", "label", "lbls", "y", "targets", "target"}
_SPLITS: dict[str, Literal["train", "validation", "test"]] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "validate", "publictest"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "t10k", "eval", "evaluation", "holdout", "privatetest"), "test"),
}
_OTHER_SETS = {"fashion", "kmnist", "k49", "kuzushiji", "qmnist", "notmnist", "usps", "semeion", "omniglot", "svhn"}
_FILLERS = {"set", "data", "dataset", "images", "image", "img", "imgs", "pictures", "pics", "folder", "split"}
_NO_WORDS = {"idx", "idx1", "idx3", "ubyte", "gz", "bz2", "csv", "tsv", "npz", "npy", "mat", "parquet", "data"}
CASES: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("upper", "uppercase", "capital", "capitals", "caps", "big"), str.upper),
    **dict.fromkeys(("lower", "lowercase", "small"), str.lower),
}
"""Words for the case of a letter, and what gives a letter that case."""
_PREFIX = re.compile(r"(?i)(upper|lower|upper_?case|lower_?case|cap|capital|small|digit|number|letter|char)([-_ ]?)(.)")
_GLUED = re.compile(r"(train|test)(images?|imgs?|labels?|x|y)|(images?|imgs?|labels?|x|y)(train|test)")


def without_copy(name: str) -> str:
    """A name without the number that browsers add to what was downloaded before, as in ``images (1).gz``."""
    return re.sub(r" ?\(\d+\)(?=\.|$)", "", name)


def words(name: str) -> list[str]:
    """The words of a name in lower case: ``"csvTrainImages"`` gives csv, train, images; ``"xtrain"`` x, train."""
    name = re.sub(r"(?i)by[_\- ]?(class|merge)", lambda match: f" by{match[1].lower()} ", name)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    found = []
    for word in re.split(r"[^a-z0-9]+", parted.lower()):
        glued = _GLUED.fullmatch(word)
        found += [part for part in glued.groups() if part] if glued else [word]
    return [word for word in found if word]


def kind_of(name: str) -> Literal["images", "labels"] | None:
    """Which half of the data a name promises."""
    found = words(name)
    if "idx3" in found or any(word in _IMAGES for word in found):
        return "images"
    if "idx1" in found or any(word in _LABELS for word in found):
        return "labels"
    return None


def split_of(name: str) -> Literal["train", "validation", "test"] | None:
    """Which split a name promises."""
    return next((split for word in words(name) if (split := _split_word(word)) is not None), None)


def _split_word(word: str) -> Literal["train", "validation", "test"] | None:
    return _SPLITS.get(word) or _SPLITS.get(re.sub("(set|data|split)$", "", word))


def is_split(name: str) -> Literal["train", "validation", "test"] | None:
    """Which split a name means that says nothing else, such as ``train``, ``1_Testing`` or ``val_images``."""
    found = [word for word in words(name) if word not in _FILLERS and not re.fullmatch(r"\d\d?", word)]
    return _split_word("".join(found))


def not_splits(names: Iterable[str]) -> str:
    """A fault for those of the names that mean no split; "" where all do, or are empty."""
    unknown = sorted(name for name in set(names) if name and is_split(name) is None)
    if not unknown:
        return ""
    return f"splits {some(unknown)} are not known, and taken for train; known are train, val, test and the like"


def set_of(names: Iterable[str]) -> str | None:
    """The set that a file's name, or else the nearest folder above it, names; None where none does.

    Args:
        names: of the file, then of the folders above it, the nearest first.
    """
    for name in names:
        found = words(name)
        other = next((word for word in found if word in _OTHER_SETS), None)
        if other is not None:
            return other
        if (named := next((word for word in found if word in EMNIST_SETS), None)) is not None:
            return named
    return None


def without_kind(name: str) -> tuple[str, ...]:
    """What two files have in common of which one holds the images and the other their labels."""
    return tuple(word for word in words(without_copy(name)) if word not in _IMAGES | _LABELS | _NO_WORDS)


def character_of(name: str) -> str:
    """The character that a class name means: A for ``upper_A``, a for ``lower_A``, and otherwise the name itself.

    A letter in the case of the word needs something between: ``digits``, ``cape`` and ``CAPS`` are words.
    """
    found = _PREFIX.fullmatch(name)
    if found is None:
        return name
    word, between, character = found.groups()
    if not between and (character.islower() or (character.isupper() and word.isupper())):
        return name
    return {"cap": str.upper, **CASES}.get(re.sub("_?case", "", word.lower()), str)(character)
