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
    """Which of a model's classes mean a set's class: its own, or the other case where the model has one only."""
    place = {name: number for number, name in enumerate(known)}
    found = []
    for name in classes:
        names = (name,) if name in place else (name.swapcase(),)
        found.append(tuple(place[one] for one in names if one in place))
    return found


def is_dark_on_light(images: NDArray[np.uint8]) -> bool:
    """Whether the rims of most images are bright: ink is then the dark part."""
    some = images[:: max(1, len(images) // _SAMPLE)]
    rims = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1)
    return bool(len(some)) and bool(np.median(rims) > 191)
