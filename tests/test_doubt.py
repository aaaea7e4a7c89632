"""What is no character is answered ?, with the reason; what is one is not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from glyphfront.data import strokes
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.doubt import UNLIKE, unlike_characters
from glyphfront.ship.recognizer import Recognizer, load


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return load("glyphnet-s", precision="fp32")


def noticed(recognizer: Recognizer, pictures: list[np.ndarray]) -> int:
    """How many are refused as empty, or doubted."""
    number = 0
    for picture in pictures:
        try:
            number += recognizer.answer(picture).doubt is not None
        except GlyphfrontError:  # empty
            number += 1
    return number


def plus(arm: int, pen: int) -> np.ndarray:
    picture = page()
    cv2.line(picture, (120 - arm, 121), (120 + arm, 118), 40, pen, cv2.LINE_AA)
    cv2.line(picture, (119, 120 - arm), (121, 120 + arm), 40, pen, cv2.LINE_AA)
    return picture


def page() -> np.ndarray:
    return np.full((240, 240), 230, np.uint8)


def test_built_in_characters_are_not_doubted() -> None:
    images = strokes.draw(4, seed=1, split="test").images
    assert sum(unlike_characters(image, 0.9) is not None for image in images) <= 0.05 * len(images)


def test_pluses_are_doubted(recognizer: Recognizer) -> None:
    assert noticed(recognizer, [plus(arm, pen) for arm in (40, 60, 80) for pen in (4, 8, 12)]) >= 8


def test_animals_drawn_with_lines_are_doubted(recognizer: Recognizer) -> None:
    pictures = []
    for legs in ((-40, -25, 25, 40), (-50, -30, 35, 45), (-30, -10, 10, 30)):
        for neck in (25, 40, 55):
            picture = page()
            cv2.ellipse(picture, (110, 120), (60, 28), 0, 0, 360, 20, 4, cv2.LINE_AA)
            cv2.line(picture, (160, 105), (160 + neck // 2, 105 - neck), 20, 4, cv2.LINE_AA)
            cv2.circle(picture, (165 + neck // 2, 95 - neck), 12, 20, 4, cv2.LINE_AA)
            for leg in legs:
                cv2.line(picture, (110 + leg, 142), (110 + leg, 200), 20, 4, cv2.LINE_AA)
            pictures.append(picture)
    assert noticed(recognizer, pictures) >= 7


def test_paper_with_a_vignette_or_a_shadow_holds_no_character(recognizer: Recognizer) -> None:
    y, x = np.mgrid[-1:1:240j, -1:1:240j]
    rng = np.random.default_rng(0)
    pictures = []
    for angle in np.arange(5) * 1.2:
        along = np.cos(angle) * x + np.sin(angle) * y
        for light in (1 - 0.3 * (x**2 + y**2) / 2, 1 - 0.35 / (1 + np.exp(-along / 0.05)), 1 + 0.2 * along):
            pictures.append((190 * light + rng.normal(0, 2, x.shape)).clip(0, 255).astype(np.uint8))
    assert noticed(recognizer, pictures) >= 13


def test_a_model_of_other_characters_is_not_asked_whether_these_are_latin() -> None:
    shipped = load("glyphnet-s", precision="fp32")
    signs = replace(shipped, card=replace(shipped.card, classes=("+", *shipped.classes[1:])))
    assert shipped.answer(plus(80, 8)).reason == UNLIKE
    assert signs.answer(plus(80, 8)).reason is None
