"""Which of two tones is the ink."""

from __future__ import annotations

import cv2
import numpy as np

from glyphfront.picture.read import Mask
from glyphfront.picture.sheet import filled, outline_of, rectangularity

_CLEAR = 0.25  # of the rim: a tone that has less of it does not reach it
_SURE = 5.0  # logits of the vote: tight crops have more
_FRAME = 0.08  # of the shorter side: what goes in less far from the rim is a frame
_SHEET = 0.93  # of its rectangle, at any angle: what a sheet of paper fills
_SHARP = 0.97  # likewise: what no bold letter fills, so that what is on it may be bold


def ink_is_light(light: Mask) -> bool:
    """Whether the lighter of two tones is the ink.

    Paper is the tone of the rim, unless that is a thin frame, or a table on which a sheet lies. Where both tones
    reach the rim, as in a tight crop, ink is the tone that is in fewer pieces and thinner, and has less of the rim
    and of the corners.

    Args:
        light: (H, W), 1 where the picture has the lighter tone.
    """
    rim = np.concatenate((light[0], light[-1], light[1:-1, 0], light[1:-1, -1]))
    share = float(rim.mean())
    if _CLEAR < share < 1 - _CLEAR:
        vote = _vote(light)
        for paper in (light, 1 - light):
            if abs(vote) < _SURE and _holds(paper, 1 - paper):
                return paper is not light
        return vote > 0
    rim_is_light = share > 0.5
    outer = light if rim_is_light else 1 - light
    if (
        cv2.countNonZero(outer) < 0.38 * outer.size
        and _depth(outer) < _FRAME * min(light.shape)
        and _thickest(1 - outer) > 2.2 * _thickest(outer)
    ):
        return rim_is_light  # a box, or the lines around a cell
    if _is_sheet(1 - outer):
        return rim_is_light
    return not rim_is_light


def _holds(paper: Mask, rest: Mask) -> bool:
    """Whether one tone is paper with lines or a table along some sides: most of the area, and round a character."""
    if paper.mean() < 0.6:
        return False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(rest), connectivity=8)
    left, top, wide, tall = stats[1:, 0], stats[1:, 1], stats[1:, 2], stats[1:, 3]
    clear = (left > 0) & (top > 0) & (left + wide < rest.shape[1]) & (top + tall < rest.shape[0])
    clear &= tall > 0.25 * rest.shape[0]
    if not clear.any():
        return False
    largest = 1 + int(np.where(clear, stats[1:, cv2.CC_STAT_AREA], 0).argmax())
    return _thickest(paper) > 2.7 * _thickest((labels == largest).view(np.uint8))


def _depth(outer: Mask) -> float:
    """How far the rim's own tone goes on inwards, in pixels: the median over the rim."""
    depths = []
    for turned in (outer, outer[::-1], outer.T, outer.T[::-1]):
        first = np.argmin(turned, axis=0)  # of the other tone, in each column
        first[turned.all(axis=0)] = len(turned)
        depths.append(first[turned[0] > 0])
    return float(np.median(np.concatenate(depths)))


def _is_sheet(inner: Mask) -> bool:
    """Whether a tone that does not reach the rim is a sheet of paper: a rectangle, in it something thinner than it."""
    _, _, wide, tall = cv2.boundingRect(inner)
    if wide * tall < 0.3 * inner.size:
        return False
    outline = outline_of(inner)
    if outline is None or (fills := rectangularity(outline)) < _SHEET:
        return False
    area = cv2.contourArea(outline)
    if area < 0.3 * inner.size:
        return False
    on_it = filled(outline, inner.shape) & (1 - inner)
    if not 0 < np.count_nonzero(on_it) < 0.25 * area:
        return False
    sharp = fills > _SHARP and area > 0.4 * inner.size
    return _thickest(on_it) < (1.5 if sharp else 0.5) * _thickest(inner)


def _thickest(mask: Mask) -> float:
    return float(cv2.distanceTransform(np.ascontiguousarray(mask), cv2.DIST_L2, 3).max())


def _vote(light: Mask) -> float:
    """How much speaks for the lighter tone as ink, below 0 for the darker one, in logits.

    Logistic regression on 2,000 EMNIST images cut tight, 16 to 100 pixels, pens thickened; right on 2,000 others.
    """
    dark = 1 - light
    rim = np.concatenate((light[0], light[-1], light[:, 0], light[:, -1])).mean() - 0.5
    corners = np.mean([light[:2, :2], light[:2, -2:], light[-2:, :2], light[-2:, -2:]]) - 0.5
    thickness = np.log((_thickest(light) + 0.01) / (_thickest(dark) + 0.01))
    pieces = np.log((_pieces(light) + 0.5) / (_pieces(dark) + 0.5))
    return float(-2.0 * rim - 2.0 * corners - 1.6 * thickness - 5.8 * pieces)


def _pieces(mask: Mask) -> int:
    """Connected parts of more than 1/500 of the picture, and one."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask), connectivity=8)
    return 1 + int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] * 500 > mask.size))
