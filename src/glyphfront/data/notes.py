"""Notes on what was left out of a set or looks odd in it, summed up: a line a kind of fault."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = 3


class Notes:
    """Collects faults of single files and says each kind once: how many there are, and three of them."""

    def __init__(self, where: Path | str) -> None:
        self._where = where
        self._between = "/" if Path(where).is_dir() else ": "
        self._found: dict[str, tuple[str, list[str]]] = {}

    def add(self, fault: str, example: str) -> None:
        """A fault of a file, or of a class; faults that differ in numbers only are of one kind."""
        self._found.setdefault(re.sub(r"\d+", "#", fault), (fault, []))[1].append(example)

    def name(self, example: str) -> bool:
        """Whether a note that is still to be said names this file."""
        return any(example in examples for _, examples in self._found.values())

    def say(self) -> None:
        """Warn of everything collected since the last time, in a line a kind."""
        for line in self.lines():
            warnings.warn(line, stacklevel=2)
        self._found.clear()

    def lines(self) -> list[str]:
        """The notes, in the order in which their kinds were first met."""
        return [
            f"{self._where}{self._between}{examples[0]}: {fault}"
            if len(examples) == 1
            else f"{self._where}: {len(examples):,} times: {fault}: {some(examples)}"
            for fault, examples in self._found.values()
        ]


def some(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - EXAMPLES:,} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more
