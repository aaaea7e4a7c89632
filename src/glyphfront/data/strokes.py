"""The built-in set: EMNIST Balanced's 47 classes drawn from single-stroke vector fonts, as if by many hands."""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data import emnist
from glyphfront.data.dataset import Dataset
from glyphfront.data.rare import RARE
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.normalize import FRAME, MARGIN

Floats = NDArray[np.float32]
Lines = NDArray[np.float64]  # (points, 2): x to the right, y down

CLASSES = emnist.CLASSES["balanced"]
SPLITS = ("train", "test")

_BATCH = 4 * len(CLASSES)  # images drawn at once, from one random stream
_POINTS = 96  # a glyph
_SPOT = 0.7  # standard deviation of the spot that a point leaves, over the pen's radius
_ROUNDINGS = (0.0, 0.02, 0.04, 0.07)  # how far the pen smooths corners: standard deviation, of the glyph's longer side
_FONTS: Mapping[str, tuple[int, float, str]] = {  # font: how often, how loose its strokes, what is legible in it
    "futural": (6, 1.0, string.digits + string.ascii_letters),
    "cursive": (2, 0.7, "ABCDEFGKLMOPRSTUVYabcdeghijklmnopqtuvwy"),
    "timesi": (1, 0.2, string.digits + "ABCDEFGIJLNOPQRSTUVYZabcdefghijklmnopqrstuyz"),
    "timesr": (1, 0.2, string.digits + string.ascii_letters),
}  # strokes of the last two are outlines, which must stay together
_VARIANTS = (  # how often, class, font, characters laid over one another
    (8, "1", "futural", "l"),
    (2, "7", "futural", "7-"),
    (2, "Z", "futural", "Z-"),
    (1, "0", "futural", "0/"),
    (2, "a", "greek", "a"),
    (2, "E", "greek", "e"),
    (2, "X", "greek", "c"),
    (2, "Y", "greek", "g"),
    (2, "K", "greek", "k"),
    (1, "P", "greek", "r"),
    (1, "T", "greek", "t"),
    (1, "W", "greek", "w"),
)
_BY_HAND = (  # how often, class, strokes as x y x y ... in a frame of 100: common in handwriting, and in no font
    (4, "0", "60 5 20 15 5 60 30 95 70 85 85 40 60 5"),
    (4, "2", "10 20 40 0 65 25 45 60 10 95 80 90"),
    (3, "2", "10 25 40 0 60 25 25 90 5 90 20 75 80 100"),
    (3, "4", "20 0 15 50 80 50", "65 5 60 100"),
    (3, "4", "25 0 15 45 75 40", "75 0 70 45 60 100"),
    (4, "5", "70 0 25 5 20 45 60 45 65 80 15 100"),
    (3, "5", "25 5 20 45 60 45 65 80 15 100", "25 5 80 0"),
    (8, "6", "60 0 30 35 15 75 35 100 65 85 55 60 20 70"),
    (4, "6", "35 0 20 50 20 90 50 100 65 75 40 60 20 80"),
    (4, "8", "70 15 40 0 25 25 65 60 60 95 25 95 25 65 70 15"),
    (8, "9", "70 15 45 0 20 25 35 50 65 35 75 10 70 55 60 100"),
    (4, "9", "75 5 40 5 20 30 45 50 70 25 75 5 75 100"),
    (3, "A", "10 100 20 30 50 0 80 30 85 100", "15 55 85 55"),
    (3, "I", "10 0 90 0", "50 0 50 100", "10 100 90 100"),
    (4, "J", "10 5 90 0", "55 5 55 75 35 100 10 80"),
    (4, "a", "70 25 30 20 10 60 30 95 65 60 70 25 75 95"),
    (4, "f", "80 10 60 0 45 25 40 80 30 100", "15 50 75 45"),
    (3, "f", "85 5 50 5 45 100", "25 45 75 45"),
    (4, "g", "75 10 40 5 20 30 45 50 70 25 75 10 75 75 45 100 15 85"),
    (3, "g", "70 10 35 10 25 35 50 50 70 15 55 95 20 95 30 75 90 50"),
    (4, "t", "45 0 45 100", "10 35 85 30"),
)


@dataclass(frozen=True)
class _Shape:
    """One way to write a class."""

    often: int
    name: str  # of the class
    strokes: list[Lines]
    looseness: float = 1.0
    softness: float = 0.0  # rounding of corners that it has at least


@dataclass(frozen=True)
class _Glyphs:
    """All shapes, sampled at points that are evenly spaced along their strokes."""

    points: Floats  # (glyphs, roundings, points, 2): x to the right, y down, longer side from -0.5 to 0.5
    middle: Floats  # (glyphs, points, 2): middle of the point's stroke
    bow: Floats  # (glyphs, points, 2): where the point moves when its stroke is bent
    ends: Floats  # (glyphs, points): 1 at the two ends of an open stroke, else 0
    spacing: Floats  # (glyphs,): distance from point to point
    stroke: NDArray[np.int64]  # (glyphs, points): number of the point's stroke
    looseness: Floats  # (glyphs,): how freely strokes move on their own
    first: NDArray[np.int64]  # (classes,): where the class's entries in `choices` begin
    count: NDArray[np.int64]  # (classes,): and how many there are
    choices: NDArray[np.int64]  # glyphs, each as often as it is to be drawn


def draw(per_class: int, *, seed: int, split: str = "train") -> Dataset:
    """Draw `per_class` images of each of the 47 classes of EMNIST Balanced, classes taking turns.

    Shapes come from the Hershey fonts of the package Hershey-Fonts, and a few from our own hand, in both cases where
    Balanced merges them. Each image has its own rounding of corners, place, size and bend of every stroke, elastic
    warp, slant, rotation, proportions, pressure and pen, and then EMNIST's frame and blur, as
    `glyphfront.picture.normalize` gives them.

    The same arguments give the same images; fewer images are the beginning of more; train and test are drawn from
    different random streams.

    Args:
        per_class: images of each class, at least 1.
        seed: 0 or more.
        split: ``"train"`` or ``"test"``.

    Raises:
        GlyphfrontError: an argument is out of range, or Hershey-Fonts is not installed.
    """
    if per_class < 1:
        raise GlyphfrontError(f"strokes: images per class must be at least 1, got {per_class}")
    if seed < 0:
        raise GlyphfrontError(f"strokes: the seed must be 0 or more, got {seed}")
    if split not in SPLITS:
        raise GlyphfrontError(f"strokes has the splits {' and '.join(SPLITS)}, not {split!r}")
    total = per_class * len(CLASSES)
    images = np.empty((total, 28, 28), np.uint8)
    labels = np.arange(total, dtype=np.int64) % len(CLASSES)
    for batch, start in enumerate(range(0, total, _BATCH)):
        rng = np.random.default_rng((seed, SPLITS.index(split), batch))
        images[start : start + _BATCH] = _drawn(_common(), np.arange(_BATCH) % len(CLASSES), rng)[: total - start]
    return Dataset("strokes", split, images, labels, CLASSES, f"built-in strokes, seed {seed}")


def draw_rare(count: int, *, seed: int) -> Dataset:
    """Draw `count` images in shapes that are common in handwriting and that EMNIST hardly has (`data/rare.py`).

    Each shape comes as often as stands there, so that classes have different numbers of images and some have none.
    Otherwise as `draw`: the same arguments give the same images, fewer are the beginning of more.
    """
    glyphs, images, labels = _rare(), np.empty((count, 28, 28), np.uint8), np.empty(count, np.int64)
    for batch, start in enumerate(range(0, count, _BATCH)):
        rng = np.random.default_rng((seed, len(SPLITS), batch))
        label = rng.choice(len(CLASSES), _BATCH, p=glyphs.count / glyphs.count.sum())
        images[start : start + _BATCH] = _drawn(glyphs, label, rng)[: count - start]
        labels[start : start + _BATCH] = label[: count - start]
    return Dataset("strokes", "train", images, labels, CLASSES, f"rare shapes of built-in strokes, seed {seed}")


def _drawn(glyphs: _Glyphs, label: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One batch, of these classes: (_BATCH, 28, 28)."""
    glyph = glyphs.choices[glyphs.first[label] + rng.integers(glyphs.count[label])]
    x, y = _handwritten(glyphs, glyph, rng)
    spacing = glyphs.spacing[glyph, None]
    left, right, top, bottom = (f(axis, axis=1, keepdims=True) for axis in (x, y) for f in (np.min, np.max))
    longer, shorter = np.maximum(right - left, bottom - top), np.minimum(right - left, bottom - top)
    fullest = 0.5 * (shorter + 0.3 * longer) / (spacing * _POINTS)  # a wider pen would fill the shape
    stroke = np.minimum(0.121 * np.exp(0.27 * _normal(rng)), fullest)  # width over the longer side of the ink
    side = (FRAME / (1 + MARGIN * stroke) - 0.2 + 0.7 * _normal(rng)).clip(17, 25)  # longer side of the ink, pixels
    pen = stroke * side / 2  # radius, pixels
    scale = (side - 2 * pen) / longer
    x = 14 + (x - (left + right) / 2) * scale + 0.25 * _normal(rng)
    y = 14 + (y - (top + bottom) / 2) * scale + 0.2 * _normal(rng)
    wave = np.sin(2 * math.pi * _uniform(rng) + 12 * _uniform(rng) * np.linspace(0, 1, _POINTS, dtype=np.float32))
    weight = (1 + 0.3 * wave) * (spacing * scale + 1.5 * _SPOT * pen * glyphs.ends[glyph])  # pressure, rounder ends
    return _inked(x, y, weight, pen, blur=(28 - side) / 10)


def _inked(x: Floats, y: Floats, weight: Floats, pen: Floats, blur: Floats) -> NDArray[np.uint8]:
    """Lines through points, drawn with round pens and blurred: (N, 28, 28), maximum 255.

    Each point leaves a Gaussian spot of `_SPOT` pens. Along a line their sum falls with the distance from it in a
    known way, which gives back the distance, and that gives the ink.

    Args:
        x: (N, points), pixels.
        y: (N, points), pixels.
        weight: (N, points), pixels of line that the point stands for.
        pen: (N, 1), radius in pixels.
        blur: (N, 1), standard deviation of the blur in pixels.
    """
    spot = _SPOT * pen
    pixel = np.arange(0.5, 28, dtype=np.float32)[:, None]
    across = np.exp(-0.5 * ((pixel - x[:, None]) / spot[:, None]) ** 2)
    down = np.exp(-0.5 * ((pixel - y[:, None]) / spot[:, None]) ** 2)
    down *= (weight / (spot * math.sqrt(2 * math.pi)))[:, None]
    total = (down @ across.transpose(0, 2, 1)).reshape(len(x), -1)  # 1 in the middle of a long straight line
    distance = spot * np.sqrt(-2 * np.log(total.clip(1e-9, 1)))
    edge = (0.5 + (pen - distance) / (3.76 * blur)).clip(0, 1)
    ink = edge * edge * (3 - 2 * edge)  # in the middle as steep as the normal distribution's function
    images: NDArray[np.uint8] = np.rint(ink * (255 / ink.max(axis=1, keepdims=True))).astype(np.uint8)
    return images.reshape(-1, 28, 28)


def _handwritten(glyphs: _Glyphs, glyph: NDArray[np.int64], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Points of the glyphs as a hand would put them: x and y, each (_BATCH, points)."""
    points = glyphs.points[glyph, rng.integers(len(_ROUNDINGS), size=_BATCH)]
    middle = glyphs.middle[glyph]
    loose = glyphs.looseness[glyph, None, None] * _normal(rng, glyphs.stroke.max() + 1, 5)
    loose = loose[np.arange(_BATCH)[:, None], glyphs.stroke[glyph]]  # (_BATCH, points, 5)
    arm = (points - middle) * (1 + 0.08 * loose[:, :, :1])
    turned = np.stack((-arm[:, :, 1], arm[:, :, 0]), axis=-1)
    points = middle + arm + 0.1 * loose[:, :, 1:2] * turned + 0.1 * loose[:, :, 2:3] * glyphs.bow[glyph]
    points = points + 0.03 * loose[:, :, 3:]
    x, y = points[:, :, 0], points[:, :, 1]
    for _ in range(3):  # elastic warp
        wave = np.sin(5 * _normal(rng) * x + 5 * _normal(rng) * y + 2 * math.pi * _uniform(rng))
        x, y = x + 0.035 * _normal(rng) * wave, y + 0.035 * _normal(rng) * wave
    turn, slant = 0.1 * _normal(rng), 0.12 + 0.2 * _normal(rng)
    x = np.exp(0.06 + 0.2 * _normal(rng)) * x - slant * y
    return x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)


def _normal(rng: np.random.Generator, *shape: int) -> Floats:
    return rng.standard_normal((_BATCH, *(shape or (1,))), dtype=np.float32)


def _uniform(rng: np.random.Generator) -> Floats:
    return rng.random((_BATCH, 1), dtype=np.float32)


@functools.cache
def _common() -> _Glyphs:
    """The shapes of the built-in set."""
    try:
        from HersheyFonts import HersheyFonts
    except ModuleNotFoundError:
        raise GlyphfrontError("strokes need the package Hershey-Fonts; pip install 'glyphfront[train]'") from None
    readers = {font: HersheyFonts() for font in (*_FONTS, "greek")}
    for font, reader in readers.items():
        reader.load_default_font(font)
    shapes: list[_Shape] = []
    for font, (often, looseness, legible) in _FONTS.items():
        for character in legible:
            name = character if character in CLASSES else character.upper()
            shapes.append(_Shape(often, name, _strokes(readers[font], character), looseness))
    for often, name, font, characters in _VARIANTS:
        shapes.append(_Shape(often, name, [line for c in characters for line in _strokes(readers[font], c)]))
    return _table(shapes + _by_hand(_BY_HAND))


@functools.cache
def _rare() -> _Glyphs:
    return _table(_by_hand(RARE))


def _by_hand(written: Iterable[tuple[int | str, ...]]) -> list[_Shape]:
    """Shapes from lines of how often, class, strokes as x y x y ... in a frame of 100."""
    shapes = []
    for often, name, *lines in written:
        strokes = _centred([np.array(str(line).split(), float).reshape(-1, 2) for line in lines])
        shapes.append(_Shape(int(often), str(name), strokes, softness=0.05))
    return shapes


def _table(shapes: list[_Shape]) -> _Glyphs:
    members: list[list[int]] = [[] for _ in CLASSES]
    for k, shape in enumerate(shapes):
        members[CLASSES.index(shape.name)] += shape.often * [k]
    count = np.array([len(m) for m in members])
    sampled = zip(*(_sampled(shape.strokes, shape.softness) for shape in shapes), strict=True)
    points, middle, bow, ends, spacing, stroke = (np.array(column, np.float32) for column in sampled)
    return _Glyphs(
        points=points,
        middle=middle,
        bow=bow,
        ends=ends,
        spacing=spacing,
        stroke=stroke.astype(np.int64),
        looseness=np.array([shape.looseness for shape in shapes], np.float32),
        first=np.cumsum(count) - count,
        count=count,
        choices=np.array([k for of_class in members for k in of_class], np.int64),
    )


def _strokes(reader: Any, character: str) -> list[Lines]:
    return _centred([np.array(line, float) for line in map(list, reader.strokes_for_text(character)) if len(line) > 1])


def _centred(strokes: list[Lines]) -> list[Lines]:
    """With the bounding box's middle at 0 and its longer side from -0.5 to 0.5."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    return [(line - (low + high) / 2) / (high - low).max() for line in strokes]


def _sampled(strokes: list[Lines], softness: float) -> tuple[Any, ...]:
    """Points, middle, bow, ends, spacing and stroke of `_Glyphs` for one glyph, rounded by at least `softness`."""
    steps = [np.concatenate(([0], np.cumsum(np.hypot(*np.diff(line, axis=0).T)))) for line in strokes]
    lengths = [step[-1] for step in steps]
    counts = np.diff(np.rint(np.cumsum([0, *lengths]) / sum(lengths) * _POINTS).astype(int))
    points, middle, bow, ends = [], [], [], []
    for line, step, count in zip(strokes, steps, counts, strict=True):
        along = np.linspace(0, step[-1], count)
        even = np.stack([np.interp(along, step, axis) for axis in line.T], axis=-1)
        closed = np.array_equal(line[0], line[-1])
        points.append([_rounded(even, math.hypot(sigma, softness) * count / step[-1], closed) for sigma in _ROUNDINGS])
        middle.append(np.tile((line.min(axis=0) + line.max(axis=0)) / 2, (count, 1)))
        chord = line[-1] - line[0]
        bow.append((1 - np.linspace(-1, 1, count) ** 2)[:, None] * (-chord[1], chord[0]))
        ends.append(np.isin(along, (0, step[-1])) & (not closed))
    return (
        np.concatenate(points, axis=1),
        *map(np.concatenate, (middle, bow, ends)),
        sum(lengths) / _POINTS,
        np.repeat(np.arange(len(counts)), counts),
    )


def _rounded(line: Lines, sigma: float, closed: bool) -> Lines:
    """`line` smoothed along itself by a Gaussian of `sigma` points; the ends of an open line stay."""
    if sigma == 0 or not len(line):
        return line
    reach = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    width = ((reach, reach), (0, 0))
    padded = np.pad(line, width, mode="wrap") if closed else np.pad(line, width, mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(axis, kernel, mode="valid") for axis in padded.T], axis=-1)
