"""Where the characters of a page stand: lines of words."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.glyph import Glyph
from glyphfront.picture.lines_on_page import without_lines_on_page
from glyphfront.picture.normalize import framed
from glyphfront.picture.page import PageInk, page_ink
from glyphfront.picture.read import Mask, Pixels
from glyphfront.picture.sizes import usual_height

_SPACE = 0.55  # of the height of a line: wider gaps part words
_DETACHED = 0.4  # of the height of a character: lower parts are dots and strokes of another one
_LEAST = 0.4  # of the height of its line: what stands alone and is smaller is no character
_NEAR = 0.45  # of the height of a character: so far a dot stands from its stem
_COMMA = 0.5  # of the height of a character: no comma is taller
_SIGN = 0.06  # of the height of a line: full stops and dashes are no thinner, specks are
_SIGNS_HEIGHT = 1.4  # heights of a line: as tall is the strip that its signs stand in
_BESIDE = 0.08  # of the height of a character: so near a bar of it ends beside it, a dash does not
_FLAT = 1.5  # times as broad as tall: bars and dashes
_WIDEST = 1.2  # of the height of a character: it is no broader with its bar
_TALLEST = 1.5  # of the height of a character: parts above one another are no taller together


@dataclass
class _Part:
    box: list[int]
    labels: list[int] = field(default_factory=list)

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    def joined(self, other: _Part) -> None:
        a, b = self.box, other.box
        self.box = [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
        self.labels += other.labels


def lines_and_signs(pixels: Pixels, turns: int = 0) -> tuple[list[list[Glyph]], int]:
    """The characters of a page, apart from each other, in lines from top to bottom, each from left to right.

    Ruled lines and boxes are taken out; dots and strokes above a character are part of it.

    Args:
        pixels: as `read` gives them.
        turns: quarters by which the page is turned counter-clockwise first.

    Returns:
        The lines; and how many full stops, commas and dashes among them are too small for characters.

    Raises:
        GlyphfrontError: no ink stands out from the paper.
    """
    page = page_ink(pixels, turns)
    labels, parts, small = _parts(without_lines_on_page(page.mask))
    lines = _in_lines(parts)
    usual = float(np.median([p.height for p in parts])) if parts else 0.0
    for line in [line for line in lines if len(line) == 1 and line[0].height < _COMMA * usual]:
        if any(_signs(other, line, usual) for other in lines if other is not line):
            lines.remove(line)  # a comma, mostly below its line
            small += line
    found, signs = [], 0
    for line in lines:
        height = float(np.median([p.height for p in line]))
        kept = [p for p in line if p.height > _LEAST * height]
        if kept:
            between = _signs(kept, small + [p for p in line if p not in kept], height)
            found.append(_glyphs(page, labels, kept, between))
            signs += len(between)
    return found, signs


def _signs(line: list[_Part], small: list[_Part], height: float) -> list[_Part]:
    """The small parts that stand in a line, or just below it, and are no specks."""
    left, right = line[0].box[0], max(p.box[2] for p in line)
    found = []
    for part in small:
        thin = min(part.box[2] - part.box[0], part.height)
        if thin < max(_SIGN * height, 2) or not left < part.box[0] < right + 0.5 * height:
            continue
        if any(p.box[0] <= part.box[0] and part.box[2] <= p.box[2] for p in line):  # a crumb of a character
            continue
        beside = sorted(line, key=lambda p: abs(p.box[0] - part.box[0]))[:3]
        middle = float(np.median([p.box[1] + p.box[3] for p in beside])) / 2
        if abs((part.box[1] + part.box[3]) / 2 - middle) < _SIGNS_HEIGHT / 2 * height:
            found.append(part)
    return found


def _glyphs(page: PageInk, labels: NDArray[np.int32], line: list[_Part], signs: list[_Part]) -> list[Glyph]:
    height = float(np.median([p.height for p in line]))
    gaps = [b.box[0] - a.box[2] for a, b in pairwise(line)]
    usual = max(float(np.percentile(gaps, 25)), 0.0) if gaps else 0.0
    glyphs: list[Glyph] = []
    right: int | None = None
    for part in line:
        left, top, end, bottom = part.box
        own = np.isin(labels[top:bottom, left:end], part.labels)
        ink = np.where(own, page.ink[top:bottom, left:end], np.uint8(0))
        for sign in signs:  # a full stop or comma parts no words, a dash does
            if sign.box[2] - sign.box[0] > 1.8 * sign.height:
                continue
            if right is not None and right - _NEAR * height < sign.box[0] and sign.box[2] < left + _NEAR * height:
                right = max(right, min(sign.box[2], left))
        space = right is not None and left - right > max(_SPACE * height, 1.8 * usual + 0.1 * height)
        at = (left, top, end, bottom)
        glyphs.append(Glyph(page.on_picture(at), framed(ink), space, ink, at))
        right = end if right is None else max(right, end)
    return glyphs


def _parts(mask: Mask) -> tuple[NDArray[np.int32], list[_Part], list[_Part]]:
    """The labels of connected parts; those that may be characters, what stands above one another joined; the others."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    tall, area = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    real = (area > 6) & (tall > 0.008 * mask.shape[0])
    if count < 2 or not real.any():
        return labels, [], []
    height = usual_height(tall[real], area[real])
    parts = []
    for number in range(1, count):
        left, top, wide, high, ink = (int(n) for n in stats[number])
        rim = left == 0 or top == 0 or left + wide == mask.shape[1] or top + high == mask.shape[0]
        if ink < 0.004 * height * height or high > 3 * height or (rim and (high > 2 * height or wide > 3 * height)):
            continue
        parts.append(_Part([left, top, left + wide, top + high], [number]))
    parts.sort(key=lambda p: -p.height)  # the tallest first: small ones join them
    kept: list[_Part] = []
    small: list[_Part] = []
    for part in parts:
        host = min((k for k in kept if _belong(k, part, height)), key=lambda k: _gap(k, part), default=None)
        if host is not None:
            host.joined(part)
        elif part.height >= 0.25 * height:
            kept.append(part)
        else:
            small.append(part)
    return labels, kept, small


def _belong(host: _Part, part: _Part, height: float) -> bool:
    """Whether two parts stand above one another, near enough to be one character; or one is a bar of the other."""
    if _is_bar(host, part, height):
        return True
    across = min(host.box[2], part.box[2]) - max(host.box[0], part.box[0])
    narrower = min(host.box[2] - host.box[0], part.box[2] - part.box[0])
    if across <= 0.5 * narrower:
        return False
    if part.height < _DETACHED * height:
        return _gap(host, part) < _NEAR * height
    together = max(host.box[3], part.box[3]) - min(host.box[1], part.box[1])
    return _gap(host, part) < 0.15 * height and together < _TALLEST * height


def _is_bar(host: _Part, part: _Part, height: float) -> bool:
    """Whether a flat part all but touches another one, at its side or its upper corner: of a broken 5, not a dash."""
    left, _, right, bottom = part.box
    if part.height > _DETACHED * height or right - left < _FLAT * part.height:
        return False
    beside = max(host.box[0], left) - min(host.box[2], right)
    within = _gap(host, part) < _BESIDE * height and bottom < host.box[3] + _BESIDE * height
    together = max(host.box[2], right) - min(host.box[0], left)
    return within and beside < _BESIDE * height and together < _WIDEST * height


def _gap(one: _Part, other: _Part) -> int:
    return max(one.box[1], other.box[1]) - min(one.box[3], other.box[3])


def _in_lines(parts: list[_Part]) -> list[list[_Part]]:
    """Parts in lines: each joins the line that it overlaps most in height, near it."""
    lines: list[list[_Part]] = []
    for part in sorted(parts, key=lambda p: p.box[0]):
        top, bottom = part.box[1], part.box[3]
        best, most = None, 0.35
        for line in lines:
            near = line[-4:]
            above, below = np.mean([p.box[1] for p in near]), np.mean([p.box[3] for p in near])
            overlap = (min(bottom, float(below)) - max(top, float(above))) / min(bottom - top, float(below - above))
            if overlap > most:
                best, most = line, float(overlap)
        if best is None:
            lines.append([part])
        else:
            best.append(part)
    return sorted(lines, key=lambda line: float(np.mean([p.box[1] + p.box[3] for p in line])))
