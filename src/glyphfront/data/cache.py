"""Arrays that took long to make, kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically

MOST_BYTES = 8 << 30
"""Of all kept files together; the ones unused for longest go first."""


def user_folder() -> Path:
    """The user's cache folder of glyphfront; XDG_CACHE_HOME moves it."""
    import platformdirs

    return platformdirs.user_cache_path("glyphfront", appauthor=False)


def key_of(files: Iterable[File], *more: str) -> str:
    """32 hex digits that change with any file's place, size or time of change, and with `more`."""
    digest = hashlib.sha256()
    for file in files:
        where = str(file.at.resolve())
        digest.update(f"{where}\0{file.member or ''}\0{file.size}\0{file.stamp}\n".encode(errors="surrogateescape"))
    for text in more:
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()[:32]


def load(key: str) -> dict[str, NDArray[Any]] | None:
    """What was kept under `key`; None where nothing was, or where it is damaged."""
    path = _path(key)
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # says when it was last of use
    return found


def keep(key: str, arrays: dict[str, NDArray[Any]]) -> None:
    """Keep `arrays` under `key`. Where nothing can be written, nothing is kept: a cache is no need."""

    def write(partial: Path) -> None:
        with partial.open("wb") as sink:
            np.savez(sink, **arrays)  # type: ignore[arg-type]

    with contextlib.suppress(OSError, GlyphfrontError):
        write_atomically(_path(key), write)
        _make_room()


def _path(key: str) -> Path:
    return user_folder() / "read" / f"{key}.npz"


def _make_room() -> None:
    kept = sorted((user_folder() / "read").glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in kept:
        total += path.stat().st_size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
