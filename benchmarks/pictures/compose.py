"""Pages with known text, composed from EMNIST's test characters: lines, forms with boxes or combs, grids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Dataset

HEIGHT = 40  # pixels: of a character with EMNIST's border around it
PAPER, LINE = 255, 120
DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass
class Composed:
    """A page and what stands on it."""

    page: NDArray[np.uint8]
    """(H, W), dark ink on light paper."""
    rows: list[str]
    """Lines with blanks between words; rows of cells with a full stop for an empty one."""
    used: list[int]
    """Which images of the test set, in order."""


class Writer:
    """Puts characters of a test set on paper, chosen at random of those in an alphabet."""

    def __init__(self, test: Dataset, seed: int, alphabet: str = "") -> None:
        self.test, self.rng = test, np.random.default_rng(seed)
        known = [n for n, name in enumerate(test.classes) if name in alphabet or not alphabet]
        self.choice = np.flatnonzero(np.isin(test.labels, known))
        self.used: list[int] = []

    def character(self, height: int = HEIGHT) -> tuple[str, NDArray[np.uint8]]:
        """A character's name and its ink: (h, w), cut to its box, white on black."""
        index = int(self.rng.choice(self.choice))
        self.used.append(index)
        image = cv2.resize(self.test.images[index], (height, height), interpolation=cv2.INTER_CUBIC)
        rows, columns = np.flatnonzero((image > 100).any(axis=1)), np.flatnonzero((image > 100).any(axis=0))
        return self.test.classes[self.test.labels[index]], image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def put(self, page: NDArray[np.uint8], ink: NDArray[np.uint8], left: int, top: int) -> None:
        """Ink a character on a page."""
        here = page[top : top + ink.shape[0], left : left + ink.shape[1]]
        np.minimum(here, 255 - ink[: here.shape[0], : here.shape[1]], out=here)


def lines(writer: Writer, *, touching: float = 0.0, ruled: bool = False, count: int = 8, words: int = 5) -> Composed:
    """Lines of words, the characters of which touch with some probability."""
    rng = writer.rng
    page = np.full((count * 2 * HEIGHT + HEIGHT, 1600), PAPER, np.uint8)
    rows = []
    for line in range(count):
        left, top, text = HEIGHT, HEIGHT // 2 + 2 * HEIGHT * line, ""
        if ruled:
            cv2.line(page, (0, top + HEIGHT - 4), (1599, top + HEIGHT - 4), LINE, 2)
        for word in range(words):
            text += " " * (word > 0)
            for _ in range(rng.integers(2, 8)):
                name, ink = writer.character()
                low = top + HEIGHT - 6 - ink.shape[0] + int(rng.integers(-2, 3))
                if text and text[-1] != " " and rng.random() < touching:
                    left += _until_touching(page, ink, left, low)
                writer.put(page, ink, left, low)
                left += ink.shape[1] + int(rng.integers(4, 9))
                text += name
            left += HEIGHT
        rows.append(text)
    return Composed(page, rows, writer.used)


def _until_touching(page: NDArray[np.uint8], ink: NDArray[np.uint8], left: int, top: int) -> int:
    """By how much a character is moved, to the left, until its ink meets what stands there."""
    dark = ink > 100
    for shift in range(30):
        here = page[top : top + ink.shape[0], left - shift : left - shift + ink.shape[1]]
        if here.shape == ink.shape and ((here < 155) & dark).sum() >= 3:
            return -shift
    return 0


def form(writer: Writer, kind: str, *, count: int = 8, empty: float = 0.15) -> Composed:
    """Rows of places for one character each.

    Args:
        writer: whose characters.
        kind: boxes (in a row, sharing their sides), apart (a gap between them), comb (open above) or ticks (a frame
            with short strokes between the places).
        count: of rows.
        empty: share of the places that are left empty.
    """
    rng = writer.rng
    wide, tall = int(rng.integers(42, 60)), int(rng.integers(50, 66))
    gap = int(rng.integers(6, 16)) if kind == "apart" else 0
    thick = int(rng.integers(1, 4))
    places = 20
    page = np.full((count * 2 * tall + tall, places * (wide + gap) + 200), PAPER, np.uint8)
    rows = []
    for row in range(count):
        top, text = tall + 2 * tall * row, ""
        used = int(rng.integers(6, places))
        start = 60 + int(rng.integers(0, 40))
        for place in range(used):
            left = start + place * (wide + gap)
            _draw_place(page, kind, left, top, wide, tall, thick, (place == 0, place == used - 1))
            if rng.random() < empty and place not in (0, used - 1):
                text += "."
                continue
            name, ink = writer.character()
            x = left + (wide - ink.shape[1]) // 2 + int(rng.integers(-6, 7))
            y = top + (tall - ink.shape[0]) // 2 + int(rng.integers(-6, 7))
            writer.put(page, ink, max(x, 0), max(y, 0))
            text += name
        rows.append(text)
    return Composed(page, rows, writer.used)


def _draw_place(
    page: NDArray[np.uint8], kind: str, left: int, top: int, wide: int, tall: int, thick: int, ends: tuple[bool, bool]
) -> None:
    right, bottom, tooth = left + wide, top + tall, tall // 4
    if kind in ("boxes", "apart"):
        cv2.rectangle(page, (left, top), (right, bottom), LINE, thick)
        return
    cv2.line(page, (left, bottom), (right, bottom), LINE, thick)
    if kind == "ticks":
        cv2.line(page, (left, top), (right, top), LINE, thick)
    for x, outer in ((left, ends[0]), (right, ends[1])):
        cv2.line(page, (x, top if kind == "ticks" and outer else bottom - tooth), (x, bottom), LINE, thick)


def grid(writer: Writer, rows: int = 9, columns: int = 9, *, empty: float = 0.4, around: int = 80) -> Composed:
    """A grid with every third line thick, some cells of which are empty."""
    rng, side = writer.rng, 60
    page = np.full((rows * side + 2 * around, columns * side + 2 * around), PAPER, np.uint8)
    text = []
    for row in range(rows):
        line = ""
        for column in range(columns):
            if rng.random() < empty:
                line += "."
                continue
            name, ink = writer.character()
            x = around + column * side + (side - ink.shape[1]) // 2 + int(rng.integers(-7, 8))
            y = around + row * side + (side - ink.shape[0]) // 2 + int(rng.integers(-7, 8))
            writer.put(page, ink, x, y)
            line += name
        text.append(line)
    for number in range(max(rows, columns) + 1):
        thick, place = (4 if number % 3 == 0 else 1), around + number * side
        if number <= rows:
            cv2.line(page, (around, place), (around + columns * side, place), LINE, thick)
        if number <= columns:
            cv2.line(page, (place, around), (place, around + rows * side), LINE, thick)
    return Composed(page, text, writer.used)


def photographed(page: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """As a phone takes it: a little turned and in perspective, a slope of light, noise, JPEG."""
    tall, wide = page.shape
    pad = round(0.06 * max(tall, wide))
    padded = cv2.copyMakeBorder(page, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=PAPER)
    tall, wide = padded.shape
    ends = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    moved = ends + rng.uniform(-0.015, 0.015, (4, 2)).astype(np.float32) * max(tall, wide)
    turn = cv2.getPerspectiveTransform(ends, moved)
    seen = cv2.warpPerspective(padded, turn, (wide, tall), flags=cv2.INTER_LINEAR, borderValue=PAPER)
    light = np.linspace(*rng.uniform(0.55, 1.0, 2), wide)[None] * np.linspace(*rng.uniform(0.75, 1.0, 2), tall)[:, None]
    noisy = seen * light * 0.9 + rng.normal(0, 4, seen.shape)
    coded = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


Make = Callable[[Writer], Composed]
