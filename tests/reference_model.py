"""The committed reference model with a card: an exported file for tests, made without torch."""

import shutil
from pathlib import Path

from glyphfront.measure.latency import REFERENCE
from glyphfront.result import DataUsed
from glyphfront.run import Run
from glyphfront.ship.card import Card, file_sha256, save_card

CLASSES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
DATA = DataUsed("none", "none", 0, 0, 0, 0, "0" * 16, "0" * 16)


def copy_reference(folder: Path, name: str = "reference") -> Path:
    path = folder / f"{name}.onnx"
    shutil.copyfile(REFERENCE, path)
    save_card(card_of(path), path)
    return path


def card_of(path: Path, **changes: object) -> Card:
    values = {
        "name": path.stem,
        "glyphfront": "0.1.0",
        "created": "2025-01-01T00:00:00+00:00",
        "classes": CLASSES,
        "sha256": file_sha256(path),
        "file_bytes": path.stat().st_size,
        "run": Run(),
        "data": DATA,
        "parameters": 1,
        "macs": 1,
    }
    return Card(**{**values, **changes})
