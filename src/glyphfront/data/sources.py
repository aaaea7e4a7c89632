"""Sets of images as arrays that a folder holds: which files belong together, and of what set and split they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data import cache
from glyphfront.data.forms import FORMS, Form, Piece, What, form_of
from glyphfront.data.listing import File, list_files, of_archive
from glyphfront.data.naming import kind_of, set_of, split_of, without_kind, words
from glyphfront.errors import GlyphfrontError

_DEPTH = 6  # of folders that are looked into
_VERSION = "1"  # raised when what is kept of slow forms changes
_NO_SETS = {"mapping", "classmap", "classes", "submission"}
_SHARD_OF = re.compile(r"(\d{5})-of-(\d{5})")
_SHARD = re.compile(r"[-_]?\d{5}-of-\d{5}(-[0-9a-f]{16})?")


@dataclass(frozen=True)
class Source:
    """Files that together hold one set, or one split of it.

    Attributes:
        form: how they hold it.
        images: the files with the images, several where a set is cut into shards; none where they are missing.
        labels: the file with their labels, where that is another one.
        set: the name of the set, as far as names tell.
        split: train, validation or test, as far as names tell; None also where one file holds both.
    """

    form: Form
    images: tuple[File, ...]
    labels: File | None
    set: str | None
    split: str | None

    def __str__(self) -> str:
        first = (*self.images, self.labels)[0]
        more = f" and {len(self.images) - 1} more" if len(self.images) > 1 else ""
        return f"{first}{more}"

    def splits(self) -> list[str | None]:
        """The splits in it; None stands for one that it does not name."""
        return [self.split] if self.split else [piece.split for piece in _pieces(self.form, self.images[0], self._what)]

    def read(self, split: str | None) -> Piece:
        """Images, labels, and what else the files say of a split.

        Raises:
            GlyphfrontError: a file is missing, damaged, or does not fit the other; the message names it.
        """
        self.check()
        pieces = [_piece_of(_pieces(self.form, file, self._what), split, file) for file in self.images]
        if self.labels is not None:
            pieces = [_joined(pieces[0], _piece_of(_pieces(self.form, self.labels, "labels"), split, self.labels))]
        whole = pieces[0] if len(pieces) == 1 else _chained(pieces)
        images, labels = whole.images, whole.labels
        if images is None or labels is None:
            raise GlyphfrontError(f"{self}: no images with labels in it")
        if len(labels) != len(images):
            has = f"has {len(images):,} images"
            raise GlyphfrontError(f"{self.labels or self}: {len(labels):,} labels, but {self.images[0].name} {has}")
        return whole

    def check(self) -> None:
        """Look whether both halves are there.

        Raises:
            GlyphfrontError: one is missing; the message names the other.
        """
        if not self.images:
            raise GlyphfrontError(f"{self.labels}: its images are missing: no such file beside it")
        shards = [tuple(map(int, found.groups())) for file in self.images if (found := _SHARD_OF.search(file.name))]
        missing = sorted(set(range(max((count for _, count in shards), default=0))) - {number for number, _ in shards})
        if missing:
            raise GlyphfrontError(f"{self.images[0]}: of its {shards[0][1]} parts number {missing[0]:05} is missing")
        if self.labels is None and self._what == "images":
            raise GlyphfrontError(f"{self.images[0]}: its labels are missing: no such file beside it")

    @property
    def _what(self) -> What | None:
        if self.labels is not None:
            return "images"
        return "images" if self.form.name == "IDX" else None


def find_sources(place: Path) -> list[Source]:
    """The sets in a folder, at any depth, and in zip archives there; those preferred first.

    Raises:
        GlyphfrontError: there is no such folder, or nothing but a damaged archive in it.
    """
    files = list_files(place, _DEPTH)
    packed = [file for file in files if file.member is None and file.name.lower().endswith(".zip")]
    damaged = []
    for archive in packed:
        try:
            inside = of_archive(archive.at)
        except GlyphfrontError as error:
            damaged.append(error)
            continue
        files += [
            File(inner.at, inner.member, archive.relative / inner.relative, inner.size, inner.stamp) for inner in inside
        ]
    groups: dict[tuple[Any, ...], list[File]] = defaultdict(list)
    for file in files:
        form = form_of(file.name)
        if form is not None and not _NO_SETS & set(words(file.name)) and not file.name.startswith("."):
            groups[form, without_kind(_SHARD.sub("", file.name))].append(file)
    sources = [
        source for (form, _), members in groups.items() for source in _sources_of(form, members, place.absolute().name)
    ]
    if damaged and not sources:
        raise damaged[0]
    return sorted(sources, key=lambda s: (FORMS.index(s.form), len((*s.images, s.labels)[0].relative.parts), str(s)))  # type: ignore[union-attr]


def _sources_of(form: Form, members: list[File], place: str) -> list[Source]:
    images = [file for file in members if kind_of(file.name) == "images"]
    labels = [file for file in members if kind_of(file.name) == "labels"]
    sources = []
    if images and (labels or form.name == "IDX"):
        left = list(labels)
        for file in images:
            partner = max(left, key=lambda other: _closeness(file, other), default=None)
            sources.append(_source(form, (file,), partner, place))
        used = {source.labels for source in sources}
        others = [file for file in members if kind_of(file.name) is None]
        sources += [_source(form, (), file, place) for file in labels if file not in used and not images]
    elif labels and not images and form.name == "IDX":
        sources = [_source(form, (), file, place) for file in labels]
        others = []
    else:
        others = members
    shards: dict[tuple[PurePosixPath, str], list[File]] = defaultdict(list)
    for file in others:
        shards[file.relative.parent, _SHARD.sub("", file.name)].append(file)
    return sources + [_source(form, tuple(group), None, place) for group in shards.values()]


def _closeness(file: File, other: File) -> tuple[int, int]:
    """How near two files lie: steps of their paths in common, and none that differ."""
    ours, theirs = file.relative.parent.parts, other.relative.parent.parts
    common = sum(1 for a, b in zip(ours, theirs, strict=False) if a == b)
    packed_alike = file.name.endswith(".gz") == other.name.endswith(".gz")
    return common - max(len(ours), len(theirs)), int(packed_alike)


def _source(form: Form, images: tuple[File, ...], labels: File | None, place: str) -> Source:
    path = (*images, labels)[0].relative  # type: ignore[union-attr]
    above = [*reversed(path.parent.parts), place]
    named = set_of([path.name, *above])
    if named is None and re.match(r"(train|t10k)-(images|labels)", path.name):
        named = "mnist"
    split = split_of(path.name) or next((found for name in path.parent.parts[::-1] if (found := split_of(name))), None)
    return Source(form, images, labels, named, split)


# --- reading -----------------------------------------------------------------------------------------------------


def _pieces(form: Form, file: File, what: What | None) -> list[Piece]:
    """What a file holds, from the cache where the form is slow to read."""
    if not form.slow:
        return form.read(file, what)
    key = cache.key_of([file], form.name, what or "", _VERSION)
    kept = cache.load(key)
    if kept is not None:
        return [_unkept(kept, number) for number in range(int(kept["count"]))]
    pieces = form.read(file, what)
    arrays: dict[str, NDArray[Any]] = {"count": np.array(len(pieces))}
    for number, piece in enumerate(pieces):
        for field in ("images", "labels", "names", "split"):
            value = getattr(piece, field)
            if value is not None:
                arrays[f"{number}.{field}"] = np.asarray(value)
    cache.keep(key, arrays)
    return pieces


def _unkept(kept: dict[str, NDArray[Any]], number: int) -> Piece:
    names, split = kept.get(f"{number}.names"), kept.get(f"{number}.split")
    return Piece(
        kept.get(f"{number}.images"),
        kept.get(f"{number}.labels"),
        None if names is None else tuple(map(str, names)),
        None if split is None else str(split),
    )


def _piece_of(pieces: Sequence[Piece], split: str | None, file: File) -> Piece:
    found = next((piece for piece in pieces if piece.split == split), None)
    if found is None and len(pieces) == 1 and pieces[0].split is None:
        found = pieces[0]
    if found is None:
        raise GlyphfrontError(f"{file}: has no {split} split, only {', '.join(str(piece.split) for piece in pieces)}")
    return found


def _joined(images: Piece, labels: Piece) -> Piece:
    return Piece(images.images, labels.labels, labels.names, images.split)


def _chained(pieces: list[Piece]) -> Piece:
    """Shards one after the other; texts as labels are numbered anew."""
    images = [piece.images for piece in pieces if piece.images is not None]
    labels = [piece.labels for piece in pieces if piece.labels is not None]
    names = pieces[0].names
    if any(piece.names != names for piece in pieces) and all(piece.names is not None for piece in pieces):
        texts = [np.array(piece.names)[piece.labels] for piece in pieces]
        found, numbers = np.unique(np.concatenate(texts), return_inverse=True)
        return Piece(np.concatenate(images), numbers.astype(np.int64), tuple(map(str, found)))
    return Piece(np.concatenate(images), np.concatenate(labels), names)
