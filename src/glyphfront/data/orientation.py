"""How stored images stand, found by looking: which of the eight ways to turn them makes them legible.

EMNIST's files hold images transposed, other copies of it do not (arXiv:1702.05373 is silent about it), and nothing in a
file says so. A shipped model reads a sample of the images in each of the eight orientations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.naming import character_of

if TYPE_CHECKING:
    import onnxruntime as ort

_WEIGHTS = Path(__file__).parent.parent / "weights"
_SAMPLE = 240
_SURE = 3.0  # standard deviations between the best orientation and the next one
_LEAST = 10  # images on which the two differ

UNDO: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "upright": lambda images: images,
    "transposed": lambda images: images.transpose(0, 2, 1),
    "mirrored": lambda images: images[:, :, ::-1],
    "upside down": lambda images: images[:, ::-1, ::-1],
    "flipped": lambda images: images[:, ::-1, :],
    "turned left": lambda images: images.transpose(0, 2, 1)[:, :, ::-1],
    "turned right": lambda images: images.transpose(0, 2, 1)[:, ::-1, :],
    "transposed, upside down": lambda images: images.transpose(0, 2, 1)[:, ::-1, ::-1],
}
"""What makes (N, H, W) images upright that are stored in the way of the name."""


def orientation(images: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...]) -> str | None:
    """The name in `UNDO` of how `images` stand; None where too few can be read to tell.

    Args:
        images: (N, 28, 28) uint8, white ink on black.
        labels: (N,) int64, from 0.
        classes: a name a class; what the shipped model does not know is left out.
    """
    session, known_classes = _reader()
    columns = columns_of(classes, known_classes)
    known = np.array([bool(found) for found in columns])
    if known.sum() < 2 or not len(images):
        return None
    index = np.flatnonzero(known[labels])
    index = (
        index[np.unique(np.linspace(0, len(index) - 1, min(_SAMPLE, len(index))).astype(int))] if len(index) else index
    )
    if not len(index):
        return None
    taken = sorted({column for found in columns for column in found})
    hits = {}
    for name, undo in UNDO.items():
        upright = np.ascontiguousarray(undo(images[index]))
        probabilities = session.run(None, {"image": upright})[0]
        guesses = np.array(taken)[probabilities[:, taken].argmax(1)]
        hits[name] = np.array([guess in columns[label] for guess, label in zip(guesses, labels[index], strict=True)])
    best, second = sorted(hits, key=lambda name: int(hits[name].sum()), reverse=True)[:2]
    gained, lost = int((hits[best] & ~hits[second]).sum()), int((hits[second] & ~hits[best]).sum())
    sure = gained + lost >= _LEAST and gained - lost > _SURE * np.sqrt(gained + lost)
    return best if sure else None


@cache
def _reader() -> tuple[ort.InferenceSession, tuple[str, ...]]:
    """The shipped model as a file: this room knows nothing of what stands behind it."""
    import onnxruntime as ort

    path = _WEIGHTS / "glyphnet-s.onnx"
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, tuple(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["classes"])


def columns_of(classes: tuple[str, ...], known: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Which of a model's classes mean a set's class.

    That is the class of the same name; else the one that means the same character, as ``upper_A`` means A; else the
    one of the letter's other case.
    """
    place = {name: number for number, name in enumerate(known)}
    meant = {character_of(name): number for number, name in reversed(list(enumerate(known)))}
    found: list[tuple[int, ...]] = []
    for name in classes:
        character = character_of(name)
        numbers = (place.get(name), meant.get(character), meant.get(character.swapcase()))
        found.append(next(((number,) for number in numbers if number is not None), ()))
    return found


def is_dark_on_light(images: NDArray[np.uint8]) -> bool:
    """Whether the rims of most images are bright: ink is then the dark part."""
    some = images[:: max(1, len(images) // _SAMPLE)]
    rims = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1)
    return bool(len(some)) and bool(np.median(rims) > 191)
