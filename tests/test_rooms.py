"""Imports go in one direction: a room uses those that data has passed before it, and nothing of those behind."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "glyphfront"
NOUNS = {"errors", "files", "records", "run", "result", "study", "provenance"}
ALLOWED = {
    "picture": set(),
    "data": {"picture"},
    "models": {"data"},
    "training": {"data", "models"},
    "ship": {"picture", "data", "models"},
    "measure": {"data", "models", "ship"},
    "report": {"data", "models", "ship", "measure"},
    "pipeline": {"data", "models", "training", "ship", "measure", "report"},
    "studies": {"data", "training", "pipeline"},
}
"""Rooms that a room may import from, besides the nouns; serve and cli use them all."""


def imported_by(path: Path) -> set[str]:
    """Rooms and nouns of glyphfront that a module imports anywhere in it."""
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "glyphfront":
            names = [f"glyphfront.{alias.name}" for alias in node.names]
        else:
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found |= {name.split(".")[1] for name in names if name.startswith("glyphfront.")}
    return found


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_from_rooms_before_it(room: str) -> None:
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in imported_by(path) - ALLOWED[room] - NOUNS - {room, "__version__"}
    }
    assert not wrong


def test_nouns_import_nothing_but_nouns() -> None:
    wrong = {name: imported_by(PACKAGE / f"{name}.py") - NOUNS - {"__version__"} for name in NOUNS}
    assert not {name: rooms for name, rooms in wrong.items() if rooms}


def test_glyphfront_knows_nothing_of_its_guest() -> None:
    """Neither its package nor its name, nor those of its tables and folders."""
    own = re.compile(r"emnist[-_]study|\btable ?\d|study-(laptop|full)", re.IGNORECASE)
    files = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".html", ".css")]
    named = {f"{path.name}: {found[0]}" for path in files if (found := own.search(path.read_text(encoding="utf-8")))}
    assert not named
