"""What verbs print: a document for people, or with --json one object a line for machines (docs/json.md)."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from typing_extensions import TypedDict
from tyro.conf import FlagCreatePairsOff, arg

from glyphfront.records import to_plain

if TYPE_CHECKING:
    from glyphfront.report.document import Document, Table
    from glyphfront.ship.recognizer import Answer, Prediction

SCHEMA: Final = 1
"""Raised when a name that docs/json.md describes goes or means something else; new names may come without."""

Json = Annotated[bool, FlagCreatePairsOff]
DataDir = Annotated[Path | None, arg(help="Folder with EMNIST files; by default $GLYPHFRONT_DATA or the cache.")]
RunsDir = Annotated[Path, arg(help="Folder that holds a folder for each run.")]


class Guess(TypedDict):
    """One character, and how likely it is: 0 to 1."""

    character: str
    probability: float


class Told(TypedDict):
    """What one picture shows."""

    picture: str
    character: str
    predictions: list[Guess]
    reason: str | None
    alike: list[str]
    transposed: Guess | None
    turned: Guess | None


def told(picture: str, answer: Answer) -> Told:
    """An answer as `recognize --json` and the service give it, `picture` the name of its picture."""
    return {
        "picture": picture,
        "character": answer.character,
        "predictions": [_guess(guess) for guess in answer.predictions],
        "reason": answer.reason,
        "alike": list(answer.alike),
        "transposed": _guess(answer.transposed) if answer.transposed else None,
        "turned": _guess(answer.turned) if answer.turned else None,
    }


def _guess(prediction: Prediction) -> Guess:
    return {"character": prediction.character, "probability": round(prediction.probability, 6)}


def print_json(**fields: Any) -> None:
    """Print an answer as one line: `fields`, dataclasses as objects, what is no finite number as null."""
    _print_line({"schema": SCHEMA, "ok": True, **fields})


def print_json_fault(error: str, **fields: Any) -> None:
    """Print as one line what kept a verb from its answer."""
    _print_line({"schema": SCHEMA, "ok": False, "error": error, **fields})


def _print_line(fields: dict[str, Any]) -> None:
    readable = sys.stdout.encoding.lower().startswith("utf")
    print(json.dumps(_finite(to_plain(fields)), ensure_ascii=not readable, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def show(document: Document) -> None:
    """Print `document`, fitted to a terminal, and elsewhere as wide as it needs to be."""
    from rich.console import Console

    from glyphfront.report.document import render_terminal

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 1000
    render_terminal(document, console)


def show_table(table: Table, *notes: str) -> None:
    """Print one table and what is to be said below it."""
    from glyphfront.report.document import Document, Item, Section

    show(Document("", (Section(items=(Item(table=table, notes=notes),)),)))
