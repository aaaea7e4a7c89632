"""A study's lab sheet: what it asks, expects and costs, and its rows with what they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from glyphfront.report.document import Document, Item, Section, Table
from glyphfront.run import departures
from glyphfront.study import Study


def lab_sheet(study: Study) -> Document:
    """`study` as a document: a section for its own rows, and one for each part."""
    return Document(f"{study.name}, {study.scale} scale", tuple(_sections(study, "")))


def _sections(study: Study, title: str) -> Iterator[Section]:
    more = [f"{label} {seeds}" for label, seeds in study.seeds_of.items()]
    facts = (
        ("Concluded elsewhere", study.concluded),
        ("Expected", study.expected),
        ("Cost", study.cost),
        ("Scales", ", ".join(scale.name for scale in study.scales)),
        ("Only at scale", study.only),
        ("Baseline", study.baseline or ""),
        ("Claims", "; ".join(claim.text for claim in study.claims)),
        ("Trainings of each row", ", ".join((str(study.seeds), *more)) if study.rows else ""),
        ("Files of each training", ", ".join(study.precisions) if study.precisions != ("fp32",) else ""),
    )
    said = tuple(f"{name}: {text}" for name, text in facts if text)
    yield Section(title, (study.question, *said), (_rows(study),) if study.rows else ())
    for name, part in study.parts.items():
        yield from _sections(part, f"{title}/{name}".lstrip("/"))


def _rows(study: Study) -> Item:
    """Every row with what it changes of the baseline, or else of the first row."""
    first = study.baseline or next(iter(study.rows))
    base = study.rows[first]
    cells = [
        (label, run.key, departures(replace(run, label=base.label), base), study.changed.get(label, ""))
        for label, run in study.rows.items()
    ]
    header = ("row", "key", f"differs from {first} in", f"changed at {study.scale} scale")
    count = len(header) if study.changed else len(header) - 1
    rows = tuple(row[:count] for row in cells)
    return Item(table=Table(header[:count], rows, text_columns=count), notes=(f"{first}: {departures(base)}",))
