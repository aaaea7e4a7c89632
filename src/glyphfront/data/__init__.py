"""Labelled pictures of single characters: EMNIST, strokes drawn by program, or a user's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from glyphfront.errors import GlyphfrontError

if TYPE_CHECKING:
    from glyphfront.data.dataset import Dataset

Split = Literal["train", "test"]
EMNIST_SETS = ("balanced", "bymerge", "byclass", "letters", "digits", "mnist")
_STROKES_PER_CLASS = {"train": 400, "test": 100}


def load(
    name: str, split: Split, *, folder: Path | None = None, seed: int = 0, per_class: int | None = None
) -> Dataset:
    """The set called `name`.

    Args:
        name: one of `EMNIST_SETS`, ``strokes``, or ``folder:PATH``.
        split: which of its two halves.
        folder: where EMNIST files lie; see `glyphfront.data.emnist.find_folder`.
        seed: of what strokes draw, and of the test pictures carved out of a folder.
        per_class: images that strokes draw of each class (400 train, 100 test); other sets have a given size.

    Raises:
        GlyphfrontError: no such set or split, or its files are missing or faulty.
    """
    if split not in get_args(Split):
        raise GlyphfrontError(f"a data set has the splits {' and '.join(get_args(Split))}, not {split!r}")
    if name in EMNIST_SETS:
        from glyphfront.data.emnist import find_folder, read_split

        return read_split(name, split, find_folder(name, folder))
    if name == "strokes":
        from glyphfront.data.strokes import draw

        return draw(_STROKES_PER_CLASS[split] if per_class is None else per_class, seed=seed, split=split)
    if name.startswith("folder:"):
        from glyphfront.data.folder import read_folder

        return read_folder(Path(name.removeprefix("folder:")), split, seed=seed)
    raise GlyphfrontError(f"no data set {name!r}; there are {', '.join(EMNIST_SETS)}, strokes and folder:PATH")
