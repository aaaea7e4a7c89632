"""Folders and pictures that cannot be read now: they are told as such, and tried again the next time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from glyphfront.data.folder import read_folder
from glyphfront.data.listing import empty_folders, list_files
from glyphfront.errors import GlyphfrontError
from layout_files import noting, png, two_classes, write


def denied(path: object) -> PermissionError:
    return PermissionError(13, "Permission denied", str(path))


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Deny to open what is at or below a path, and to list it; rights mean nothing to root."""

    def deny(path: Path) -> None:
        def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(at: Any, *arguments: Any, **more: Any) -> Any:
                if path in (Path(at), *Path(at).parents):
                    raise denied(at)
                return real(at, *arguments, **more)

            return call

        monkeypatch.setattr(os, "scandir", guarded(os.scandir))
        monkeypatch.setattr(Path, "open", guarded(Path.open))

    return deny


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    return write(tmp_path / "shots", two_classes(".", each=4) | {f"c/{n}.png": png(n + 1) for n in range(4)})


def notes_of(shots: Path) -> list[str]:
    return noting(lambda: read_folder(shots, "all"))[1]


def test_pictures_that_could_not_be_read_are_tried_again(shots, monkeypatch):
    real = Path.open

    def opened(at: Path, *arguments: Any, **more: Any) -> Any:
        return _raise(denied(at)) if at.parent == shots / "c" else real(at, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        notes = notes_of(shots)
    assert notes[0].startswith(f"{shots}: 4 times: cannot be read: Permission denied; left out: c/0.png")
    assert notes[1:] == [f"{shots}/c: no usable picture; class left out"]
    assert read_folder(shots, "all").classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("where", "raised"),
    [
        ("PIL.Image.open", MemoryError()),
        ("glyphfront.picture.normalize.character_ink", MemoryError()),
        ("glyphfront.picture.normalize.character_ink", RuntimeError("OpenCV: (-4:Insufficient memory) Failed")),
        ("glyphfront.data.listing.File.open", MemoryError()),
    ],
)
def test_pictures_for_which_memory_was_too_little_are_tried_again(shots, monkeypatch, where, raised):
    with monkeypatch.context() as patch:
        patch.setattr(where, lambda *_: _raise(raised))
        with pytest.raises(
            GlyphfrontError, match=r"none of its 12 pictures .* too little memory for it; save it smaller"
        ):
            read_folder(shots, "all")
    assert len(read_folder(shots, "all")) == 12


def test_a_picture_that_shows_nothing_is_not_tried_again(shots, monkeypatch):
    write(shots, {"a/blank.png": b""})
    read_folder(shots, "all")
    monkeypatch.setattr("glyphfront.data.pictures.normalized", None)
    assert notes_of(shots) == [f"{shots}/a/blank.png: an empty file; save or download it again; left out"]


def test_a_folder_that_cannot_be_read_is_not_called_empty(shots, deny):
    deny(shots / "c")
    assert notes_of(shots) == [f"{shots}/c: cannot be read: Permission denied; left out"]
    assert empty_folders(shots, Path()) == []


def test_a_set_that_cannot_be_read_is_not_called_empty(shots, deny):
    deny(shots)
    with pytest.raises(GlyphfrontError, match=rf"{re.escape(str(shots))}: cannot be read: Permission denied"):
        read_folder(shots, "all")


def test_a_folder_that_may_be_listed_but_not_entered_is_told_once(shots, monkeypatch):
    real = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda at, **more: _raise(denied(at)) if at.parent == shots / "c" else real(at, **more)
    )
    with pytest.warns(UserWarning, match="c: cannot be read: Permission denied; left out") as said:
        files = list_files(shots)
    assert len(said) == 1
    assert {file.relative.parent.name for file in files} == {"a", "b"}


def _raise(error: Exception) -> NoReturn:
    raise error
