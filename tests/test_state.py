from __future__ import annotations

from pathlib import Path

import pytest
import torch

from glyphfront.errors import GlyphfrontError
from glyphfront.models.weights import load_weights, save_weights
from glyphfront.training.state import load_state, save_state


def test_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"a": torch.arange(3), "b": {"c": [1.5, None, "x"]}}
    save_state(state, tmp_path / "state.pt")
    back = load_state(tmp_path / "state.pt", torch.device("cpu"))
    assert torch.equal(back["a"], state["a"])
    assert back["b"] == state["b"]


@pytest.mark.parametrize("reader", [load_weights, lambda p: load_state(p, torch.device("cpu"))])
def test_a_damaged_file_is_one_line(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "file"
    save_weights({"a": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(GlyphfrontError, match="not a"):
        reader(path)  # type: ignore[operator]
