"""Model files to choose among from their cards alone, where no results are at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from glyphfront.measure.folder import Evaluated
from glyphfront.report.front import File
from glyphfront.result import Cost, Exported, Provenance, Result, Timing
from glyphfront.run import without_seed
from glyphfront.ship.card import Card, load_card


def files_of_cards(onnx: Sequence[Path]) -> list[File]:
    """A file for each, with the accuracy and the time that its card holds; none has predictions.

    Args:
        onnx: .onnx files with their cards beside them.

    Raises:
        GlyphfrontError: a file is missing, or its card is none or another's.
    """
    return [_file_of(load_card(path)) for path in onnx]


def what_cards_cannot_say(files: Sequence[File]) -> str:
    """Of the times and accuracies of `files`, for whoever chooses among them."""
    machines = " and ".join(dict.fromkeys(file.latency.machine for file in files if file.latency))
    return (
        f"This is what the models' cards say. Their times were taken on {machines}; other machines take other times, "
        "and --budget-ratio carries over better than --budget-us, for int8 only to CPUs with VNNI. Cards hold no "
        "answers image by image, so they cannot say which differences are beyond chance; "
        "results/front/shipped/report.md in a clone of glyphfront does."
    )


def _file_of(card: Card) -> File:
    """Of a Result that knows what the card knows; seconds and images of the training are none of it."""
    top1, sha256 = card.accuracy, card.sha256
    exported = Exported(card.precision, sha256, card.file_bytes, sha256, top1, math.nan) if top1 else None
    result = Result(
        key=card.run.key,
        run=card.run,
        status="finished",
        message="",
        classes=card.classes,
        data=card.data,
        cost=Cost(card.parameters, card.parameters, card.macs, math.nan, card.run.epochs or 0, 0, ""),
        curve=(),
        provenance=Provenance(card.glyphfront, "", card.created, "", "", ()),
        exported=(exported,) if exported else (),
    )
    timing = Timing(sha256, card.name, card.latency, ()) if card.latency else None
    return File(Evaluated(result, row=without_seed(card.run).key), exported, timing)
