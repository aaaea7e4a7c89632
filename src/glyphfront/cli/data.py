"""Verbs for data sets."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from glyphfront.cli.answer import DataDir, Json, print_json, show_table


def fetch(name: Positional[str], data_dir: DataDir = None) -> None:
    """Download one set of EMNIST into the cache, checked against the official sums.

    Example: glyphfront data fetch balanced

    Args:
        name: balanced, bymerge, byclass, letters, digits or mnist.
        data_dir: folder to put the files in.
    """
    from glyphfront.data.emnist import fetch

    print(fetch(name, data_dir))


def check(
    names: Positional[tuple[str, ...]] = ("balanced", "bymerge", "byclass"),
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Validate data sets and print how many images of each stand in each other.

    Example: glyphfront data check balanced bymerge

    Args:
        names: sets to read, as for --data.train.
        data_dir: where EMNIST files lie.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.data import load
    from glyphfront.data.leakage import overlap_matrix
    from glyphfront.report.document import Table

    sets = [load(name, split, folder=data_dir) for name in names for split in ("train", "test")]
    called = [f"{one.name} {one.split}" for one in sets]
    shared = overlap_matrix(sets)
    if json:
        found = [
            {
                "set": name,
                "images": len(one),
                "source": one.source,
                "also_in": dict(zip(called, map(int, row), strict=True)),
            }
            for name, one, row in zip(called, sets, shared, strict=True)
        ]
        print_json(sets=found)
        return
    rows = []
    for name, one, row in zip(called, sets, shared, strict=True):
        shares = [f" ({n / len(one):.1%})" if n and other != name else "" for other, n in zip(called, row, strict=True)]
        cells = [f"{n:,}{share}" for n, share in zip(row, shares, strict=True)]
        rows.append((name, one.source, f"{len(one):,}", *cells))
    header = ("set", "source", "images", *called)
    show_table(Table(header, tuple(rows), text_columns=2), "Images of the row's set that also stand in the column's.")


def show(name: Positional[str], out: Path = Path(), data_dir: DataDir = None) -> None:
    """Draw examples of each class, and the images per class.

    Example: glyphfront data show strokes --out pictures

    Args:
        name: a set, as for --data.train.
        out: folder for the two pictures.
        data_dir: where EMNIST files lie.
    """
    from glyphfront.data import load
    from glyphfront.data.show import show

    for path in show(load(name, "train", folder=data_dir), out):
        print(path)
