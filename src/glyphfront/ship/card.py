"""Card: what a model file is, knows and reaches; a JSON file beside the .onnx."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.result import DataUsed, Latency, Precision, Proportion
from glyphfront.run import Run

FILES: Mapping[Precision, str] = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
"""Names of the exported files in the folder of a run; each has its card beside it."""


@dataclass(frozen=True)
class Card:
    """All that a user of an .onnx file should know about it."""

    name: str
    glyphfront: str
    """Version that exported the file."""
    created: str
    """ISO 8601, UTC."""
    classes: tuple[str, ...]
    """In the order of the outputs."""
    sha256: str
    """Of the .onnx file, in hex."""
    file_bytes: int
    run: Run
    """How it was trained."""
    data: DataUsed
    """On which images."""
    parameters: int
    """Trainable ones."""
    macs: int
    """Multiply-accumulates for one image."""
    precision: Precision = "fp32"
    """Of the numbers that the file computes with."""
    license: str = "Apache-2.0"
    """Of the weights."""
    input: str = "image: uint8 (N, 28, 28), upright, white ink on black; any N"
    output: str = "probability: float32 (N, classes), each row adds up to 1"
    accuracy: Proportion | None = None
    """Top-1 of this very file on the whole test set."""
    latency: Latency | None = None
    """Of the call that timed this very file, in turns with others."""
    temperature: float | None = None
    """Divides logits so that probabilities are calibrated, fitted on validation images; None: not fitted."""
    seen: str | None = None
    """Name of the file beside this one that holds the fingerprints of the training images."""


def card_path(onnx: Path) -> Path:
    """Where the card of an .onnx file lies: beside it, with the ending .json."""
    return onnx.with_suffix(".json")


def exported_files(folder: Path) -> dict[Precision, Path]:
    """The exported files in the folder of a run, by their precision, fp32 first; those that are there."""
    paths = {precision: folder / name for precision, name in FILES.items()}
    return {precision: path for precision, path in paths.items() if path.is_file()}


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Raises:
        GlyphfrontError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file; give a shipped name or the path of an .onnx file") from None
    except OSError as error:
        raise GlyphfrontError(f"{path}: cannot be read ({error.strerror})") from None


def of_one_training(one: Card, other: Card) -> bool:
    """Whether two files, such as fp32 and int8, are of the same weights: of one Run on the same images."""
    return one.run.key == other.run.key and one.data.same_images(other.data)


def save_card(card: Card, onnx: Path) -> None:
    """Write the card of an .onnx file, atomically."""
    records.save(card, card_path(onnx))


def load_card(onnx: Path) -> Card:
    """Read the card of an .onnx file and check that it belongs to it.

    Raises:
        GlyphfrontError: either file is missing, the card is no card, or it describes another file.
    """
    sha256, path = file_sha256(onnx), card_path(onnx)
    card = records.load(Card, path, advice="an .onnx needs its card beside it: copy both, or export the model again")
    if card.sha256 != sha256:
        raise GlyphfrontError(
            f"{path}: the card of another file: sha256 is {sha256[:12]}…, the card says {card.sha256[:12]}…; "
            "copy both files again"
        )
    return card
