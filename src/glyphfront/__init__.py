"""glyphfront: the best accuracy that fits an inference-time budget, for pictures of single handwritten characters.

>>> import glyphfront
>>> recognizer = glyphfront.load("glyphnet-s")
>>> recognizer.recognize("picture.png", top=5)

Importing this package loads nothing; each public name brings in what it needs when it is first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glyphfront.errors import GlyphfrontError
    from glyphfront.picture.normalize import normalize
    from glyphfront.ship.recognizer import Prediction, Recognizer, load, shipped

__version__ = "0.1.0"
__all__ = ["GlyphfrontError", "Prediction", "Recognizer", "load", "normalize", "shipped"]

# from 1.29 on, ONNX Runtime's wheels report to Microsoft as soon as they are imported, unless this is set before
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "GlyphfrontError": "glyphfront.errors",
    "Prediction": "glyphfront.ship.recognizer",
    "Recognizer": "glyphfront.ship.recognizer",
    "load": "glyphfront.ship.recognizer",
    "normalize": "glyphfront.picture.normalize",
    "shipped": "glyphfront.ship.recognizer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
