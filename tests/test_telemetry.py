"""Recognising tells nobody: ONNX Runtime's telemetry is off before its library is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import glyphfront

RECOGNISE = (
    "import numpy, glyphfront; glyphfront.load('glyphnet-s').probabilities(numpy.zeros((1, 28, 28), numpy.uint8))"
)


def written_at_home(home: Path, program: str) -> list[str]:
    """Files that a program leaves in a new home; its environment has no sign of a CI, where telemetry is off anyway."""
    source = str(Path(glyphfront.__file__).parent.parent)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def test_recognising_leaves_no_identity_of_the_device_at_home(tmp_path: Path) -> None:
    """ONNX Runtime 1.29 and later write one, with a queue of events, before they report."""
    assert written_at_home(tmp_path, RECOGNISE) == []


def test_who_wants_telemetry_can_have_it(tmp_path: Path) -> None:
    program = "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '0'; import glyphfront; "
    assert (
        "value 0"
        in subprocess.run(
            [sys.executable, "-c", program + "print('value', os.environ['ORT_DISABLE_TELEMETRY'])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
