"""Answers as JSON: the objects that the command line prints with --json (docs/json.md), and how they are described."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from glyphfront.cli.answer import SCHEMA, Told, told
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.grid import MOST_SIDE
from glyphfront.result import Precision
from glyphfront.ship.card import Card
from glyphfront.ship.recognizer import Answer


class Fault(TypedDict):
    """What kept a request, or one picture of it, from its answer."""

    schema: Literal[1]
    ok: Literal[False]
    error: str
    picture: NotRequired[str]


class Recognized(Told):
    """What one picture shows."""

    schema: Literal[1]
    ok: Literal[True]
    model: str
    precision: Precision
    milliseconds: float
    image: NotRequired[str]


class Many(TypedDict):
    """Pictures of one request, in their order; a bad one has its fault in its place."""

    schema: Literal[1]
    ok: Literal[True]
    pictures: list[Recognized | Fault]


class Character(TypedDict):
    """One character on a page; its box is left, top, right, bottom in pixels of the picture."""

    character: str
    probability: float
    box: list[int]
    space_before: bool
    alike: list[str]


class Line(TypedDict):
    """One line, or one row of a grid or of boxes, in which an empty place is null."""

    characters: list[Character | None]


class FieldText(TypedDict):
    """What stands in one field of a form."""

    name: str
    text: str


class PageRead(TypedDict):
    """What stands on a page."""

    schema: Literal[1]
    ok: Literal[True]
    picture: str
    text: str
    lines: list[Line]
    note: str | None
    fields: list[FieldText]
    model: str
    precision: Precision
    milliseconds: float
    size: list[int]
    overlay: NotRequired[str]


class Share(TypedDict):
    """Right answers of all, with a 95 % Wilson interval."""

    correct: int
    total: int
    low: float
    high: float


class ModelServed(TypedDict):
    """A model that answers here."""

    name: str
    precision: Precision
    classes: list[str]
    parameters: int
    macs: int
    file_bytes: int
    sha256: str
    license: str
    accuracy: Share | None
    latency_us: float


class Models(TypedDict):
    """The models that answer here, the default first; `latency_us` was measured when this worker started."""

    schema: Literal[1]
    ok: Literal[True]
    models: list[ModelServed]


Coordinate = Annotated[float, Field(strict=True, ge=-1e9, le=1e9, allow_inf_nan=False)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]


class Drawing(BaseModel):
    """Digital ink: the points of a pen."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"strokes": [[[10, 10], [90, 10], [40, 120]]], "width": 9}},
    )
    strokes: Annotated[list[Annotated[list[Point], Field(min_length=1, max_length=20_000)]], Field(min_length=1)]
    """For each stroke its points in the order of drawing, each [x, y], x to the right, y down, in any unit."""
    width: Annotated[float, Field(ge=1e-6, le=1e9, allow_inf_nan=False)] | None = None
    """Of the pen, in the same unit; by default a tenth of the longer side of what is drawn."""


def recognized(picture: str, answer: Answer, card: Card, seconds: float) -> Recognized:
    """The object of one picture."""
    return {
        "schema": SCHEMA,
        "ok": True,
        **told(picture, answer),  # type: ignore[typeddict-item]  # mypy: it might hold an `image` too
        "model": card.name,
        "precision": card.precision,
        "milliseconds": round(seconds * 1000, 3),
    }


def fault(error: str | GlyphfrontError, picture: str | None = None) -> Fault:
    """The object of a failure, `error` on one line."""
    found: Fault = {"schema": SCHEMA, "ok": False, "error": " ".join(str(error).split())}
    if picture is not None:
        found["picture"] = picture
    return found


def grid_of(given: str | None) -> tuple[int, int] | None:
    """``9x9`` as rows and columns.

    Raises:
        GlyphfrontError: it is something else, or has more than 50 rows or columns.
    """
    if given is None:
        return None
    sides: Sequence[str] = given.split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and len(side) < 5 for side in sides):
        raise GlyphfrontError(f"grid {given[:20]}: give rows and columns, such as 9x9")
    rows, columns = int(sides[0]), int(sides[1])
    if not (0 < rows <= MOST_SIDE and 0 < columns <= MOST_SIDE):
        raise GlyphfrontError(f"grid {given[:20]}: give 1 to {MOST_SIDE} rows and columns")
    return rows, columns
