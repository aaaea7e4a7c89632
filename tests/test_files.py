from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically, write_text


def test_text_is_written_in_a_folder_made_for_it(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "µ\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc2\xb5\n"


def test_a_write_that_fails_leaves_the_old_file_and_no_partial_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write(partial: Path) -> None:
        partial.write_text("half")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_one_path_at_once_do_not_meet_and_the_last_one_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def write(partial: Path) -> None:
        partial.write_text("outer, half")
        write_text(path, "inner")
        assert path.read_text() == "inner"
        partial.write_text(partial.read_text() + " and half")

    write_atomically(path, write)
    assert path.read_text() == "outer, half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write(partial: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(GlyphfrontError, match="the disk is full; free some space"):
        write_atomically(path, write)
    assert path.read_text() == "old"


def test_a_read_only_disk_without_free_space_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(partial: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(partial))

    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="Read-only file system"):
        write_atomically(tmp_path / "file", write)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_state_written_to_a_full_device_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        with Path("/dev/full").open("wb") as full:
            torch.save({"a": torch.zeros(100_000)}, full)

    with pytest.raises(GlyphfrontError, match="the disk is full"):
        write_atomically(tmp_path / "state.pt", write)


_SAVE_IN_SMALL_FOLDER = """
import sys
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically

path = Path(sys.argv[1]) / "weights.safetensors"
path.write_text("old")
try:
    write_atomically(path, lambda partial: save_file({"a": np.zeros(1 << 20)}, partial))
except GlyphfrontError as error:
    print(error, path.read_text(), [p.name for p in path.parent.iterdir()])
"""


def test_weights_that_outgrow_a_small_disk_are_reported_as_a_full_disk(tmp_path: Path) -> None:
    small_disk = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size=4m none "$1" && echo mounted && exec "$0" -c "$2" "$1"'
    command = [*small_disk, mount, sys.executable, str(tmp_path), _SAVE_IN_SMALL_FOLDER]
    try:
        told = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs unshare, to mount a disk of its own")
    if not told.stdout.startswith("mounted"):
        pytest.skip("needs the right to mount a disk of its own")
    assert "the disk is full" in told.stdout, told.stderr
    assert told.stdout.endswith("old ['weights.safetensors']\n")


def test_a_full_disk_in_the_words_of_safetensors_is_one_line(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(GlyphfrontError, match="the disk is full"):
        write_atomically(tmp_path / "weights.safetensors", write)
