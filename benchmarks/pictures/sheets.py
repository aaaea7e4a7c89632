"""A drawing on a sheet of paper that lies on something: tables of wood, checked and dark cloth, a lighter desk.

Each degradation takes a drawing as (H, W) float64, 0 paper to 1 full ink, and a seeded generator, and returns a
picture, (H, W, 3) uint8, as `degrade` has them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.float64]
Picture = NDArray[np.uint8]

SHAPES = ((600, 800), (800, 600), (480, 640), (240, 320))


def _rough(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth noise of `cells` a side, standard deviation about 1."""
    return cv2.resize(rng.normal(0, 1, (cells, cells)), shape[::-1], interpolation=cv2.INTER_CUBIC)


def _plain(shape: tuple[int, int], rng: np.random.Generator, low: float, high: float) -> Colours:
    tone = rng.uniform(low, high) * np.exp(rng.normal(0, 0.06, 3))
    return tone * (1 + 0.02 * _rough(shape, 9, rng)[:, :, None])


def _wood(shape: tuple[int, int], rng: np.random.Generator) -> Colours:
    """Grain along one axis, between boards of their own tones."""
    height, width = shape
    grain = cv2.resize(rng.normal(0, 1, (height, 6)), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(grain, (0, 0), height / 400)
    boards = np.repeat(rng.normal(0, 1, 8), -(-height // 8))[:height, None]
    tones = rng.uniform(95, 165) * (1 + 0.12 * grain + 0.05 * boards)
    page = tones[:, :, None] * np.array([1.25, 0.95, 0.65])
    return page if rng.integers(2) else np.ascontiguousarray(cv2.resize(page.transpose(1, 0, 2), (width, height)))


def _checked(shape: tuple[int, int], rng: np.random.Generator) -> Colours:
    """Cloth with stripes across one another, some of them nearly as light as paper."""
    step = min(shape) * rng.uniform(0.05, 0.14)
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    turn = rng.uniform(-0.5, 0.5)
    across, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    share = ((across % step < step / 2) * 0.5 + (down % step < step / 2) * 0.5)[:, :, None]
    light, dark = rng.uniform(160, 215, 3), rng.uniform(30, 120, 3)
    return light * (1 - share) + dark * share


def _cloth(shape: tuple[int, int], rng: np.random.Generator) -> Colours:
    """Dark cloth with folds."""
    weave = rng.normal(0, 1, shape)
    folds = _rough(shape, 5, rng)
    return (rng.uniform(30, 70, 3)) * (1 + 0.08 * weave + 0.25 * folds)[:, :, None]


def _corners(shape: tuple[int, int], rng: np.random.Generator, edges: int) -> NDArray[np.float32]:
    """Of a sheet turned by up to 12 degrees, seen nearly from above, of which `edges` lie in the picture: (4, 2)."""
    height, width = shape
    long = max(shape) * rng.uniform(0.35, 0.75)
    size = np.array([long, long * rng.uniform(0.6, 0.95)])
    if (height > width) != (rng.random() < 0.2):
        size = size[::-1]
    size = size * min(1.0, *(0.8 * np.array([width, height]) / size)) if edges == 4 else size
    free = np.array([width, height]) - size
    middle = np.array([width, height]) / 2 + (rng.uniform(-0.35, 0.35, 2) * free)
    half = size / 2
    low, high = middle - half, middle + half
    beyond = np.array([width, height]) * 0.3
    leaving = rng.permutation(4)[: 4 - edges] if edges != 2 else [[0, 1], [1, 2], [2, 3], [3, 0]][rng.integers(4)]
    for side in leaving:
        if side < 2:
            low[side] = -beyond[side]
        else:
            high[side - 2] = np.array([width, height])[side - 2] + beyond[side - 2]
    if edges < 4:  # at least half of the picture is paper
        low, high = (
            np.minimum(low, 0.25 * np.array([width, height])),
            np.maximum(high, 0.75 * np.array([width, height])),
        )
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    corners += rng.normal(0, 0.008 * max(shape), (4, 2))
    turn = cv2.getRotationMatrix2D(tuple(corners.mean(0)), rng.uniform(-12, 12), 1.0)
    return (corners @ turn[:, :2].T + turn[:, 2]).astype(np.float32)


def _placed(
    drawing: NDArray[np.float64], corners: NDArray[np.float32], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The ink, turned with the sheet, within the part of it that is seen."""
    rows, columns = np.nonzero(drawing > 0.5)
    ink = drawing[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    sheet = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(sheet, np.rint(corners).astype(np.int32), 1)
    inside = cv2.distanceTransform(np.pad(sheet, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    room = float(inside.max())
    radius = room * rng.uniform(0.3, 0.75)
    centre = np.array([x, y]) + rng.uniform(-0.5, 0.5, 2) * (room - radius)
    edge = corners[1] - corners[0]
    angle = -np.degrees(np.arctan2(edge[1], edge[0])) + rng.normal(0, 3)
    turn = cv2.getRotationMatrix2D((ink.shape[1] / 2, ink.shape[0] / 2), angle, 2 * radius / np.hypot(*ink.shape))
    turn[:, 2] += centre - np.array(ink.shape[::-1]) / 2
    return cv2.warpAffine(ink, turn, shape[::-1], flags=cv2.INTER_AREA)


def _photographed(
    drawing: NDArray[np.float64],
    table: Colours,
    rng: np.random.Generator,
    paper: float,
    edges: int | None = None,
    shadow: bool = False,
    finger: bool = False,
) -> Picture:
    shape = table.shape[:2]
    edges = int(rng.integers(1, 4)) if edges is None else edges
    corners = _corners(shape, rng, edges)
    ink = _placed(drawing, corners, shape, rng)
    sheet = np.zeros((shape[0] * 2, shape[1] * 2), np.uint8)
    cv2.fillConvexPoly(sheet, np.rint(corners * 2).astype(np.int32), 255)
    share = cv2.resize(sheet, shape[::-1], interpolation=cv2.INTER_AREA) / 255.0
    side = max(shape)
    below = np.roll(cv2.GaussianBlur(share, (0, 0), side / 120), (side // 150, side // 150), (0, 1))
    white = paper * (np.array([1.0, 0.99, 0.96]) + rng.normal(0, 0.01, 3))
    pen = np.array([[35, 35, 40], [40, 50, 120], [90, 90, 95]][rng.integers(3)], float)
    lit = white * (1 - ink[:, :, None]) + pen * ink[:, :, None]
    page = table * (1 - 0.3 * below * (1 - share))[:, :, None] * (1 - share[:, :, None]) + lit * share[:, :, None]
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    page = page * (1 + rng.uniform(0, 0.15) * along)[:, :, None]
    if shadow:
        softness, light = rng.uniform(0.01, 0.1), rng.uniform(0.5, 0.7)
        page = page * (1 - (1 - light) / (1 + np.exp(-(along - rng.uniform(-0.3, 0.6)) / softness)))[:, :, None]
    if finger:
        tip = corners[rng.integers(4)].clip(0, np.array(shape[::-1]) - 1)
        away = tip - corners.mean(0)
        away /= np.hypot(*away) + 1e-9
        start, end = tip - 0.04 * side * away, tip + 0.6 * side * away
        skin = np.zeros(shape, np.uint8)
        ends = [tuple(int(n) for n in np.rint(p)) for p in (start, end)]
        cv2.line(skin, ends[0], ends[1], 255, round(rng.uniform(0.06, 0.1) * side), cv2.LINE_AA)
        page = np.where(skin[:, :, None] > 0, np.array([205.0, 150, 125]) * rng.uniform(0.5, 1.05), page)
    page = cv2.GaussianBlur(page, (0, 0), side / 1500) + rng.normal(0, rng.uniform(1, 4), (*shape, 1))
    _, packed = cv2.imencode(
        ".jpg", page.clip(0, 255).astype(np.uint8)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 95))]
    )
    return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[:, :, ::-1])


def _shape(rng: np.random.Generator) -> tuple[int, int]:
    return SHAPES[rng.integers(len(SHAPES))]


def _any_table(shape: tuple[int, int], rng: np.random.Generator) -> Colours:
    kind = rng.integers(4)
    if kind == 0:
        return _plain(shape, rng, 60, 150)
    return (_wood, _checked, _cloth)[kind - 1](shape, rng)


def sheet_on_dark(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A whole sheet on a darker table of one tone."""
    return _photographed(drawing, _plain(_shape(rng), rng, 60, 150), rng, rng.uniform(205, 245), 4)


def sheet_on_light(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A whole sheet of grayish paper on a lighter desk."""
    return _photographed(drawing, _plain(_shape(rng), rng, 225, 250), rng, rng.uniform(150, 195), 4)


def sheet_on_wood(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A whole sheet on a table of wood."""
    return _photographed(drawing, _wood(_shape(rng), rng), rng, rng.uniform(205, 245), 4)


def sheet_on_checks(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A whole sheet on checked cloth."""
    return _photographed(drawing, _checked(_shape(rng), rng), rng, rng.uniform(220, 245), 4)


def sheet_on_cloth(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A whole sheet on dark cloth."""
    return _photographed(drawing, _cloth(_shape(rng), rng), rng, rng.uniform(205, 245), 4)


def sheet_edges(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A sheet that leaves the picture, on any table: one, two or three of its edges are seen."""
    return _photographed(drawing, _any_table(_shape(rng), rng), rng, rng.uniform(205, 245))


def sheet_in_shadow(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A shadow over sheet and table, any table, one to four edges seen."""
    table, edges = _any_table(_shape(rng), rng), int(rng.integers(1, 5))
    return _photographed(drawing, table, rng, rng.uniform(205, 245), edges, shadow=True)


def sheet_held(drawing: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """A finger on a corner of the sheet, any table, two to four edges seen."""
    table, edges = _any_table(_shape(rng), rng), int(rng.integers(2, 5))
    return _photographed(drawing, table, rng, rng.uniform(205, 245), edges, finger=True)


SHEETS = {
    function.__name__: function
    for function in (
        sheet_on_dark, sheet_on_light, sheet_on_wood, sheet_on_checks, sheet_on_cloth, sheet_edges, sheet_in_shadow,
        sheet_held,
    )
}  # fmt: skip
