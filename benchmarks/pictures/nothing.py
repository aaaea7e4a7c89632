"""Pictures that do not show one character: empty paper, dots, signs, scribbles, drawings, words, photographs.

Each maker takes characters, (N, 28, 28) uint8 with white ink on black, of which words are composed, and a seeded
generator, and returns a picture, (H, W) uint8.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from degrade import _photo
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Maker = Callable[[NDArray[np.uint8], np.random.Generator], Picture]

SIGNS = "=#%&@*÷×?!$€<>{}~^±∞∑√"
PICTOGRAMS = "☎☂☃✈✂✉☕♞♜♛⚓⚙⚡☀☁☘☠☮☯☺★❄❤⚒⚖♪♫⌛⌂➔⇨☞✿❀✪✦☄⚘⚛⛄♻☢☣☭⚑✇"


def _page(rng: np.random.Generator) -> NDArray[np.float64]:
    """A sheet of one tone."""
    shape = [(300, 400), (256, 256), (240, 180), (96, 96)][rng.integers(4)]
    return np.full(shape, rng.uniform(170, 245))


def _finished(page: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    return _photo(page, rng, rng.uniform(0, 5), int(rng.integers(60, 96)))


def _grid(page: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.linspace(-1, 1, page.shape[0])[:, None], np.linspace(-1, 1, page.shape[1])[None]


def _lines(
    page: NDArray[np.float64], lines: list[NDArray[np.float64]], rng: np.random.Generator, pen: float | None = None
) -> Picture:
    """Lines of points from -1 to 1 (x, y), drawn with one pen somewhere in the middle of a page."""
    side = min(page.shape)
    scale = side * rng.uniform(0.25, 0.45)
    middle = np.array(page.shape[::-1]) / 2 + rng.uniform(-0.05, 0.05, 2) * side
    width = max(round((pen or rng.uniform(0.02, 0.07)) * 2 * scale), 1)
    ink = float(page.mean() - rng.uniform(90, 160))
    for line in lines:
        points = np.rint(16 * (line * scale + middle)).astype(np.int32)
        cv2.polylines(page, [points[:, None]], False, ink, width, cv2.LINE_AA, 4)
    return _finished(page, rng)


def _curve(points: NDArray[np.float64], steps: int = 24) -> NDArray[np.float64]:
    """A smooth line through points (Catmull and Rom 1974)."""
    padded = np.concatenate((points[:1], points, points[-1:]))
    t = np.linspace(0, 1, steps)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(parts)


def _circle(x: float, y: float, radius: float, turns: float = 1.0) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi * turns, round(60 * turns) + 2)
    return np.stack((x + radius * np.cos(angle), y + radius * np.sin(angle)), 1)


def empty_paper(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A sheet."""
    return _finished(_page(rng), rng)


def empty_light(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A sheet with a vignette, a slope of light, or a flash."""
    page = _page(rng)
    y, x = _grid(page)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    light = [
        1 - rng.uniform(0.1, 0.4) * (x**2 + y**2) / 2,
        1 + rng.uniform(0.1, 0.35) * slope,
        0.8 + 0.2 * np.exp(-((x - 0.5) ** 2 + (y + 0.5) ** 2) / 0.1),
    ][rng.integers(3)]
    return _finished(page * light, rng)


def empty_shadow(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A sheet with a shadow, soft or hard, over a part."""
    page = _page(rng)
    y, x = _grid(page)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y + rng.uniform(-0.5, 0.5)
    soft = rng.choice([0.01, 0.05, 0.15, 0.3])
    return _finished(page * (1 - rng.uniform(0.2, 0.5) / (1 + np.exp(-along / soft))), rng)


def empty_crumpled(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A sheet that was crumpled, or of rough paper."""
    page = _page(rng)
    for cells in (4, 9, 20):
        rough = cv2.resize(rng.normal(0, 1, (cells, cells)), page.shape[::-1], interpolation=cv2.INTER_CUBIC)
        page += rng.uniform(1, 5) * rough
    return _finished(page, rng)


def empty_ruled(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Ruled or squared paper without writing."""
    page = _page(rng)
    step, pen = max(min(page.shape) // int(rng.integers(4, 10)), 8), max(min(page.shape) // 250, 1)
    tone = page.mean() - rng.uniform(40, 120)
    for start in range(step // 2, page.shape[0], step):
        page[start : start + pen] = tone
    if rng.integers(2):
        for start in range(step // 2, page.shape[1], step):
            page[:, start : start + pen] = tone
    return _finished(page, rng)


def empty_box(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """An empty box of a form, at the picture's edge or inside."""
    page = _page(rng)
    side = min(page.shape)
    far = round(rng.choice([0, 0.05, 0.12]) * side)
    corner = (page.shape[1] - 1 - far, page.shape[0] - 1 - far)
    cv2.rectangle(page, (far, far), corner, page.mean() - rng.uniform(60, 150), max(round(0.012 * side), 1))
    return _finished(page, rng)


def dot(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """One dot or blot."""
    page = _page(rng)
    side = min(page.shape)
    middle = (np.array(page.shape[::-1]) * rng.uniform(0.3, 0.7, 2)).round().astype(int)
    size = (side * rng.uniform(0.015, 0.06) * rng.uniform(0.85, 1.15, 2)).round().astype(int)
    axes = (max(int(size[0]), 2), max(int(size[1]), 2))
    ink = page.mean() - rng.uniform(90, 160)
    cv2.ellipse(page, (int(middle[0]), int(middle[1])), axes, rng.uniform(0, 180), 0, 360, ink, -1, cv2.LINE_AA)
    return _finished(page, rng)


def dots(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Two to six dots: a colon, an ellipsis, a dice."""
    page = _page(rng)
    side = min(page.shape)
    ink, radius = page.mean() - rng.uniform(90, 160), max(round(side * rng.uniform(0.015, 0.04)), 2)
    number, angle = int(rng.integers(2, 7)), rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    for place in np.linspace(-0.2, 0.2, number):
        offset = side * np.array([place * np.cos(angle), place * np.sin(angle)]) + rng.normal(0, 0.01 * side, 2)
        x, y = (np.array(page.shape[::-1]) / 2 + offset).round().astype(int)
        cv2.circle(page, (int(x), int(y)), radius, ink, -1, cv2.LINE_AA)
    return _finished(page, rng)


def plus(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A plus."""
    arm, turn = rng.uniform(0.9, 1.1), rng.normal(0, 0.06)
    across = _curve(np.stack((np.linspace(-1, 1, 4), rng.normal(0, 0.03, 4)), 1))
    down = _curve(np.stack((rng.normal(0, 0.03, 4), np.linspace(-arm, arm, 4)), 1)) + rng.normal(0, 0.06, 2)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return _lines(_page(rng), [across @ matrix, down @ matrix], rng)


def scribble(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """One long line that goes over itself."""
    return _lines(_page(rng), [_curve(rng.uniform(-1, 1, (int(rng.integers(12, 40)), 2)))], rng)


def scribble_short(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A line through seven to eleven places."""
    return _lines(_page(rng), [_curve(rng.uniform(-1, 1, (int(rng.integers(7, 12)), 2)))], rng)


def spiral(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A spiral, or many circles one over another."""
    angle = np.linspace(0, 2 * np.pi * rng.uniform(2.5, 6), 300)
    radius = np.linspace(0.1, 1, 300) if rng.integers(2) else 0.8 + 0.2 * np.sin(angle * rng.uniform(0.2, 0.4))
    return _lines(_page(rng), [np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1)], rng)


def hatching(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A zigzag that fills an area, or a grid of lines."""
    number = int(rng.integers(8, 18))
    x = np.linspace(-1, 1, number)
    zigzag = np.stack((x, np.where(np.arange(number) % 2, 0.9, -0.9) + rng.normal(0, 0.1, number)), 1)
    if rng.integers(2):
        return _lines(_page(rng), [zigzag], rng)
    bars = [np.array([[at, -1.0], [at, 1.0]]) for at in np.linspace(-1, 1, int(rng.integers(4, 8)))]
    return _lines(_page(rng), [*bars, *(bar[:, ::-1] for bar in bars)], rng, 0.03)


def drawing(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A house, a person, a face, a star, a tree, an animal, drawn with lines."""

    def arc(*points: tuple[float, float]) -> NDArray[np.float64]:
        return _curve(np.array(points, float) + rng.normal(0, 0.02, (len(points), 2)))

    def path(*points: tuple[float, float]) -> NDArray[np.float64]:
        return np.array(points, float) + rng.normal(0, 0.02, (len(points), 2))

    star = np.array([(np.sin(4 * np.pi * k / 5), -np.cos(4 * np.pi * k / 5)) for k in range(6)])
    around = [(np.cos(a), np.sin(a)) for a in np.arange(9) * 2 * np.pi / 9]
    legs = [path((at, 0.2), (at + rng.normal(0, 0.05), 0.9)) for at in (-0.7, -0.45, 0.4, 0.65)]
    back = arc(
        (-1, 0.1), (-0.7, -0.3), (0.4, -0.3), (0.6, -0.8), (1, -0.7), (0.8, -0.3), (0.7, 0.2), (-0.8, 0.3), (-1, 0.1)
    )
    door = path((-0.2, 1), (-0.2, 0.4), (0.2, 0.4), (0.2, 1))
    window = path((0.4, 0), (0.7, 0), (0.7, 0.3), (0.4, 0.3), (0.4, 0))
    subjects = {
        "house": [path((-1, 1), (-1, -0.2), (0, -1), (1, -0.2), (1, 1), (-1, 1)), door, window],
        "person": [
            _circle(0, -0.7, 0.3),
            path((0, -0.4), (0, 0.4), (-0.4, 1)),
            path((0, 0.4), (0.4, 1)),
            path((-0.6, 0), (0, -0.2), (0.6, 0)),
        ],
        "face": [
            _circle(0, 0, 1),
            *(_circle(side * 0.35, -0.3, 0.1) for side in (-1, 1)),
            arc((-0.5, 0.3), (0, 0.6), (0.5, 0.3)),
        ],
        "star": [star + rng.normal(0, 0.03, star.shape)],
        "tree": [
            path((0, 1), (0, 0.2)),
            arc((0, 0.2), (-0.9, 0.1), (-0.7, -0.6), (0, -1), (0.7, -0.6), (0.9, 0.1), (0, 0.2)),
        ],
        "animal": [back, *legs, arc((-1, 0), (-1.2, 0.4), (-1.1, 0.7))],
        "fish": [
            arc((-1, 0), (-0.3, -0.5), (0.5, 0), (1, 0.5)),
            arc((-1, 0), (-0.3, 0.5), (0.5, 0), (1, -0.5), (1, 0.5)),
            _circle(-0.6, -0.1, 0.06),
        ],
        "boat": [
            path((-1, 0.4), (1, 0.4), (0.6, 0.9), (-0.6, 0.9), (-1, 0.4)),
            path((0, 0.4), (0, -1), (0.8, 0.2), (0, 0.2)),
        ],
        "flower": [_circle(0, 0, 0.25), *(_circle(0.55 * x, 0.55 * y, 0.27) for x, y in around[::2])],
        "sun": [_circle(0, 0, 0.45), *(np.array([(0.6 * x, 0.6 * y), (x, y)]) for x, y in around)],
        "heart": [
            arc((0, 1), (-1, -0.1), (-0.6, -0.9), (0, -0.4), (0.6, -0.9), (1, -0.1), (0, 1)),
            path((-1, 1), (1, -1)),
        ],
        "arrow": [path((-1, -0.3), (0.2, -0.3), (0.2, -0.8), (1, 0), (0.2, 0.8), (0.2, 0.3), (-1, 0.3), (-1, -0.3))],
    }
    chosen = list(subjects.values())[rng.integers(len(subjects))]
    return _lines(_page(rng), chosen, rng, rng.uniform(0.02, 0.05))


def composition(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Four to ten circles, polygons and curves, one over the other, as a child draws."""
    parts = []
    for _ in range(int(rng.integers(4, 11))):
        x, y = rng.uniform(-0.8, 0.8, 2)
        size = rng.uniform(0.1, 0.6)
        corners = rng.uniform(-1, 1, (int(rng.integers(3, 6)), 2)) * size + (x, y)
        closed = np.concatenate((corners, corners[:1]))
        parts.append((_circle(x, y, size), closed, corners, _curve(corners))[rng.integers(4)])
    return _lines(_page(rng), parts, rng, rng.uniform(0.015, 0.05))


def figure(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A filled body with limbs, at any angle: an animal, a thing."""
    page = _page(rng)
    side, ink = min(page.shape), float(page.mean() - rng.uniform(90, 160))
    shape = np.zeros((256, 256), np.uint8)
    body = (int(rng.integers(35, 80)), int(rng.integers(15, 45)))
    cv2.ellipse(shape, (128, 128), body, 0, 0, 360, 255, -1)
    for _ in range(int(rng.integers(3, 8))):
        start = 128 + (rng.uniform(-0.9, 0.9, 2) * body).astype(int)
        end = start + rng.normal(0, 45, 2).astype(int)
        bent = _curve(np.array([start, (start + end) / 2 + rng.normal(0, 10, 2), end], float))
        cv2.polylines(shape, [np.rint(bent).astype(np.int32)], False, 255, int(rng.integers(4, 22)))
    cv2.circle(shape, tuple(int(n) for n in 128 + rng.uniform(-1, 1, 2) * body), int(rng.integers(8, 30)), 255, -1)
    turn = cv2.getRotationMatrix2D((128, 128), rng.choice([0, 0, 90, 180, rng.uniform(0, 360)]), 1)
    shape = cv2.resize(cv2.warpAffine(shape, turn, (256, 256)), (side, side), interpolation=cv2.INTER_AREA)
    page[:side, :side] += (ink - page.mean()) * shape / 255.0
    return _finished(page, rng)


def silhouette(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A filled shape without inside: a body with limbs, or a smooth blob."""
    page = _page(rng)
    side, ink = min(page.shape), float(page.mean() - rng.uniform(90, 160))
    middle = np.array(page.shape[::-1]) / 2
    angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(6, 14))))
    radius = rng.uniform(0.25, 1, len(angle))
    outline = np.stack((np.cos(angle), 0.8 * np.sin(angle)), 1) * radius[:, None]
    shape = _curve(np.concatenate((outline, outline[:1])))
    cv2.fillPoly(page, [np.rint(shape * 0.42 * side + middle).astype(np.int32)], ink, cv2.LINE_AA)
    return _finished(page, rng)


def _glyph(text: str, page: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(findfont("DejaVu Sans"), round(min(page.shape) * rng.uniform(0.4, 0.75)))
    image = Image.fromarray(page.astype(np.uint8))
    middle = (page.shape[1] / 2, page.shape[0] / 2)
    ImageDraw.Draw(image).text(middle, text, int(page.mean() - rng.uniform(90, 160)), font, anchor="mm")
    return _finished(np.asarray(image, float), rng)


def sign(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A sign that is neither letter nor digit, printed."""
    return _glyph(SIGNS[rng.integers(len(SIGNS))], _page(rng), rng)


def pictogram(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A small picture, printed."""
    return _glyph(PICTOGRAMS[rng.integers(len(PICTOGRAMS))], _page(rng), rng)


def _composed(rows: list[NDArray[np.uint8]], rng: np.random.Generator) -> Picture:
    ink = np.vstack(rows).astype(float) / 255
    ink = cv2.resize(ink, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    ink = np.pad(ink, [(int(n), int(n)) for n in rng.integers(10, 80, 2)])
    paper = rng.uniform(170, 245)
    return _finished(paper - rng.uniform(90, 160) * ink, rng)


def _row(characters: NDArray[np.uint8], number: int, step: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Characters side by side, `step` pixels of 28 from the box of one to the box of the next."""
    chosen = [characters[n] for n in rng.integers(len(characters), size=number)]
    cut = [c[:, np.flatnonzero(c.max(0) > 60)[0] : np.flatnonzero(c.max(0) > 60)[-1] + 1] for c in chosen]
    row = np.zeros((28, sum(c.shape[1] for c in cut) + max(step, 0) * number + 10), np.uint8)
    at = 5
    for one in cut:
        place = row[:, at : at + one.shape[1]]
        np.maximum(place, one[:, : place.shape[1]], out=place)
        at += one.shape[1] + step
    return row[:, : at + 5]


def word(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Three to eight characters, apart."""
    return _composed([_row(characters, int(rng.integers(3, 9)), int(rng.integers(1, 6)), rng)], rng)


def two(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Two characters, apart."""
    return _composed([_row(characters, 2, int(rng.integers(2, 8)), rng)], rng)


def joined(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Three to six characters that touch."""
    return _composed([_row(characters, int(rng.integers(3, 7)), -2, rng)], rng)


def lines(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Two or three lines of writing."""
    rows = [_row(characters, int(rng.integers(3, 7)), 2, rng) for _ in range(int(rng.integers(2, 4)))]
    wide = max(row.shape[1] for row in rows)
    return _composed([np.pad(row, ((2, 2), (0, wide - row.shape[1]))) for row in rows], rng)


def texture(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Bricks, wood, cloth, clouds, or noise."""
    side = 256
    y, x = np.mgrid[:side, :side].astype(float)
    spectrum = np.fft.fft2(rng.normal(0, 1, (side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None]) + 1 / side
    clouds = np.real(np.fft.ifft2(spectrum / frequency ** rng.uniform(0.7, 1.8)))
    clouds = (clouds - clouds.mean()) / clouds.std()
    step = rng.uniform(16, 40)
    row = np.floor(y / step)
    bricks = np.where((y % step < 3) | ((x + row % 2 * step) % (2 * step) < 3), 1.5, 0) + 0.3 * clouds
    wood = np.sin((x + 12 * clouds) / rng.uniform(2, 8))
    cloth = np.sin(x / rng.uniform(2, 6)) + np.sin(y / rng.uniform(2, 6)) + 0.3 * clouds
    noise = rng.normal(0, 1, (side, side))
    found = (clouds, bricks, wood, cloth, noise)[rng.integers(5)]
    return _finished(rng.uniform(100, 160) + rng.uniform(20, 50) * found, rng)


def photograph(characters: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A part of a photograph that scikit-learn brings: a flower, a palace."""
    from sklearn.datasets import load_sample_image

    image = load_sample_image(("china.jpg", "flower.jpg")[rng.integers(2)]).mean(2)
    side = int(rng.integers(48, min(image.shape)))
    top, left = (int(rng.integers(n - side + 1)) for n in image.shape)
    return image[top : top + side, left : left + side].astype(np.uint8)


MAKERS: dict[str, Maker] = {
    function.__name__: function
    for function in (
        empty_paper, empty_light, empty_shadow, empty_crumpled, empty_ruled, empty_box, dot, dots, plus, sign,
        scribble, scribble_short, spiral, hatching, drawing, composition, silhouette, figure, pictogram,
        two, word, joined, lines, texture, photograph,
    )
}  # fmt: skip
