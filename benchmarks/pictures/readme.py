"""README's part on genuine pictures, its two figures, and docs/pictures.md's parts on pages and times: `make results`.

All from the committed files of results/pictures/.

Usage: python benchmarks/pictures/readme.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from common import RESULTS
from degrade import DEGRADATIONS, Drawing

from glyphfront.files import write_text
from glyphfront.report.document import Table, markdown_table
from glyphfront.report.drawing import BLUE, COLOURS, GRID, INK, MUTED, PAPER, drawing, note, svg
from glyphfront.report.page import put_between
from glyphfront.report.tables import percent

README = RESULTS.parent.parent / "README.md"
DOCS = RESULTS.parent.parent / "docs" / "pictures.md"
NAMES = {
    "tesseract": "Tesseract 5",
    "rapidocr-v4": "RapidOCR, PP-OCRv4",
    "ddddocr": "ddddocr",
    "rapidocr": "RapidOCR, PP-OCRv6",
}
SOURCES = {
    "canvas62": "tablet, 1200×900",
    "unipen": "digital ink",
    "photo62": "phone photos",
    "brush35": "brush, 32×32",
    "paint": "mouse, 28×28",
    "digits8x8": "digits, 8×8",
    "sudoku-inner": "sudoku cells",
    "sudoku-lines": "sudoku, lines left in",
    "sudoku-printed": "sudoku, printed",
}
CONDITIONS = {"free": "any letter or digit", "known": "known: digits, or letters"}
COLUMNS = 5  # of the sheet of degraded pictures


def main() -> None:
    by_source, degraded, others = (
        json.loads((RESULTS / f"{name}.json").read_text("utf-8")) for name in ("by_source", "degraded", "others")
    )
    write_text(RESULTS / "others.svg", others_figure(others))
    write_text(RESULTS / "degraded.svg", degraded_figure(degraded))
    put_between(README, "pictures", [*found(by_source, degraded, others)])
    put_between(DOCS, "speed", [*times(json.loads((RESULTS / "speed.json").read_text("utf-8")))])
    put_between(DOCS, "pages", [*whole_pages(json.loads((RESULTS / "pages.json").read_text("utf-8")))])


def times(speed: Any) -> Iterator[str]:
    """What a picture takes, by its size."""
    rows = []
    for kind, row in speed["kinds"].items():
        source, _, size = kind.partition(", ")
        kept, _, how = source.partition(" ")
        name = f"{SOURCES[kept].split(',')[0]} {how}".strip()
        rows.append((name, size, *(f"{row[key]:.1f}" for key in ("normalize_ms", "answer_ms", "inference_ms"))))
    yield markdown_table(
        Table(
            ("pictures", "size", "normalize, ms", "whole answer, ms", "of it the network, ms"),
            tuple(rows),
            text_columns=2,
        )
    )


def found(by_source: Any, degraded: Any, others: Any) -> Iterator[str]:
    """README's lines."""
    pictures = sum(row["free"]["total"] for row in by_source["sources"].values())
    yield (
        f"{by_source['model']} on {pictures:,} genuine pictures that are not EMNIST, of {len(by_source['sources'])} "
        "sources, without regard to case. Any: all letters and digits are allowed. Known: only digits, or "
        "only letters, are."
    )
    yield ""
    rows = []
    for source, name in SOURCES.items():
        row = by_source["sources"][source]
        cells = (f"{row['free']['total']:,}", *(percent(share(row[condition])) for condition in CONDITIONS))
        rows.append((name, *cells))
    head = ("source", "pictures", "right, any, %", "right, known, %")
    yield markdown_table(Table(head, tuple(rows)))
    yield ""
    head = ("glyphfront beside", "network, MB", "sources, any", "sources, known")
    rows = [
        (said, megabytes(others, name), *(verdict(others, name, condition) for condition in CONDITIONS))
        for name, said in NAMES.items()
    ]
    yield markdown_table(Table(head, tuple(rows)))
    yield ""
    ours, most = megabytes(others, "glyphfront"), others["most"]
    yield (
        f"Counted are sources on which glyphfront, whose network has {ours} MB, is ahead or behind; in brackets those "
        "where the paired 95 % interval says so. The pictures are the same for all"
        + (f", at most {most} a source" if most else "")
        + ". The others are each in the best of its usages at each source."
    )
    yield ""
    taken = sum(row["pictures"] for row in others["sources"].values())
    alt = f"Shares right by source, glyphfront beside other programs, on {taken:,} pictures"
    yield f"![{alt}](results/pictures/others.svg)"
    yield ""
    least = min(degraded["right"].values())
    yield (
        f"Of {degraded['of']} genuine drawings that are right when clean, at least {least} are right in each of these "
        "ways to spoil them; the count stands below each:"
    )
    yield ""
    yield "![One drawing, spoilt in each way, and how many are right](results/pictures/degraded.svg)"


def whole_pages(pages: Any) -> Iterator[str]:
    """The lines of docs/pictures.md on whole pages."""
    kinds = {name: row for name, row in pages.items() if isinstance(row, dict) and "characters" in row}
    placed = [row for row in kinds.values() if "found" in row]
    sudokus = list(pages["sudokus"].values())
    cells, seen, right = (sum(sudoku[name] for sudoku in sudokus) for name in ("cells", "found", "right"))
    found, of = (sum(row[name] for row in placed) for name in ("found", "characters"))
    yield (
        f"{pages['model']}: {seen} of {cells} cells of {len(sudokus)} genuine sudokus are found, and {right} digits "
        f"are right. Of the characters in composed grids and forms {found:,} of {of:,} are found in their place "
        f"({percent(found / of)} %)."
    )
    yield ""
    rows = []
    for name, row in kinds.items():
        places = ("", "")
        if "found" in row:
            places = (f"{row['found']} of {row['characters']}", f"{row['left_empty']} of {row['empty']}")
        rates = (percent(row[rate]) for rate in ("error_rate", "error_rate_alone"))
        rows.append((name, str(row["characters"]), *places, *rates))
    yield markdown_table(Table(("", "characters", "found", "left empty", "errors, %", "alone, %"), tuple(rows)))


def verdict(others: Any, name: str, condition: str) -> str:
    """On how many of the sources glyphfront is ahead of the program, level with it and behind."""
    rows = [row[condition] for row in others["sources"].values()]
    differences = [share(row["glyphfront"]) - share(row[name]) for row in rows]
    sure = [sum(row[name]["difference"]["low"] > 0 for row in rows)]
    sure.append(sum(row[name]["difference"]["high"] < 0 for row in rows))
    ahead, level, behind = (sum(np.sign(d) == sign for d in differences) for sign in (1, 0, -1))
    parts = [f"ahead {ahead} ({sure[0]})", f"level {level}" if level else "", f"behind {behind} ({sure[1]})"]
    return ", ".join(part for part in parts if part)


def megabytes(others: Any, name: str) -> str:
    return f"{others['programs'][name]['network_bytes'] / 1e6:.1f}"


def share(row: Any) -> float:
    return float(row["correct"] / row["total"])


def others_figure(others: Any) -> str:
    """Shares right, a row for each source, a panel for each condition, a mark for each program."""
    marks = {"glyphfront": ("o", BLUE), **dict(zip(NAMES, zip("svD^", COLOURS[1:], strict=False), strict=True))}
    with drawing(7.2, 6.6) as figure:
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, (condition, title) in zip(panels, CONDITIONS.items(), strict=True):
            for place, (name, (mark, colour)) in enumerate(marks.items()):
                ours = name == "glyphfront"
                shares = [others["sources"][source][condition][name] for source in SOURCES]
                rows = np.arange(len(SOURCES)) - 0.3 + 0.15 * place  # beside one another where they are equal
                x = [100 * share(row) for row in shares]
                axes.plot(x, rows, mark, ms=7, color=colour, mfc=colour if ours else PAPER, mew=1.5, ls="", zorder=3)
                if ours:
                    ends = [[100 * row[end] for row in shares] for end in ("low", "high")]
                    axes.hlines(rows, *ends, color=BLUE, lw=2, alpha=0.6)
            for row in range(len(SOURCES) - 1):
                axes.axhline(row + 0.5, color=GRID, lw=0.8)
            axes.grid(visible=False, axis="y")
            axes.set_title(title, fontsize=11, loc="left")
            axes.set_xlabel("right, %")
            axes.tick_params(axis="y", length=0)
        panels[0].set_xlim(right=102)
        panels[0].set_yticks(range(len(SOURCES)), [*SOURCES.values()])
        panels[0].set_ylim(len(SOURCES) - 0.5, -0.5)
        labels = ["glyphfront", *NAMES.values()]
        figure.legend(
            panels[0].get_lines()[: len(labels)],
            labels,
            loc="outside upper left",
            ncols=3,
            frameon=False,
            fontsize=10.5,
        )
        note(
            figure,
            f"{others['model']}, the same pictures for all, at most {others['most'] or 'all'} a source; bars: its 95 % "
            "interval; every other program in the best of its usages at each source",
        )
        return svg(figure)


def degraded_figure(degraded: Any) -> str:
    """One drawing of ours, spoilt in each way, and how many of the genuine drawings are right when spoilt so."""
    names = list(degraded["right"])
    rows = -(-len(names) // COLUMNS)
    with drawing(7.2, 1.48 * rows) as figure, mpl.rc_context({"image.composite_image": False}):
        panels = figure.subplots(rows, COLUMNS).ravel()
        for axes in panels:
            axes.set_axis_off()
        for axes, name in zip(panels, names, strict=False):
            picture, right = thumbnail(name), degraded["right"][name]
            height, width = picture.shape[:2]
            longest = max(width / 4, height / 3)
            half, tall = width / longest / 2, height / longest / 2  # of a frame of 4 by 3
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(-half, half, -tall, tall), interpolation="none")
            axes.add_patch(mpl.patches.Rectangle((-half, -tall), 2 * half, 2 * tall, fill=False, ec=MUTED, lw=0.8))
            axes.set_xlim(-2, 2)
            axes.set_ylim(-1.5, 1.5)
            axes.set_title(name.replace("_", " "), fontsize=10.5, pad=3)
            said, colour = f"{right} of {degraded['of']}", INK if right < degraded["of"] else MUTED
            axes.text(0, -1.6, said, ha="center", va="top", fontsize=10.5, color=colour)
        return svg(figure)


def thumbnail(name: str) -> np.ndarray:
    """The drawing spoilt in that way, at most 160 by 120 pixels; transparency on white."""
    picture = DEGRADATIONS[name](letter(), np.random.default_rng(0))
    if picture.ndim == 3 and picture.shape[2] == 4:
        alpha = picture[:, :, 3:] / 255
        picture = (255 + (picture[:, :, :3] - 255.0) * alpha).astype(np.uint8)
    scale = min(160 / picture.shape[1], 120 / picture.shape[0], 1)
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def letter() -> Drawing:
    """An R as a hand draws it: (600, 800), 0 paper to 1 ink."""
    strokes = (
        [(36, 20), (35, 50), (33, 82)],
        [(28, 24), (42, 15), (62, 17), (65, 33), (52, 45), (37, 49), (48, 56), (58, 70), (70, 83)],
    )
    page = np.zeros((600, 800), np.uint8)
    for stroke in strokes:
        points = (smooth(np.array(stroke, float)) * (8, 6) * 16).round().astype(np.int32)
        cv2.polylines(page, [points], False, 255, 16, cv2.LINE_AA, shift=4)
    return page / 255


def smooth(points: np.ndarray) -> np.ndarray:
    """Corners cut four times (Chaikin 1974): (points, 2)."""
    for _ in range(4):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], 1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points


if __name__ == "__main__":
    main()
