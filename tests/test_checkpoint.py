from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from glyphfront.errors import GlyphfrontError
from glyphfront.training.checkpoint import (
    load_state,
    load_weights,
    save_state,
    save_weights,
    write_atomically,
)


def test_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"a": torch.arange(3), "b": {"c": [1.5, None, "x"]}}
    save_state(state, tmp_path / "state.pt")
    back = load_state(tmp_path / "state.pt", torch.device("cpu"))
    assert torch.equal(back["a"], state["a"])
    assert back["b"] == state["b"]


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


def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write(partial: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(GlyphfrontError, match="the disk is full; free some space"):
        write_atomically(path, write)
    assert path.read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_state_written_to_a_full_device_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        with Path("/dev/full").open("wb") as full:
            torch.save({"a": torch.zeros(100_000)}, full)

    with pytest.raises(GlyphfrontError, match="the disk is full"):
        write_atomically(tmp_path / "state.pt", write)


@pytest.mark.parametrize("reader", [load_weights, lambda p: load_state(p, torch.device("cpu"))])
def test_a_damaged_file_is_one_line(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "file"
    save_weights({"a": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(GlyphfrontError, match="not a"):
        reader(path)  # type: ignore[operator]
