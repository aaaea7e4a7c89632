"""Command lines as tests give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glyphfront.cli import main


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr that a bad command line prints; its status is 2."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("glyphfront: ")
    assert "Traceback" not in err
    return err


def answers(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The object that a command line prints with --json."""
    assert main([*arguments, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    assert (found.pop("schema"), found.pop("ok")) == (1, True)
    return found
