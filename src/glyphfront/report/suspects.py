"""Labels that look wrong, as a table and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glyphfront.data.dataset import Dataset
from glyphfront.data.show import Row, sheet
from glyphfront.measure.suspects import Suspect
from glyphfront.report.document import Document, Item, Section, Table

_COLUMNS, _ROWS = 10, 12


def suspects_document(suspects: Sequence[Suspect], dataset: Dataset, model: str, most: int = 20) -> Document:
    """The worst suspects, with what `model` says of each; nothing is removed by showing it."""
    said = (
        f"{len(suspects):,} of {len(dataset):,} labels of {dataset.name} ({dataset.source}) look wrong. "
        "Nothing was removed: look at them first.",
    )
    rows = tuple(
        (_name(one, dataset), one.given, one.suggested, f"{one.model[0]} ({one.model[1]:.0%})", f"{one.quality:.2%}")
        for one in suspects[:most]
    )
    header = ("image", "label", "the others say", f"{model} says", "probability of the label")
    notes = (f"The {most} worst of {len(suspects):,}.",) if len(suspects) > most else ()
    items = (Item(table=Table(header, rows, text_columns=4), notes=notes),) if rows else ()
    return Document("", (Section(before=said, items=items),))


def suspects_sheet(suspects: Sequence[Suspect], dataset: Dataset, path: Path) -> Path:
    """Draw the worst suspects with their label and what the model says, as a PNG file.

    Args:
        suspects: at least one.
        dataset: that they are of.
        path: of the file.
    """
    shown = suspects[: _COLUMNS * _ROWS]
    rows = []
    for start in range(0, len(shown), _COLUMNS):
        part = shown[start : start + _COLUMNS]
        captions = tuple(f"{one.given}? {one.model[0]} ({one.model[1]:.0%})" for one in part)
        title = f"{start + 1} to {start + len(part)}"
        rows.append(Row(title, dataset.images[[one.index for one in part]], captions))
    title = f"{dataset.name} {dataset.split}: label? what the model says; {len(shown)} of {len(suspects):,} suspects"
    return sheet(rows, title, path)


def _name(one: Suspect, dataset: Dataset) -> str:
    return str(one.index) if dataset.files is None else str(dataset.files[one.index])
