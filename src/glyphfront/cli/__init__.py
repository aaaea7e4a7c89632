"""The command line: `main.py` runs one, every other file holds a group of verbs, whose flags are their signatures."""

from glyphfront.cli.main import main

__all__ = ["main"]
