"""Pictures of a set: examples of each class, images per class, and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from glyphfront.data.dataset import Dataset, Images
from glyphfront.files import write_atomically

_EXAMPLES = 10
_STRIPS = 3  # side by side
_SIDE = 28


def show(dataset: Dataset, folder: Path) -> list[Path]:
    """Draw the two pictures of `dataset` as PNG files in `folder`.

    Returns:
        ``<name>-<split>-examples.png`` and ``<name>-<split>-counts.png``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{dataset.name}-{dataset.split}".replace(":", "-")
    return [
        _save(_examples(dataset), folder / f"{stem}-examples.png"),
        _save(_counts(dataset), folder / f"{stem}-counts.png"),
    ]


@dataclass(frozen=True)
class Row:
    """Some images of one kind: what they are, and a few words below each."""

    title: str
    images: Images
    captions: tuple[str, ...]


def sheet(rows: Sequence[Row], title: str, path: Path) -> Path:
    """Draw a contact sheet, a row of images for each of `rows`, dark on white, as a PNG or SVG file.

    Args:
        rows: at least one, of up to a dozen images each.
        title: over the sheet.
        path: of the file, ending in .png or .svg.
    """
    columns = max(len(row.images) for row in rows)
    figure = Figure(figsize=(2.2 + 0.95 * columns, 0.6 + 1.25 * len(rows)), layout="constrained")
    figure.suptitle(title, fontsize=10, parse_math=False)
    grid = figure.add_gridspec(len(rows), columns + 2)
    for at, row in enumerate(rows):
        label = figure.add_subplot(grid[at, :2])
        label.set_axis_off()
        label.text(0.98, 0.5, row.title, ha="right", va="center", fontsize=9, wrap=True, parse_math=False)
        for place, (image, caption) in enumerate(zip(row.images, row.captions, strict=True)):
            axes = figure.add_subplot(grid[at, place + 2])
            axes.imshow(255 - image, cmap="gray", vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel(caption, fontsize=7, parse_math=False)
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    kind = path.suffix.removeprefix(".")
    bare = dict.fromkeys(("Creator", "Date", "Format", "Type")) if kind == "svg" else None
    write_atomically(path, lambda partial: figure.savefig(partial, format=kind, dpi=120, metadata=bare))
    return path


def _title(dataset: Dataset) -> str:
    return f"{dataset.name} {dataset.split} ({dataset.source})"


def _examples(dataset: Dataset) -> Figure:
    """Ten images of each class, the classes down strips that stand side by side."""
    rows = -(-len(dataset.classes) // _STRIPS)
    margin = _SIDE + 9 * max(map(len, dataset.classes))  # room for the class name
    pitch = margin + _EXAMPLES * _SIDE
    mosaic = np.full((rows * _SIDE, _STRIPS * pitch), 255, np.uint8)
    rng = np.random.default_rng(0)
    figure = Figure(figsize=(10, 10 * (rows + 2) * _SIDE / (_STRIPS * pitch)), layout="constrained")
    axes = figure.add_subplot()
    for label, name in enumerate(dataset.classes):
        top, left = label % rows * _SIDE, label // rows * pitch + margin
        chosen = rng.permutation(np.flatnonzero(dataset.labels == label))[:_EXAMPLES]
        for place, image in enumerate(dataset.images[chosen]):
            mosaic[top : top + _SIDE, left + place * _SIDE : left + (place + 1) * _SIDE] = 255 - image
        axes.text(left - _SIDE / 2, top + _SIDE / 2, name, ha="right", va="center", parse_math=False)
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    axes.set_title(_title(dataset), parse_math=False)
    return figure


def _counts(dataset: Dataset) -> Figure:
    """A bar a class, with the least, the mean and the most in words."""
    counts = dataset.counts()
    figure = Figure(figsize=(max(6.0, 0.25 * len(counts)), 4), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(np.arange(len(counts)), counts)
    rotation = 90 if max(map(len, dataset.classes)) > 2 else 0
    axes.set_xticks(np.arange(len(counts)), dataset.classes, rotation=rotation, parse_math=False)
    axes.set_xlim(-0.6, len(counts) - 0.4)
    axes.set_ylabel("images")
    axes.yaxis.grid(alpha=0.3)
    axes.set_axisbelow(True)
    spread = f"images per class: {counts.min():,} to {counts.max():,}, mean {counts.mean():,.0f}"
    axes.set_title(f"{_title(dataset)}\n{spread}", parse_math=False)
    return figure
