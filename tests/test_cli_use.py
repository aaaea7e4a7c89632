"""cli/use.py: recognising from the shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from glyphfront.cli import main
from glyphfront.data.strokes import draw


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


def test_recognize_reads_standard_input_folders_and_pages(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    seven = Image.open(picture)
    seven.save(folder / "two.tif", save_all=True, append_images=[seven])
    with picture.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file})())
        assert main(["recognize", "-", str(folder), "--alphabet", "digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "-",
        f"{folder / 'two.tif'} page 1",
        f"{folder / 'two.tif'} page 2",
    ]
    assert all("  7 " in line for line in lines)


def test_recognize_says_why_it_answers_with_a_question_mark(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seven = Image.open(picture)
    word = Image.new("L", (600, 300), 240)
    for column in range(3):
        word.paste(seven, (200 * column, 0))
    word.save(tmp_path / "word.png")
    assert main(["recognize", str(tmp_path / "word.png")]) == 0
    assert capsys.readouterr().out.endswith("word.png  ?  (3 parts side by side: see glyphfront read)\n")


def test_read_prints_the_text_and_draws_what_it_found(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = Image.new("L", (600, 300), 240)
    for column in range(3):
        word.paste(Image.open(picture), (200 * column, 0))
    word.save(tmp_path / "word.png")
    overlay = tmp_path / "overlay.png"
    command = ["read", str(tmp_path / "word.png"), "--alphabet", "digits", "--overlay", str(overlay), "--json"]
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["text"] == "777"
    assert len(answer["lines"][0]["characters"]) == 3
    assert Image.open(overlay).size == (600, 300)


def test_read_reads_every_page_and_goes_on_after_an_empty_one(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seven = Image.open(picture)
    pages = tmp_path / "pages.tif"
    seven.save(pages, save_all=True, append_images=[Image.new("L", seven.size, 240), seven])
    assert main(["read", str(pages), "--alphabet", "digits"]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{pages} page 1:", "7", f"{pages} page 3:", "7"]
    assert err.startswith(f"glyphfront: {pages} page 2: the picture is empty")
    assert err.count("\n") == 1


def test_read_reads_standard_input(
    picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with picture.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file})())
        assert main(["read", "-", "--alphabet", "digits"]) == 0
    assert capsys.readouterr().out == "7\n"


def test_standard_input_given_twice_is_one_line(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recognize", "-", str(picture), "-"]) == 2
    assert capsys.readouterr().err == "glyphfront: standard input is given twice; give - once\n"


def test_overlay_does_not_take_the_place_of_the_file_that_is_standard_input(picture: Path) -> None:
    before = picture.read_bytes()
    command = [sys.executable, "-m", "glyphfront", "read", "-", "--overlay", str(picture)]
    with picture.open("rb") as file:
        told = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "this is the picture itself" in told.stderr
    assert picture.read_bytes() == before


def test_read_names_look_alikes_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    round_ones = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(round_ones).ellipse([100, 40, 180, 150], outline=0, width=12)
    round_ones.save(tmp_path / "o.png")
    assert main(["read", str(tmp_path / "o.png")]) == 0
    out, err = capsys.readouterr()
    assert {out.strip(), *err.rstrip().partition(" may be ")[2].partition(";")[0]} == {"0", "O"}
    assert err.startswith("glyphfront: note: look-alikes: ")
    assert main(["read", str(tmp_path / "o.png"), "--alphabet", "digits"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["seven.png", "drawn.jpg", "folder"])
def test_overlay_takes_neither_the_pictures_place_nor_another_ending(
    picture: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    before = picture.read_bytes()
    (picture.parent / "folder").mkdir()
    assert main(["read", str(picture), "--overlay", str(picture.parent / name)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert picture.read_bytes() == before


def test_overlay_does_not_take_the_place_of_the_one_picture_in_a_folder(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = picture.read_bytes()
    assert main(["read", str(picture.parent), "--overlay", str(picture)]) == 2
    assert (
        capsys.readouterr().err == f"glyphfront: --overlay {picture}: this is the picture itself; give another name\n"
    )
    assert picture.read_bytes() == before


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_name_that_the_terminal_cannot_write_is_answered(picture: Path, json_too: tuple[str, ...]) -> None:
    named = picture.rename(picture.with_name("sieben é 七.png"))
    command = [sys.executable, "-m", "glyphfront", "recognize", str(named), *json_too]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    if json_too:
        assert json.loads(done.stdout)["picture"] == str(named)
    else:
        assert "sieben \\xe9 \\u4e03.png  7 " in done.stdout


def test_an_empty_word_is_not_the_folder_it_is_run_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recognize", ""]) == 2
    assert capsys.readouterr().err == "glyphfront: word 2 of the command is empty; is a variable not set?\n"


@pytest.mark.parametrize("verb", ["recognize", "read"])
def test_a_name_that_is_too_long_is_told_in_a_short_line(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "x" * 5000]) == 2
    err = capsys.readouterr().err
    assert "File name too long" in err
    assert len(err) < 250


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--grid", "9by9"], "--grid 9by9: give rows and columns"),
        (["--grid", "9x9", "--boxes"], "give one of them"),
        (["--alphabet", "é"], "the model cannot write é"),
        (["--grid", "9x9"], "there is no grid"),
    ],
)
def test_read_tells_a_fault_in_one_line(
    picture: Path, capsys: pytest.CaptureFixture[str], flags: list[str], fault: str
) -> None:
    assert main(["read", str(picture), *flags]) == 2
    err = capsys.readouterr().err
    assert fault in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("stands", "note"),
    [
        (np.transpose, "pictures look transposed, as torchvision gives EMNIST"),
        (lambda image: np.rot90(image, 1), "pictures look turned"),
    ],
)
def test_pictures_that_are_transposed_or_turned_are_told_in_one_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stands, note: str
) -> None:
    for number, image in enumerate(draw(1, seed=0, split="test").images):
        Image.fromarray(np.ascontiguousarray(stands(image))).save(tmp_path / f"{number}.png")
    assert main(["recognize", str(tmp_path)]) == 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert note in err
