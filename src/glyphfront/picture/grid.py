"""The cells of a grid on a page, set straight."""

from __future__ import annotations

import cv2
import numpy as np

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.cells import glyphs_in
from glyphfront.picture.glyph import Glyph
from glyphfront.picture.ink import gray_of, ink_of_page
from glyphfront.picture.inner_lines import Corners, grid_of_inner_lines
from glyphfront.picture.read import Box, Gray, Mask, Pixels
from glyphfront.picture.tones import otsu

_CELL = 80  # pixels a side of a cell, once the grid is set straight
_AROUND = 24  # pixels of paper that are kept around it
MOST_SIDE = 50
"""Rows or columns that a grid has at most."""
_SIDE = 1000  # the outline is looked for in pictures reduced to this
_CHECKED = 800  # pixels a side when lines are counted
_IS_LINE = 0.4  # of its length is seen of each line of a grid, at least, as a rule
_IS_OTHER = 0.65  # likewise, where it speaks for another number of rows than was given
_IS_FAINT = 0.8  # likewise, of fainter lines between them
_FAINT = 0.2  # of the threshold of ink: as faint are these
_FAINTER = (1.0, 0.4, 0.1)  # of the threshold of ink: so faint are lines, in turn
_SPECK = 12  # pixels: pieces of lines are longer
_BLACK = 0.3  # of the paper around it: so dark are black cells
_NO_GRID = "there is no grid on this picture; give one with its outer lines, or with 3 rows and columns at least"


def cells_of(pixels: Pixels, rows: int, columns: int, turns: int = 0) -> list[list[Glyph | None]]:
    """What stands in the cells of the largest grid on a page; None where a cell is empty.

    Args:
        pixels: as `read` gives them.
        rows: of the grid.
        columns: of the grid.
        turns: quarters by which the picture is to be turned counter-clockwise.

    Raises:
        GlyphfrontError: there is no grid, or it has not so many rows and columns.
    """
    if not (1 <= rows <= MOST_SIDE and 1 <= columns <= MOST_SIDE):
        raise GlyphfrontError(f"a grid of {rows}x{columns} is none; give 1 to {MOST_SIDE} rows and columns")
    corners = _corners(pixels, rows, columns, turns % 4)
    wide, tall = columns * _CELL, rows * _CELL
    straight = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32) + _AROUND
    back = cv2.getPerspectiveTransform(straight, corners)
    ink = _flat(pixels, corners, wide, tall, 0.45 * _CELL)
    mask = (ink > otsu(ink)[0]).view(np.uint8)

    def on_picture(box: Box) -> Box:
        left, top, right, bottom = box
        ends = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
        on_page = cv2.perspectiveTransform(ends, back)[0]
        low, high = np.floor(on_page.min(axis=0)).astype(int), np.ceil(on_page.max(axis=0)).astype(int)
        return max(int(low[0]), 0), max(int(low[1]), 0), int(high[0]), int(high[1])

    cells = [
        (_AROUND + c * _CELL, _AROUND + r * _CELL, _AROUND + (c + 1) * _CELL, _AROUND + (r + 1) * _CELL)
        for r in range(rows)
        for c in range(columns)
    ]
    found = glyphs_in(cells, ink, mask, on_picture)
    return [found[r * columns : (r + 1) * columns] for r in range(rows)]


def _flat(pixels: Pixels, corners: Corners, wide: int, tall: int, reach: float, *, blocks: bool = False) -> Gray:
    """Ink of the grid, set straight, with `_AROUND` pixels of paper around it."""
    straight = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32) + _AROUND
    turn = cv2.getPerspectiveTransform(corners, straight)
    size = (wide + 2 * _AROUND, tall + 2 * _AROUND)
    flat = cv2.warpPerspective(
        np.ascontiguousarray(pixels), turn, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    gray = gray_of(flat)
    ink = ink_of_page(gray, reach)
    if blocks:
        ink = _with_blocks(ink, gray)
    held = cv2.warpPerspective(np.ones(pixels.shape[:2], np.uint8), turn, size, flags=cv2.INTER_NEAREST)
    return np.where(held > 0, ink, np.uint8(0))  # what lies beyond the rim of the picture is not known


def _corners(pixels: Pixels, rows: int, columns: int, turns: int) -> Corners:
    """The corners of the grid on a page, in pixels of the picture.

    Its outline is looked for with ever fainter lines, then its inner lines alone.

    Raises:
        GlyphfrontError: there is no grid, or its lines say that it has others.
    """
    factor = max(max(pixels.shape[:2]) / _SIDE, 1)
    size = (max(round(pixels.shape[1] / factor), 1), max(round(pixels.shape[0] / factor), 1))
    gray = gray_of(np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)))
    ink = _with_blocks(ink_of_page(gray, 0.05 * max(gray.shape)), gray)
    others: list[tuple[int, int]] = []
    for share in _FAINTER:
        corners = _outline(_lines(ink, share))
        if corners is not None:
            corners = np.roll(corners * np.float32(factor), -turns, axis=0)
            seen, mask = _seen(pixels, corners, rows, columns, share)
            if not _is_bordered(mask, _beyond(corners, pixels.shape)):
                continue
            if seen == (rows, columns):
                return corners
            others.append(seen)
    if others:
        raise GlyphfrontError(_other_size(others, rows, columns))
    turned = (rows, columns) if turns % 2 == 0 else (columns, rows)
    corners = grid_of_inner_lines(_lines(ink, _FAINTER[1]), *turned)
    if corners is not None:
        corners = np.roll(corners * np.float32(factor), -turns, axis=0)
        if _seen(pixels, corners, rows, columns, _FAINTER[1])[0] == (rows, columns):
            return corners
    raise GlyphfrontError(_NO_GRID)


def _lines(ink: Gray, share: float) -> Mask:
    """(H, W), 1 where there is as much ink as lines have; of faint ones, what is no speck."""
    level, _ = otsu(ink)
    paper = ink[ink <= level]
    noise = 2.8 * float(np.percentile(paper, 75)) if paper.size else 0.0
    mask = (ink > max(share * level, min(noise, level))).view(np.uint8)
    if share == 1:
        return mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    real = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) > _SPECK
    real[0] = False
    return np.asarray(real[labels], np.uint8)


def _with_blocks(ink: Gray, gray: Gray) -> Gray:
    """With the black cells of a crossword, which are larger than ink is looked for."""
    side = max(round(0.5 * max(gray.shape)) | 1, 3)
    size = (-(-gray.shape[1] // 4), -(-gray.shape[0] // 4))
    small = cv2.resize(cv2.GaussianBlur(gray, (5, 5), 0), size, interpolation=cv2.INTER_AREA)
    paper = cv2.resize(cv2.dilate(small, np.ones((-(-side // 4),) * 2, np.uint8)), gray.shape[::-1])
    black = (gray < _BLACK * paper).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(black, connectivity=8)
    kept = np.ones(len(stats), bool)
    kept[0] = False
    kept[np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))] = False  # a dark table
    inside = kept[labels]
    return np.where(inside, np.uint8(255), ink) if inside.mean() < 0.5 else ink


def _outline(mask: Mask) -> Corners | None:
    """The corners of the part with the largest outline; None where none is large."""
    whole = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=lambda c: cv2.contourArea(cv2.convexHull(c)), default=None)
    if outline is None or cv2.contourArea(cv2.convexHull(outline)) < 0.05 * mask.size:
        return None
    points = outline.reshape(-1, 2).astype(np.float32)
    total, difference = points.sum(axis=1), points[:, 0] - points[:, 1]
    four = [total.argmin(), difference.argmax(), total.argmax(), difference.argmin()]
    return np.ascontiguousarray(points[four])


def _seen(pixels: Pixels, corners: Corners, rows: int, columns: int, share: float) -> tuple[tuple[int, int], Mask]:
    """How many rows and columns the lines of a grid make, 0 where there are none, and these lines, set straight."""
    ink = _flat(pixels, corners, _CHECKED, _CHECKED, 0.05 * _CHECKED, blocks=True)
    mask = _lines(ink, 0.7 * share)  # inner lines are often fainter than outer ones
    faint = _lines(ink, _FAINT * share) | mask
    turned = np.ascontiguousarray(mask.T), np.ascontiguousarray(faint.T)
    return (_lines_seen(mask, faint, rows), _lines_seen(*turned, columns)), mask


def _other_size(seen: list[tuple[int, int]], rows: int, columns: int) -> str:
    """What to say where the lines of a grid do not make as many rows and columns as were given.

    Args:
        seen: rows and columns by outlines of ever fainter lines, 0 where there are no lines: without its outermost
            lines, if these are faint, a grid seems to have fewer.
        rows: that were given.
        columns: that were given.
    """
    most = max(seen, key=lambda size: size[0] * size[1])
    if 0 in most:
        return f"there is no grid of {rows}x{columns} on this picture: no lines are seen between its cells"
    return (
        f"the grid on this picture seems to have {most[0]} rows and {most[1]} columns, not {rows} and {columns}; "
        f"give {most[0]}x{most[1]}"
    )


def _beyond(corners: Corners, shape: tuple[int, ...]) -> list[bool]:
    """Whether the top, right, bottom and left side of a grid lie at the rim of the picture."""
    near = 0.01 * max(shape[:2]) + 2
    ends = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)  # (4, 2, 2)
    rims = [ends[:, :, 0] < near, ends[:, :, 1] < near]
    rims += [ends[:, :, 0] > shape[1] - 1 - near, ends[:, :, 1] > shape[0] - 1 - near]
    return [any(bool(rim[side].all()) for rim in rims) for side in range(4)]


def _is_bordered(mask: Mask, at_rim: list[bool]) -> bool:
    """Whether there is a line along most of each of the four sides that lie inside the picture."""
    near = _AROUND + round(0.03 * _CHECKED)
    level, upright = (
        cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones(kernel, np.uint8)) for kernel in ((1, _SPECK), (_SPECK, 1))
    )
    sides = (level[:near].any(0), upright[:, -near:].any(1), level[-near:].any(0), upright[:, :near].any(1))
    return all(cut or float(side.mean()) > 0.6 for side, cut in zip(sides, at_rim, strict=True))


def _lines_seen(mask: Mask, faint: Mask, given: int) -> int:
    """How many rows the level lines of a grid make: `given` unless they say otherwise; 0 where there are none.

    Args:
        mask: (H, W), 1 where there are lines.
        faint: (H, W), 1 where there are fainter lines as well, such as those between the thick ones of a sudoku.
        given: rows.
    """
    inner, with_faint = (m[_AROUND:-_AROUND, _AROUND:-_AROUND] for m in (mask, faint))
    shares = {n: _share_of_lines(inner, n) for n in range(2, MOST_SIDE + 1)}
    finer = [n for n, share in shares.items() if n > given and share > _IS_OTHER]
    if given == 1:
        seen = max(finer, default=1)
    elif shares[given] > _IS_LINE and not finer:
        seen = given
    else:
        seen = max((n for n, share in shares.items() if share > _IS_LINE + 0.1), default=1)
    # a size that fits is another only by the pattern of a sudoku: the cells may hold squared paper
    multiples = range(2 * seen, MOST_SIDE + 1, seen) if seen != given else (n for n in (seen**2,) if n <= MOST_SIDE)
    between = [n for n in multiples if n > 1 and _share_of_lines(with_faint, n) > _IS_FAINT]
    seen = max(between, default=seen)
    return seen if seen > 1 or given == 1 else 0


def _share_of_lines(mask: Mask, rows: int) -> float:
    """How much is seen of the lines between equal rows: of the less clear ones among them."""
    length = max(round(0.5 * len(mask) / rows), 8)
    runs = cv2.morphologyEx(cv2.dilate(mask, np.ones((3, 1), np.uint8)), cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    near = max(0.12 * len(mask) / rows, 2)
    shares = []
    for row in range(1, rows):
        middle = row * len(mask) / rows
        band = runs[max(round(middle - near), 0) : round(middle + near) + 1]
        shares.append(float((band > 0).any(axis=0).mean()))
    return float(np.percentile(shares, 20))
