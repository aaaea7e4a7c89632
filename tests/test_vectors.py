"""The test vectors that docs/product.md hands out are what this version computes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import glyphfront
import normalisation_again
from glyphfront.picture.digital_ink import normalize_strokes

FOLDER = Path(__file__).parent / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))


def image_of(vector: dict[str, Any]) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(vector["image"]), np.uint8).reshape(28, 28)


def nearly(found: NDArray[np.uint8], vector: dict[str, Any]) -> None:
    """OpenCV rounds otherwise on other processors."""
    assert np.abs(found.astype(int) - image_of(vector)).max() <= 3


@pytest.mark.parametrize("vector", VECTORS["strokes"], ids=lambda vector: vector["character"])
def test_strokes_become_their_image(vector: dict[str, Any]) -> None:
    nearly(normalize_strokes(vector["strokes"], vector["width"]), vector)


def test_the_words_of_the_specification_are_enough_to_write_it_again() -> None:
    for vector in VECTORS["strokes"]:
        again = normalisation_again.image_of(normalisation_again.mask_of(vector["strokes"], vector["width"]))
        assert np.abs(again - image_of(vector)).max() <= 3, vector["character"]


@pytest.mark.parametrize("vector", VECTORS["pictures"], ids=lambda vector: vector["file"])
def test_pictures_become_their_image(vector: dict[str, Any]) -> None:
    nearly(glyphfront.normalize(FOLDER / vector["file"]), vector)


def test_the_model_gives_each_image_its_probabilities() -> None:
    recognizer = glyphfront.load(VECTORS["model"], precision="fp32")
    assert recognizer.card.sha256 == VECTORS["sha256"], "the shipped model has changed: run tests/vectors/make.py"
    assert list(recognizer.classes) == VECTORS["classes"]
    vectors = VECTORS["strokes"] + VECTORS["pictures"]
    found = recognizer.session.run(None, {"image": np.stack([image_of(vector) for vector in vectors])})[0]
    assert found == pytest.approx(np.array([vector["probabilities"] for vector in vectors]), abs=1e-4)
