"""The state of an unfinished run on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values for resuming; readable without running code."""
    write_atomically(path, lambda partial: torch.save(state, partial))


def load_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `save_state` wrote.

    Raises:
        GlyphfrontError: the file is not readable as such.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise GlyphfrontError(f"{path}: not a resume state ({error}); delete it to start again") from None
    return state
