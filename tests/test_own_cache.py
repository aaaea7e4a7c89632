"""Own pictures are normalised once, and read in a zip archive as in a folder."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np
import pytest

from glyphfront.data.folder import read_folder
from glyphfront.data.listing import File, archives_kept_open, list_files
from glyphfront.errors import GlyphfrontError
from layout_files import labels_of, png, two_classes, write


def test_pictures_are_normalised_once(tmp_path, monkeypatch):
    write(tmp_path, two_classes(".", each=4))
    first = read_folder(tmp_path, "all")
    monkeypatch.setattr("glyphfront.data.pictures.normalized", None)
    assert read_folder(tmp_path, "all").fingerprint() == first.fingerprint()


def test_a_picture_that_changed_is_normalised_again(tmp_path):
    write(tmp_path, {"a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3), "b/4.png": png(4)})
    before = read_folder(tmp_path, "all")
    write(tmp_path, {"a/1.png": png(1023)})
    after = read_folder(tmp_path, "all")
    assert [bool((a == b).all()) for a, b in zip(before.images, after.images, strict=True)] == [False, True, True, True]


def test_reading_that_was_broken_off_goes_on(tmp_path, monkeypatch):
    from glyphfront.data import pictures

    write(tmp_path, two_classes(".", each=4))
    real, calls = pictures.normalized, []

    def third_time_unlucky(file: File) -> np.ndarray:
        calls.append(file.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(file)

    monkeypatch.setattr(pictures, "normalized", third_time_unlucky)
    with pytest.raises(KeyboardInterrupt):
        read_folder(tmp_path, "all")
    calls.clear()
    calls += ["", "", ""]
    read_folder(tmp_path, "all")
    assert len(calls) == 3 + 6  # two of eight were kept


def test_a_zip_is_read_like_the_folder_in_it(tmp_path):
    write(tmp_path / "shots", two_classes(".", each=4))
    with zipfile.ZipFile(tmp_path / "shots.zip", "w") as archive:
        for file in sorted((tmp_path / "shots").rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path))
    packed, plain = (read_folder(tmp_path / name, "all") for name in ("shots.zip", "shots"))
    assert packed.fingerprint() == plain.fingerprint()


def test_a_zip_is_opened_as_often_for_many_pictures_as_for_few(tmp_path, monkeypatch):
    opened: list[zipfile.ZipFile] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            opened.append(self)
            super().__init__(*arguments, **more)

    counts = []
    for each in (2, 10):
        with zipfile.ZipFile(tmp_path / f"{each}.zip", "w") as archive:
            for name, content in two_classes(".", each=each).items():
                archive.writestr(name, content)
            archive.writestr("classes.txt", "a\nb\n")
        opened.clear()
        with monkeypatch.context() as patch:
            patch.setattr(zipfile, "ZipFile", Counted)
            assert len(read_folder(tmp_path / f"{each}.zip", "all")) == 2 * each
        counts.append(len(opened))
        assert all(archive.fp is None for archive in opened)  # closed
    assert counts[0] == counts[1]


def test_a_file_of_a_zip_is_read_alone_or_among_others_and_left_closed(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("1.txt", b"one")
        archive.writestr("2.txt", b"two")
    first, second = list_files(tmp_path / "x.zip")
    with archives_kept_open():
        with first.open() as one, second.open() as two:
            assert (two.read(), one.read()) == (b"two", b"one")
        with archives_kept_open():
            assert first.read() == b"one"
        assert second.read() == b"two"
    assert first.read() == b"one"


def test_a_zip_written_with_backslashes_has_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for label in "ab":
            archive.writestr(f"shots\\{label}\\1.png", b"")
    assert labels_of(tmp_path / "x.zip") == {"shots/a/1.png": "a", "shots/b/1.png": "b"}


def test_a_damaged_zip_is_one_line(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(GlyphfrontError, match=r"x\.zip: not a readable zip file .*; get it again"):
        read_folder(tmp_path / "x.zip", "all")


def test_paths_that_lead_out_of_a_zip_are_read_as_if_they_did_not(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for label in "ab":
            archive.writestr(f"../{label}/1.png", b"")
            archive.writestr(f"/{label}/2.png", b"")
    assert set(labels_of(tmp_path / "x.zip")) == {f"{label}/{n}.png" for label in "ab" for n in (1, 2)}
