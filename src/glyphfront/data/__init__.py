"""Labelled pictures of single characters: EMNIST, strokes drawn by program, or a user's own folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from glyphfront.errors import GlyphfrontError

if TYPE_CHECKING:
    from glyphfront.data.dataset import Dataset

Split = Literal["train", "test"]
EMNIST_SETS = ("balanced", "bymerge", "byclass", "letters", "digits", "mnist")
_STROKES_PER_CLASS = {"train": 400, "test": 100}


def load(name: str, split: str, *, folder: Path | None = None, seed: int = 0, per_class: int | None = None) -> Dataset:
    """The set called `name`.

    Behind a ``?``, a name may say more: ``balanced?upright`` that its images are stored upright (or transposed), where
    that cannot be seen; ``folder:PATH?labels=img_{label}_*.png`` how the names of files tell what they show.

    Args:
        name: one of `EMNIST_SETS`, ``strokes``, or ``folder:PATH``.
        split: ``train`` or ``test``.
        folder: where EMNIST files lie; see `glyphfront.data.emnist.find_folder`.
        seed: of what strokes draw, and of the test pictures carved out of a folder.
        per_class: images that strokes draw of each class (400 train, 100 test); other sets have a given size.

    Raises:
        GlyphfrontError: no such set or split, or its files are missing or faulty.
    """
    if split not in get_args(Split):
        raise GlyphfrontError(f"a data set has the splits {' and '.join(get_args(Split))}, not {split!r}")
    half = cast(Split, split)
    plain, options = _parted(name)
    if plain in EMNIST_SETS:
        from glyphfront.data.emnist import find_folder, read_split

        return read_split(plain, half, find_folder(plain, folder), stored=options.get("stored"))
    if name == "strokes":
        from glyphfront.data.strokes import draw

        return draw(_STROKES_PER_CLASS[split] if per_class is None else per_class, seed=seed, split=split)
    if plain.startswith("folder:"):
        from glyphfront.data.folder import read_folder

        return read_folder(_path(plain), half, seed=seed, **options)
    raise GlyphfrontError(f"no data set {name!r}; there are {', '.join(EMNIST_SETS)}, strokes and folder:PATH")


def load_validation(name: str, *, seed: int = 0) -> Dataset | None:
    """The validation set that a folder of pictures has of its own; None for sets without one.

    Raises:
        GlyphfrontError: the folder is missing or faulty.
    """
    plain, options = _parted(name)
    if not plain.startswith("folder:"):
        return None
    from glyphfront.data.folder import has_split, read_folder

    if not has_split(_path(plain), "validation", labels_from=options.get("labels_from")):
        return None
    return read_folder(_path(plain), "validation", seed=seed, **options)


def load_all(name: str, *, folder: Path | None = None, seed: int = 0) -> Dataset:
    """All pictures of a folder, whatever their folders say of splits; of other sets the test set; as `load`."""
    plain, options = _parted(name)
    if not plain.startswith("folder:"):
        return load(name, "test", folder=folder, seed=seed)
    from glyphfront.data.folder import read_folder

    return read_folder(_path(plain), "all", seed=seed, **options)


def is_undivided(name: str) -> bool:
    """Whether it is a folder of pictures without a test set of its own.

    Raises:
        GlyphfrontError: the folder is missing or faulty.
    """
    plain, options = _parted(name)
    if not plain.startswith("folder:"):
        return False
    from glyphfront.data.folder import has_split

    return not has_split(_path(plain), "test", labels_from=options.get("labels_from"))


def without_options(name: str) -> str:
    """The name of a set without what stands behind its question mark.

    Raises:
        GlyphfrontError: what stands there means nothing.
    """
    return _parted(name)[0]


def are_the_same(name: str, other: str) -> bool:
    """Whether two names mean the same set: paths of a folder may be written in several ways.

    Raises:
        GlyphfrontError: what stands behind a question mark means nothing.
    """
    plain, theirs = without_options(name), without_options(other)
    if plain.startswith("folder:") and theirs.startswith("folder:"):
        return _path(plain).resolve() == _path(theirs).resolve()
    return plain == theirs


def _path(name: str) -> Path:
    if name == "folder:":
        raise GlyphfrontError("folder: names no folder; write folder:PATH, or folder:. for where you are")
    return Path(name.removeprefix("folder:")).expanduser()


def _parted(name: str) -> tuple[str, dict[str, str]]:
    """The name of a set, and what stands behind its question mark, as arguments of the readers.

    Raises:
        GlyphfrontError: what stands there means nothing.
    """
    marks = [number for number, letter in enumerate(name) if letter == "?"]
    if not marks or (name.startswith("folder:") and _path(name).exists()):
        return name, {}
    at = next((mark for mark in marks[::-1] if name.startswith("folder:") and _path(name[:mark]).exists()), marks[0])
    plain, rest = name[:at], name[at + 1 :]
    options = {}
    for part in re.split("&(?=labels=|upright$|transposed$)", rest):
        word, equals, value = part.partition("=")
        if word == "labels" and equals and plain.startswith("folder:"):
            options["labels_from"] = value
        elif not equals and word in ("upright", "transposed"):
            options["stored"] = word
        else:
            raise GlyphfrontError(f"{name}: {part!r} means nothing; write ?upright, ?transposed or ?labels=PATTERN")
    return plain, options
