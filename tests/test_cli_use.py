"""cli/use.py: recognising from the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from glyphfront.cli import main


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A 7, dark on light."""
    image = Image.new("L", (200, 300), 240)
    ImageDraw.Draw(image).line([(40, 60), (150, 60), (80, 240)], fill=20, width=16)
    image.save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


def test_recognize_prints_a_line_a_picture_and_goes_on_after_a_bad_one(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    assert main(["recognize", str(bad), str(picture), "--top", "2"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith(f"{picture}  7 ")
    assert out.count("%") == 2
    assert err.startswith(f"glyphfront: {bad}: ")
    assert err.count("\n") == 1


def test_recognize_json_is_an_object_a_picture_also_for_a_bad_one(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    assert main(["recognize", str(bad), str(picture), "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    refused, found = map(json.loads, out.splitlines())
    assert (refused["schema"], refused["ok"], refused["picture"]) == (1, False, str(bad))
    assert refused["error"].startswith(f"{bad}: ")
    assert (found["schema"], found["ok"], found["picture"]) == (1, True, str(picture))
    assert found["predictions"][0]["character"] == "7"


def test_recognising_from_the_shell_imports_no_torch(picture: Path) -> None:
    code = (
        "import sys; from glyphfront.cli import main; main(sys.argv[1:]); "
        "print([m for m in ('torch', 'scipy', 'matplotlib', 'jinja2', 'pooch', 'onnx') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "recognize", str(picture)]
    assert subprocess.check_output(command, text=True).splitlines()[-1] == "[]"
