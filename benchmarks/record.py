"""What a benchmark leaves: its figures on the screen, and in results/NAME.json with how and where they were taken."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from glyphfront.files import write_text
from glyphfront.provenance import LIBRARIES, library_versions, provenance
from glyphfront.records import to_plain

RESULTS = Path(__file__).parent / "results"
NEEDS_DATA = 77  # exit status of a benchmark that finds none of the data it needs


def save(
    name: str, figures: Mapping[str, object], *, how: str, repeats: int, libraries: Iterable[str] = LIBRARIES
) -> None:
    """Print the figures and write results/NAME.json, atomically.

    Args:
        name: of the benchmark.
        figures: numbers, or lists of numbers or words; a name ends in its unit, a ratio says of what to what.
        how: what was timed, in a sentence or two.
        repeats: how often.
        libraries: those whose versions bear on the figures.
    """
    rounded = {key: _rounded(value) for key, value in figures.items()}
    for key, value in rounded.items():
        print(f"{key:<34} {value}")
    where = {**to_plain(provenance()), "libraries": list(library_versions(libraries))}
    figures = {**rounded, "how": how, "repeats": repeats, **where}
    write_text(RESULTS / f"{name}.json", json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1000 else round(value)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
