"""Trained weights on disk, and models from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from glyphfront import records
from glyphfront.data.orientation import columns_of
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models import Classifier, build
from glyphfront.result import load_trained
from glyphfront.run import Model, load_run

_SHIPPED = Path(__file__).parent.parent / "weights"
"""For each model NAME.safetensors, a Run's weights before any batch norm is folded away, beside its card NAME.json."""


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


def start_from(classifier: Classifier, folder: Path, *, head: bool = False) -> None:
    """Copy a trained run's weights into a new classifier, by default all but those of its head.

    The new one keeps its own normalisation constants: they belong to its images.

    Args:
        classifier: of the same architecture, the class count apart; changed in place.
        folder: of the run to start from.
        head: copy the head too: both have the same classes.

    Raises:
        GlyphfrontError: that run is not finished, or has another architecture.
    """
    weights = load_weights(folder / "weights.safetensors")
    heads = [] if head else _head_weights(classifier)
    own = [name for name in classifier.state_dict() if name in heads or "." not in name]
    _copy(classifier, {name: tensor for name, tensor in weights.items() if name not in own}, own, str(folder))


def start_from_shipped(classifier: Classifier, base: str, classes: tuple[str, ...]) -> None:
    """Copy a shipped model's weights and normalisation constants into a new classifier.

    Of the head, an output takes over what the model knows of its class (`known_classes`); the rows of other classes
    stay new.

    Args:
        classifier: of the same architecture, the class count apart; changed in place.
        base: NAME@SUM, as `base_of` gives it.
        classes: of the new classifier, in the order of its outputs.

    Raises:
        GlyphfrontError: no such model is shipped, it is another one than SUM says, or it has another architecture.
    """
    name = base.partition("@")[0]
    if base_of(name) != base:
        raise GlyphfrontError(f"{base}: the {name} that comes with this version is another one, {base_of(name)}")
    weights, heads = load_weights(_SHIPPED / f"{name}.safetensors"), _head_weights(classifier)
    _copy(
        classifier,
        {of: tensor for of, tensor in weights.items() if of not in heads},
        heads,
        f"{base} is a {_of_card(name)[0].name}",
    )
    known = known_classes(base, classes)
    with torch.no_grad():
        for of in heads:
            if known:
                classifier.state_dict()[of][list(known)] = weights[of][list(known.values())]


def known_classes(base: str, classes: tuple[str, ...]) -> dict[int, int]:
    """Which of `classes` a shipped model knows: their numbers, and those of the model's outputs for them.

    That is the class of the same name, or character (``upper_A`` means A), or the letter's other case where the model
    has one class for both.
    """
    _, outputs = _of_card(base.partition("@")[0])
    columns = columns_of(classes, outputs)
    return {number: found[0] for number, found in enumerate(columns) if found}


def shipped_names() -> tuple[str, ...]:
    """Names of the models that come with the package and can be started from, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.safetensors")))


def base_of(name: str) -> str:
    """What a Run calls a shipped model that it starts from: NAME@SUM, with 8 hex digits of its weights' sha256.

    So a Run says which weights it started from, also when a later version ships others under the name.

    Raises:
        GlyphfrontError: no model of that name can be started from.
    """
    if name not in shipped_names():
        raise GlyphfrontError(f"no shipped model {name!r} to start from; there are {', '.join(shipped_names())}")
    with (_SHIPPED / f"{name}.safetensors").open("rb") as file:
        return f"{name}@{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"


def shipped_model(name: str) -> Model:
    """The architecture of a shipped model; raises as `base_of`."""
    base_of(name)
    return _of_card(name)[0]


def shipped_seen(base: str) -> Path:
    """The file with the fingerprints of all images that shaped the shipped model NAME@SUM."""
    seen: str = _card(base.partition("@")[0])["seen"]
    return _SHIPPED / seen


def _of_card(name: str) -> tuple[Model, tuple[str, ...]]:
    """Architecture and classes that the card of a shipped model tells; the rest of it is not for this room."""
    card = _card(name)
    return records.from_plain(Model, card["run"]["model"]), tuple(card["classes"])


def _card(name: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((_SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    return card


def _head_weights(classifier: Classifier) -> list[str]:
    heads = tuple(f"{name}." for name in classifier.head())
    return [name for name in classifier.state_dict() if name.startswith(heads)]


def _copy(classifier: Classifier, weights: dict[str, torch.Tensor], own: list[str], source: str) -> None:
    """Take over all weights but the classifier's `own`."""
    try:
        left = classifier.load_state_dict(weights, strict=False)
    except RuntimeError:
        left = None
    if left is None or left.unexpected_keys or set(left.missing_keys) != set(own):
        raise GlyphfrontError(f"{source}: a model of another architecture cannot be started from it")
