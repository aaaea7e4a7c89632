"""Verbs for those who have pictures; none of them needs torch."""

from __future__ import annotations

import sys
from pathlib import Path

from tyro.conf import Positional

from glyphfront.cli.answer import Json, print_json, print_json_fault
from glyphfront.errors import GlyphfrontError


def recognize(
    pictures: Positional[tuple[Path, ...]],
    model: str = "glyphnet-s",
    top: int = 1,
    json: Json = False,
) -> int:
    """Print the character on each picture, with the model's confidence.

    Example: glyphfront recognize scan.png --top 3

    Args:
        pictures: image files, a single character on each.
        model: a shipped name, an .onnx with its card, or the folder of a run.
        top: how many guesses to print.
        json: an object for machines a picture, each on a line (docs/json.md).
    """
    if not pictures:
        raise GlyphfrontError("no picture given; see glyphfront recognize --help")
    if top < 1:
        raise GlyphfrontError(f"--top must be at least 1, got {top}")
    from glyphfront.ship.recognizer import load

    recognizer = load(model)
    status = 0
    for picture in pictures:
        try:
            guesses = recognizer.recognize(picture, top=top)
        except GlyphfrontError as error:  # the other pictures still count
            status = 2
            if json:
                print_json_fault(str(error), picture=picture)
            else:
                print(f"glyphfront: {error}", file=sys.stderr)
            continue
        if json:
            found = [{"character": g.character, "probability": round(g.probability, 6)} for g in guesses]
            print_json(picture=picture, predictions=found)
        else:
            print(f"{picture}  " + "  ".join(f"{g.character} {g.probability:.1%}" for g in guesses))
    return status
