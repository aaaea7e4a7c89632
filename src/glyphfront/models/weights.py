"""Trained weights on disk, and models from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models import Classifier, build
from glyphfront.result import load_trained
from glyphfront.run import load_run


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
    classifier = build(replace(run.model, weights=None), len(trained.classes))
    try:
        classifier.load_state_dict(load_weights(folder / "weights.safetensors"))
    except RuntimeError as error:
        raise GlyphfrontError(f"{folder}: the weights do not fit the model ({error})".replace("\n", " ")) from None
    return classifier.eval()


def start_from(classifier: Classifier, folder: Path) -> None:
    """Copy a trained run's weights into a new classifier, all but those of its head.

    The new one keeps its own normalisation constants: they belong to its images.

    Args:
        classifier: of the same architecture, the class count apart; changed in place.
        folder: of the run to start from.

    Raises:
        GlyphfrontError: that run is not finished, or has another architecture.
    """
    weights = load_weights(folder / "weights.safetensors")
    heads = tuple(f"{name}." for name in classifier.head())
    own = [name for name in classifier.state_dict() if name.startswith(heads) or "." not in name]
    fitting = {name: tensor for name, tensor in weights.items() if name not in own}
    try:
        left = classifier.load_state_dict(fitting, strict=False)
    except RuntimeError:
        left = None
    if left is None or left.unexpected_keys or set(left.missing_keys) != set(own):
        raise GlyphfrontError(f"{folder}: a model of another architecture cannot be started from")
