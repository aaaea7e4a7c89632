"""Which ink is the character: lines, boxes, neighbours, fingers and specks are not."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.ink import NEAR, touches_rim
from glyphfront.picture.lines_around_character import without_lines_around, without_underline
from glyphfront.picture.read import Gray, Mask
from glyphfront.picture.tones import above, counts_of, median, otsu_of, quantile_of, up_to

_SPECK = 0.03  # of the ink of the largest part
_DOTS = 2  # specks: of more, none is the dot of an i
_CELLS = 64  # parts nearer to each other than a cell of this grid are one
_CHARACTER = 0.15  # of the picture's shorter side: what is smaller, clear of the rim, leaves open what is meant
_APART = 0.25  # of that: what is as tall and clear of the rim is the character, whatever lines there are
_AGAIN = 0.9  # of the ink that was found first must be found with another threshold
_FAINT = 0.5  # of the threshold: strokes that dark belong to the character that they are joined to
_FEET = 0.35  # of its longer side: what has more of it on the rim does not stand there
_RING = 0.9  # of its rectangle, at any angle: what a drawn box fills at least, and a round 0 or O does not


def character_in(ink: Gray) -> Gray:
    """The ink of the one character that a picture is of, all else set to 0.

    Lines, boxes and what hangs in from the rim are found first. Where there is any, the threshold is set again
    without it: the lines of a form are often darker than the pencil.

    Args:
        ink: (H, W) uint8, as `ink_of` gives it.
    """
    found = _Parted.of(ink)
    kept = _writing(found)
    if cv2.countNonZero(kept) < cv2.countNonZero(found.mask):
        foreign = cv2.dilate(found.mask & ~kept & 1, NEAR) & ~kept & 1
        again = _Parted.of(np.where(foreign > 0, np.uint8(0), ink))
        if again.level < found.level and _same_size(again.mask, kept):
            finer = _writing(again)
            if cv2.countNonZero(finer & kept) > _AGAIN * cv2.countNonZero(kept):
                found, kept = again, finer
    kept, dot = _without_specks(kept)
    kept = _with_faint_strokes(kept, found)
    around = cv2.dilate(kept, NEAR) & ~found.mask
    even = _evenly_dark(np.asarray(cv2.bitwise_and(found.ink, found.ink, mask=kept | around), np.uint8))
    return even if dot is None else np.where(dot > 0, np.maximum(even, np.uint8(median(even, kept))), even)


@dataclass(frozen=True)
class _Parted:
    """Ink that a threshold parts from its paper."""

    ink: Gray
    counts: NDArray[np.float64]
    level: int
    mask: Mask
    """1 where there is ink."""

    @classmethod
    def of(cls, ink: Gray) -> _Parted:
        counts = counts_of(ink)
        level, _ = otsu_of(counts)
        return cls(ink, counts, level, (ink > level).view(np.uint8))

    @functools.cached_property
    def with_faint(self) -> Mask:
        """The ink with what is fainter and no noise of the paper."""
        noise = 6 * quantile_of(up_to(self.counts, self.level), 0.5)
        return (self.ink > int(max(_FAINT * self.level, noise, 4))).view(np.uint8)


def _with_faint_strokes(kept: Mask, found: _Parted) -> Mask:
    """The character with the fainter strokes that are joined to it, unless those lead to other things."""
    grown = _joined_to(kept, found.with_faint & ~(found.mask & ~kept))
    if cv2.countNonZero(grown) > 2.2 * cv2.countNonZero(kept) or (touches_rim(grown) and not touches_rim(kept)):
        return kept
    return grown


def _joined_to(part: Mask, whole: Mask) -> Mask:
    """`part`, with the connected parts of `whole` that overlap it."""
    count, labels = cv2.connectedComponents(whole, connectivity=8)
    joined = np.zeros(count, bool)
    joined[labels[part > 0]] = True
    if joined[1:].all():
        return whole | part
    joined[0] = False
    return np.asarray(joined[labels].view(np.uint8) | part, np.uint8)


def _evenly_dark(ink: Gray) -> Gray:
    """Ink with fainter strokes made up to 1/0.45 times darker, by the darkest ink near them."""
    full = strokes_of(counts_of(ink))
    if not full:
        return ink
    x, y, wide, tall = cv2.boundingRect(ink)
    near = max(round(max(wide, tall) / 12), 1) * 2 + 1
    left, top = max(x - 2 * near, 0), max(y - 2 * near, 0)
    box = slice(top, y + tall + 2 * near), slice(left, x + wide + 2 * near)
    darkest = cv2.blur(cv2.dilate(ink[box], np.ones((2 * near - 1, 2 * near - 1), np.uint8)), (near, near))
    factors = np.float32(full) / np.arange(256, dtype=np.float32).clip(0.45 * full, full)
    even = ink.copy()
    even[box] = np.minimum(ink[box] * cv2.LUT(darkest, factors), 255)
    return even


def strokes_of(counts: NDArray[np.float64]) -> float:
    """How dark full strokes are: three quarters of what is darker than a third of the darkest; 0 without ink."""
    darkest = int(counts.nonzero()[0][-1])
    return quantile_of(above(counts, darkest // 3), 0.75)


def _same_size(one: Mask, other: Mask) -> bool:
    """Whether a lower threshold found the same thing, not the noise of all the paper."""
    return int(np.count_nonzero(one)) <= 3 * max(int(np.count_nonzero(other)), 1)


def _writing(found: _Parted) -> Mask:
    """The ink without lines, boxes and what hangs in from the rim.

    Fainter ink may join a character to its own strokes at the rim.
    """
    mask = found.mask
    at_rim = touches_rim(mask)
    if at_rim and (apart := _off_the_rim(mask, _APART)) is not None and not _leads_to_rim(apart, found.with_faint):
        return without_underline(_out_of_rings(apart))
    if at_rim or _encloses(mask):
        without = without_lines_around(mask)
        if without is not None:
            mask = without
    mask = without_underline(_out_of_rings(mask))
    kept = _off_the_rim(mask, _CHARACTER) if touches_rim(mask) else mask
    return mask if kept is None else kept


def _leads_to_rim(part: Mask, whole: Mask) -> bool:
    """Whether ink that is joined to a part reaches the rim, though the part does not."""
    if touches_rim(part):
        return False
    return touches_rim(_joined_to(part, whole))


def _encloses(mask: Mask) -> bool:
    """Whether some part looks like a box: closed, and nearly a filled rectangle with its inside."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return any(_fills_rectangle(contour, mask) for contour in contours)


def _fills_rectangle(contour: cv2.typing.MatLike, mask: Mask) -> bool:
    _, size, _ = cv2.minAreaRect(contour)
    if min(size) < 0.3 * min(mask.shape):
        return False
    return bool(cv2.contourArea(contour) >= _RING * size[0] * size[1])


def _out_of_rings(mask: Mask) -> Mask:
    """Without drawn boxes that hold something as large as a character and do not touch it."""
    contours, levels = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if len(contours) < 3:
        return mask
    kept = mask
    for number, contour in enumerate(contours):
        if levels[0][number][3] >= 0 or levels[0][number][2] < 0 or not _fills_rectangle(contour, mask):
            continue
        hole = max((c for c, up in zip(contours, levels[0], strict=True) if up[3] == number), key=cv2.contourArea)
        if cv2.contourArea(hole) < 0.5 * cv2.contourArea(contour):
            continue
        inside = np.zeros_like(mask)
        cv2.drawContours(inside, [hole], -1, 1, -1)
        inside &= mask
        cv2.drawContours(inside, [hole], -1, 0, 1)
        box, held = cv2.boundingRect(contour), cv2.boundingRect(inside)
        if held[3] > 0.2 * box[3] and np.count_nonzero(inside) > 0.01 * box[2] * box[3]:
            kept = kept & inside
    return kept


def _off_the_rim(mask: Mask, least: float) -> Mask | None:
    """Without the parts that hang in from the rim, or lie along it.

    Args:
        mask: (H, W), some of it at the rim.
        least: of the picture's shorter side: the smallest character for whose sake anything is left out. Above
            `_CHARACTER` it must be clear of the rim besides.

    Returns:
        None if there is no such character.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 3:
        return None
    rim = np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]))
    contact = np.bincount(rim, minlength=count)
    side = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    area = stats[:, cv2.CC_STAT_AREA]
    around = (contact > 0.9 * len(rim)) | ((contact > 0.45 * len(rim)) & (area < 0.4 * mask.size))
    around[0] = True
    real = np.arange(count) > 0
    clear = real & (contact == 0)
    # what stands on the rim with its feet is writing; what lies along it, or hangs in from outside, is not
    standing = real & (contact < _FEET * side)
    main = int(np.where(clear if least > _CHARACTER else standing, area, 0).argmax())
    if least > _CHARACTER:
        if not main or stats[main, cv2.CC_STAT_HEIGHT] < least * min(mask.shape):
            return None
    elif side[main] < least * min(mask.shape) or (
        area[main] < 0.1 * np.where(around, 0, area).max() and side[main] < 0.3 * min(mask.shape)
    ):
        return _least_along_the_rim(mask, labels, stats, contact > 0.6 * side)
    x, y, wide, tall = (int(n) for n in stats[main, :4])
    sides = np.sum((stats[:, :2] == 0) | (stats[:, :2] + stats[:, 2:4] == mask.shape[::-1]), axis=1)
    if (x == 0) + (y == 0) + (x + wide == mask.shape[1]) + (y + tall == mask.shape[0]) > 2:
        return mask  # a crop to the box of the ink
    reach = 0.1 * side[main]
    near = (
        (stats[:, 0] < x + wide + reach)
        & (stats[:, 0] + stats[:, 2] > x - reach)
        & (stats[:, 1] < y + tall + reach)
        & (stats[:, 1] + stats[:, 3] > y - reach)
    )
    beside = standing & near & (area >= 0.25 * area[main]) & (side <= np.where(sides < 2, 1.5, 1.3) * side[main])
    beside[main] = True
    return np.where((clear | beside)[labels], mask, np.uint8(0))


def _least_along_the_rim(
    mask: Mask, labels: NDArray[np.int32], stats: cv2.typing.MatLike, along: NDArray[np.bool_]
) -> Mask:
    """Where all parts reach the rim: the largest, with those that do not lie along it; all of a tight crop."""
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, wide, tall = (int(n) for n in stats[largest, :4])
    if (x == 0) + (y == 0) + (x + wide == mask.shape[1]) + (y + tall == mask.shape[0]) > 2:
        return mask
    along = along.copy()
    along[largest] = False
    return np.where(along[labels], np.uint8(0), mask)


def _without_specks(mask: Mask) -> tuple[Mask, Mask | None]:
    """Without the parts that hold less than 3 % of the ink of the largest; and the dot of an i that is smaller."""
    cell = -(-max(mask.shape) // _CELLS)
    joined = cv2.dilate(mask, np.ones((cell, cell), np.uint8)) if cell > 1 else mask
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    if count < 3:
        return mask, None
    ink = np.bincount(labels.ravel(), mask.ravel(), minlength=count)
    ink[0] = 0
    kept = ink >= _SPECK * ink.max()
    without = np.where(kept[labels], mask, np.uint8(0))
    if count > 2 + _DOTS or np.count_nonzero(kept) > 1:
        return without, None
    dot = _dot_above(without, np.where(kept[labels], np.uint8(0), mask))
    return (without, None) if dot is None else (without | (mask & dot), dot)


def _dot_above(stem: Mask, specks: Mask) -> Mask | None:
    """The dot of an i or a j, above an upright stem and not far from it, grown as wide as that; None without."""
    x, y, wide, tall = cv2.boundingRect(stem)
    if wide > 0.5 * tall:
        return None
    above = np.zeros_like(specks)
    aside = round(0.15 * tall)
    place = np.s_[max(y - round(0.6 * tall), 0) : y, max(x - aside, 0) : x + wide + aside]
    above[place] = specks[place]
    _, top, across, down = cv2.boundingRect(above)
    pen = cv2.countNonZero(stem) / tall
    if not across or max(across, down) > 2 * pen or top == 0:
        return None
    grow = max(round(pen - max(across, down)), 0) + 1
    return np.asarray(cv2.dilate(above, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow))), np.uint8)
