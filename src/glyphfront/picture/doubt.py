"""Whether the ink on a picture can be one character at all."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Gray, Mask
from glyphfront.picture.sizes import mean_stroke

if TYPE_CHECKING:
    import onnxruntime as ort

_LONGEST = 9.0  # lines of writing, in longer sides of its box: genuine characters stay below
_MOST_HOLES = 3
_DOT = 0.8  # of the circle around it: what a dot fills
_DOT_SHARE = 0.2  # of the picture's shorter side: what is larger may be an O whose inside is closed


_UNLIKE = 6.2  # odds against a character, less what the recogniser's confidence says for it: 1 of 100 have more
_TRUST = 0.4  # weight of that confidence; from 0.3 to 0.5 it makes little difference

UNLIKE = "not one letter or digit"


def unlike_characters(image: Gray, confidence: float) -> str | None:
    """Why a normalised image is no letter or digit; None where it may be one.

    Of Latin letters and digits alone: `doubt.onnx`, the mean of two nets, was trained on EMNIST's training images
    against empty paper, dots, signs, scribbles, drawings, words and textures (benchmarks/pictures/doubt_net.py).

    Args:
        image: (28, 28) uint8, upright, white ink on black.
        confidence: probability of the likeliest character, 0 to 1.
    """
    against = float(against_characters(image[None])[0])
    return UNLIKE if _odds(against) > _UNLIKE * _odds(confidence) ** _TRUST else None


def against_characters(images: Gray) -> NDArray[np.float32]:
    """How likely normalised images (N, 28, 28) uint8 are no Latin letters or digits: (N,) float32, 0 to 1."""
    return np.asarray(_net().run(None, {"image": images})[0], np.float32)


def _odds(probability: float) -> float:
    clipped = min(max(probability, 1e-4), 1 - 1e-4)
    return clipped / (1 - clipped)


@functools.cache
def _net() -> ort.InferenceSession:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only
    return ort.InferenceSession(Path(__file__).with_name("doubt.onnx"), options, providers=["CPUExecutionProvider"])


def doubt_about(ink: Gray, page: float) -> str | None:
    """Why this ink is not one character, in a few words; None where it may be one.

    Args:
        ink: (H, W) uint8, as `character_ink` gives it.
        page: shorter side of the whole picture in the same pixels.
    """
    mask = (ink > int(ink.max()) // 2).view(np.uint8)
    x, y, wide, tall = cv2.boundingRect(mask)
    mask = np.ascontiguousarray(mask[y : y + tall, x : x + wide])
    faint = (ink[y : y + tall, x : x + wide] > int(ink.max()) // 4).view(np.uint8)  # joins broken strokes
    parts = parts_side_by_side(faint)
    if parts > 1:
        return f"{parts} parts side by side: see glyphfront read"
    area = np.count_nonzero(mask)
    side = max(wide, tall)
    if side < _DOT_SHARE * page and min(wide, tall) > 0.75 * side and area > _DOT * np.pi / 4 * wide * tall:
        return "a dot"
    if area / max(mean_stroke(mask), 1.0) > _LONGEST * side:
        return "a scribble or drawing"
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    whole = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))  # grainy ink is full of holes
    contours, levels = cv2.findContours(whole, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = sum(
        1
        for contour, level in zip(contours, levels[0], strict=True)
        if level[3] >= 0 and cv2.contourArea(contour) > 0.002 * wide * tall
    )
    if holes > _MOST_HOLES:
        return "a scribble or drawing"
    return None


def parts_side_by_side(mask: Mask) -> int:
    """How many characters seem to stand side by side, from the gaps between the connected parts.

    Args:
        mask: (H, W), cut to the box of the ink.
    """
    tall, wide = mask.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 3 or wide < 1.25 * tall:
        return 1
    parts = [
        (int(s[cv2.CC_STAT_LEFT]), int(s[cv2.CC_STAT_LEFT] + s[cv2.CC_STAT_WIDTH]))
        for s in stats[1:]
        if s[cv2.CC_STAT_HEIGHT] > 0.45 * tall and s[cv2.CC_STAT_AREA] > 0.01 * mask.size
    ]
    groups: list[list[int]] = []
    for left, right in sorted(parts):
        if groups and left < groups[-1][1] - 0.1 * tall:
            groups[-1][1] = max(groups[-1][1], right)
        else:
            groups.append([left, right])
    return max(len(groups), 1)
