"""How well `read` reads pages: genuine sudokus whole, and pages composed from EMNIST's test characters.

Usage: GLYPHFRONT_REAL=folder GLYPHFRONT_DATA=folder python benchmarks/pictures/pages.py [MODEL] [PAGES]
PAGES of each kind; with fewer than the usual 4 nothing is saved.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from common import genuine, save
from compose import DIGITS, UPPER, Composed, Make, Writer, form, grid, lines, photographed

from glyphfront.data.dataset import Dataset
from glyphfront.data.emnist import read_split
from glyphfront.errors import GlyphfrontError
from glyphfront.ship import DEFAULT
from glyphfront.ship.reader import Page, read_page
from glyphfront.ship.recognizer import Recognizer, load, shipped

PAGES = 4


@dataclass(frozen=True)
class Kind:
    """Pages of one kind, and how they are read."""

    make: Make
    alphabet: str = ""
    grid: tuple[int, int] | None = None
    boxes: bool = False
    photo: bool = False


KINDS = {
    "lines": Kind(lines),
    "lines, digits": Kind(lines, DIGITS),
    "lines, upper": Kind(lines, UPPER),
    "lines, ruled, photographed": Kind(partial(lines, ruled=True), DIGITS, photo=True),
    "lines, a tenth touching, digits": Kind(partial(lines, touching=0.1), DIGITS),
    "lines, a tenth touching, upper": Kind(partial(lines, touching=0.1), UPPER),
    **{
        f"form, {kind}, {name}{', photographed' * photo}": Kind(
            partial(form, kind=kind), alphabet, boxes=True, photo=photo
        )
        for kind in ("boxes", "apart", "comb", "ticks")
        for name, alphabet, photo in (("digits", DIGITS, False), ("upper", UPPER, True))
    },
    "grid 9x9, digits": Kind(grid, DIGITS, (9, 9)),
    "grid 9x9, digits, photographed": Kind(grid, DIGITS, (9, 9), photo=True),
    "grid 9x9 to the edge, digits": Kind(partial(grid, around=0), DIGITS, (9, 9)),
    "grid 6x4, upper": Kind(partial(grid, rows=6, columns=4), UPPER, (6, 4), photo=True),
}


def sudokus(recognizer: Recognizer) -> dict[str, dict[str, int]]:
    table = {}
    for picture in genuine():
        if picture.source == "text" and "sudoku" in picture.path.name:
            page = read_page(recognizer, picture.path, "digits", (9, 9), any_orientation=True)
            cells = [c for line in page.lines for c in line.characters]
            truth = picture.label.replace(" ", "")
            right = sum(c is not None and c.character == t for c, t in zip(cells, truth, strict=True))
            table[picture.path.stem] = {"cells": len(truth), "found": len(cells) - cells.count(None), "right": right}
    return table


def composed(recognizer: Recognizer, test: Dataset, kind: Kind, pages: int) -> dict[str, float]:
    """Figures of pages of one kind, and the error rate of the same characters one by one."""
    sums = dict.fromkeys(("characters", "errors", "alone", "pages_refused"), 0)
    if kind.grid or kind.boxes:
        sums |= dict.fromkeys(("found", "empty", "left_empty"), 0)
    for number in range(pages):
        writer = Writer(test, number, kind.alphabet)
        given = kind.make(writer)
        picture = photographed(given.page, writer.rng) if kind.photo else given.page
        used = np.array(given.used)
        rows = recognizer.probabilities(test.images[used], kind.alphabet or None)
        names = recognizer.alphabet(kind.alphabet or None).characters
        truth = [test.classes[label] for label in test.labels[used]]
        sums["alone"] += sum(names[n] != t for n, t in zip(rows.argmax(axis=1), truth, strict=True))
        sums["characters"] += len(truth)
        try:
            page = read_page(recognizer, picture, kind.alphabet or None, kind.grid, boxes=kind.boxes)
        except GlyphfrontError:
            sums["pages_refused"] += 1
            sums["errors"] += len(truth)
            sums["empty"] = sums.get("empty", 0) + sum(row.count(".") for row in given.rows)
            continue
        if kind.grid or kind.boxes:
            for name, count in _cells(page, given).items():
                sums[name] += count
            sums["errors"] += _edits(page.text.replace(" ", ""), "\n".join(given.rows))
        else:
            sums["errors"] += _edits(_in_classes(page.text, test.classes), "\n".join(given.rows))
    total = sums["characters"]
    return {**sums, "error_rate": sums["errors"] / total, "error_rate_alone": sums["alone"] / total}


def _in_classes(text: str, classes: tuple[str, ...]) -> str:
    """Letters whose cases EMNIST merges as their class: the case that `read` tells by size is not known here."""
    return "".join(c if c in classes or c.upper() not in classes else c.upper() for c in text)


def _cells(page: Page, given: Composed) -> dict[str, int]:
    """Characters that are found in their place, and places left empty; none where the rows are not those given."""
    found = [[c is not None for c in line.characters] for line in page.lines]
    counts = {"found": 0, "empty": sum(row.count(".") for row in given.rows), "left_empty": 0}
    if len(found) != len(given.rows):
        return counts
    for seen, text in zip(found, given.rows, strict=True):
        if len(seen) == len(text):
            counts["found"] += sum(s and t != "." for s, t in zip(seen, text, strict=True))
            counts["left_empty"] += sum(not s and t == "." for s, t in zip(seen, text, strict=True))
    return counts


def _edits(one: str, other: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last = [i]
        for j, b in enumerate(other, 1):
            last.append(min(row[j] + 1, last[-1] + 1, row[j - 1] + (a != b)))
        row = last
    return row[-1]


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    pages = int(sys.argv[2]) if len(sys.argv) > 2 else PAGES
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    recognizer = load(model, precision="int8" if model in shipped() else None)  # by itself it takes the faster here
    test = read_split("balanced", "test", Path(os.environ["GLYPHFRONT_DATA"]))
    figures: dict[str, object] = {"model": model, "pages": pages, "sudokus": sudokus(recognizer) if not only else {}}
    print(figures["sudokus"])
    for name, kind in KINDS.items():
        if only in name:
            figures[name] = composed(recognizer, test, kind, pages)
            print(name, {k: round(v, 4) for k, v in figures[name].items()}, flush=True)  # type: ignore[attr-defined]
    if pages >= PAGES and not only:
        save("pages", figures, HOW)


HOW = (
    "shipped models in int8; two genuine sudokus, whole, digits allowed, any orientation; pages composed from EMNIST "
    "Balanced test images, 40 pixels high, of each kind as many as `pages` says. error_rate: edits of the text, with "
    "spaces and full stops for empty places, over characters; error_rate_alone: the same images one by one under the "
    "same alphabet; found and left_empty: characters found in their place and empty places left empty"
)

if __name__ == "__main__":
    main()
