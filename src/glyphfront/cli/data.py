"""Verbs for data sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from glyphfront.cli.answer import DataDir, Json, print_json, show_table
from glyphfront.errors import GlyphfrontError
from glyphfront.ship import DEFAULT


def fetch(name: Positional[str], data_dir: DataDir = None) -> None:
    """Download one set of EMNIST into the cache, checked against the official sums.

    Example: glyphfront data fetch balanced

    Args:
        name: balanced, bymerge, byclass, letters, digits or mnist.
        data_dir: folder to put the files in.
    """
    from glyphfront.data.download import fetch

    print(fetch(name, data_dir))


def check(
    names: Positional[tuple[str, ...]] = (),
    labels_from: str | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Validate data sets, say what they are, and how many images of each stand in each other.

    Example: glyphfront data check balanced bymerge

    Args:
        names: sets to read, as for --data.train; by default the EMNIST sets that are there.
        labels_from: how the names of a folder's files tell what they show, such as img_{label}_*.png.
        data_dir: where EMNIST files lie, in any form.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.data import load, load_validation
    from glyphfront.data.dataset import Dataset
    from glyphfront.data.emnist import found_sets
    from glyphfront.data.leakage import overlap_matrix
    from glyphfront.data.notes import some
    from glyphfront.report.document import Table

    names = tuple(_with_labels(name, labels_from) for name in names) or found_sets(data_dir) or ("balanced",)
    sets: list[Dataset] = []
    for name in names:
        train, validation, test = (
            load(name, "train", folder=data_dir),
            load_validation(name),
            load(name, "test", folder=data_dir),
        )
        sets += [one for one in (train, validation, test) if one is not None]
    called = [f"{one.name} {one.split}" for one in sets]
    shared = overlap_matrix(sets)
    if json:
        found = [
            {
                "set": name,
                "images": len(one),
                "source": one.source,
                "origin": one.origin,
                "classes": list(one.classes),
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
    origins = [
        f"{name}: {len(one.classes)} classes ({some(one.classes)}); {one.origin or one.source}"
        for name, one in zip(called, sets, strict=True)
    ]
    show_table(
        Table(header, tuple(rows), text_columns=2), "Images of the row's set that also stand in the column's.", *origins
    )


def _with_labels(name: str, labels_from: str | None) -> str:
    if labels_from is None:
        return name
    if not name.startswith("folder:"):
        raise GlyphfrontError(f"--labels-from is for folder:PATH; {name} has its labels")
    return f"{name}?labels={labels_from}"


def show(name: Positional[str], out: Path = Path(), labels_from: str | None = None, data_dir: DataDir = None) -> None:
    """Draw examples of each class, and the images per class.

    Example: glyphfront data show strokes --out pictures

    Args:
        name: a set, as for --data.train.
        out: folder for the two pictures.
        labels_from: how the names of a folder's files tell what they show, such as img_{label}_*.png.
        data_dir: where EMNIST files lie.
    """
    from glyphfront.data import load
    from glyphfront.data.show import show

    for path in show(load(_with_labels(name, labels_from), "train", folder=data_dir), out):
        print(path)


def suspects(
    name: Positional[str],
    split: Literal["all", "train", "test"] = "all",
    out: Path = Path(),
    model: str = DEFAULT,
    look_alikes: bool = False,
    labels_from: str | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Find labels that look wrong; a list and a contact sheet of them, and nothing is removed.

    Example: glyphfront data suspects folder:shots --out suspects

    A Run leaves the training images of a list out with --data.leave-out; take lines of the file away first that name
    images whose label is right.

    Args:
        name: a set, as for --data.train.
        split: all pictures of a folder, or the test images of another set; or only train or test.
        out: folder for suspects.csv and suspects.png.
        model: whose reading helps to tell; it need not know the classes.
        look_alikes: find labels too that are mixed up among look-alikes, such as 0 and O.
        labels_from: how the names of a folder's files tell what they show, such as img_{label}_*.png.
        data_dir: where EMNIST files lie.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.cli.answer import show as show_document
    from glyphfront.data import load, load_all
    from glyphfront.measure.suspects import find_suspects, save_suspects
    from glyphfront.report.suspects import suspects_document, suspects_sheet
    from glyphfront.ship import recognizer

    called = _with_labels(name, labels_from)
    dataset = load_all(called, folder=data_dir) if split == "all" else load(called, split, folder=data_dir)
    found = find_suspects(dataset, recognizer.load(model), look_alikes=look_alikes)
    paths = [out / "suspects.csv"]
    if kept := save_suspects(found, dataset, paths[0]):
        print(f"glyphfront: note: the list that lay there, which differs, is {kept} now", file=sys.stderr)
    if found:
        paths.append(suspects_sheet(found, dataset, out / "suspects.png"))
    if json:
        files = None if dataset.files is None else dataset.files
        rows = [{**vars(one), "file": None if files is None else str(files[one.index])} for one in found]
        print_json(images=len(dataset), suspects=rows, files=[str(path) for path in paths])
        return
    show_document(suspects_document(found, dataset, model))
    for path in paths:
        print(path)
