"""Weights and resume state on disk: written whole or not at all; and the model back from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models import Classifier, build
from glyphfront.result import load_trained
from glyphfront.run import load_run


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


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write a state dict as safetensors."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(path, lambda partial: save_file(plain, partial))


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors, on the CPU.

    Raises:
        GlyphfrontError: the file is missing or not safetensors.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file; train the Run first (glyphfront train --help)") from None
    except Exception as error:
        raise GlyphfrontError(f"{path}: not a safetensors file ({error})") from None


def load_classifier(folder: Path) -> Classifier:
    """The trained model of a run's folder, on the CPU, in evaluation mode.

    Raises:
        GlyphfrontError: the run is not finished or its files do not fit together.
    """
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    classifier = build(run.model, len(trained.classes))
    try:
        classifier.load_state_dict(load_weights(folder / "weights.safetensors"))
    except RuntimeError as error:
        raise GlyphfrontError(f"{folder}: the weights do not fit the model ({error})".replace("\n", " ")) from None
    return classifier.eval()
