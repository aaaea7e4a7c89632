"""glyphfront serve over real HTTP: answers are those of the recogniser and of the command line."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_lines import answers

pytest.importorskip("fastapi")
import requests

import glyphfront
from serving import DRAWINGS, drawing, encoded, picture, served


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served() as (address, _):
        yield address


def test_a_picture_in_the_body_is_answered_with_the_object_that_the_command_line_prints(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seven.png").write_bytes(picture("7"))
    printed = answers(capsys, "recognize", str(tmp_path / "seven.png"), "--top", "5")
    answered = requests.post(f"{service}/v1/recognize", data=picture("7")).json()
    for name in printed.keys() - {"picture"}:
        assert answered[name] == printed[name], name


@pytest.mark.parametrize("character", DRAWINGS)
def test_predictions_are_those_of_the_recogniser(service: str, character: str) -> None:
    expected = glyphfront.load("glyphnet-s").recognize(picture(character), top=3, alphabet="0-9A-Z")
    parameters: dict[str, str | int] = {"top": 3, "alphabet": "0-9A-Z"}
    answered = requests.post(f"{service}/v1/recognize", params=parameters, data=picture(character)).json()
    assert [one["character"] for one in answered["predictions"]] == [one.character for one in expected]
    assert [one["probability"] for one in answered["predictions"]] == pytest.approx(
        [one.probability for one in expected], abs=1e-5
    )


def test_files_of_a_form_are_answered_in_their_order_and_a_bad_one_in_its_place(service: str) -> None:
    files = [("picture", ("a.png", picture("7"))), ("picture", ("b.png", b"no picture")), ("x", ("c", picture("L")))]
    answer = requests.post(f"{service}/v1/recognize?alphabet=7L", files=files)
    told = answer.json()["pictures"]
    assert answer.status_code == 200
    assert [(one["picture"], one["ok"]) for one in told] == [("a.png", True), ("b.png", False), ("c", True)]
    assert [told[0]["character"], told[2]["character"]] == ["7", "L"]
    assert "not a readable picture" in told[1]["error"]


def test_the_image_that_is_sent_back_is_what_normalize_makes(service: str) -> None:
    answered = requests.post(f"{service}/v1/recognize?image=true", data=picture("4")).json()
    seen = Image.open(io.BytesIO(base64.b64decode(answered["image"].partition(",")[2])))
    assert np.array_equal(np.asarray(seen), glyphfront.normalize(picture("4")))


@pytest.mark.parametrize("character", ["7", "L", "4", "Z", "2"])
def test_strokes_are_read_as_what_they_draw(service: str, character: str) -> None:
    answer = requests.post(f"{service}/v1/strokes?alphabet=7L4Z2", json={"strokes": DRAWINGS[character]})
    assert answer.json()["character"] == character


def test_least_turns_a_doubtful_answer_into_a_question_mark_with_its_reason(service: str) -> None:
    told = requests.post(f"{service}/v1/strokes?least=1", json={"strokes": DRAWINGS["2"]}).json()
    assert told["character"] == "?"
    assert "less than 100%" in told["reason"]


def test_a_page_is_read_as_the_command_line_reads_it(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Image.new("L", (700, 260), 245)
    for place, character in enumerate("74"):
        page.paste(drawing(character).crop((30, 20, 230, 240)), (60 + 300 * place, 20))
    (tmp_path / "page.png").write_bytes(encoded(page))
    printed = answers(capsys, "read", str(tmp_path / "page.png"), "--alphabet", "digits")
    answered = requests.post(f"{service}/v1/read?alphabet=digits&overlay=true", data=encoded(page)).json()
    assert (answered["text"], answered["lines"]) == (printed["text"], printed["lines"])
    overlay = Image.open(io.BytesIO(base64.b64decode(answered["overlay"].partition(",")[2])))
    assert list(overlay.size) == answered["size"] == [700, 260]


def test_models_are_those_that_are_shipped_with_the_accuracy_of_their_cards(service: str) -> None:
    told = requests.get(f"{service}/v1/models").json()["models"]
    assert {one["name"] for one in told} == set(glyphfront.shipped())
    card = glyphfront.load(told[0]["name"]).card
    assert card.accuracy is not None
    assert told[0]["accuracy"]["correct"] == card.accuracy.correct
    assert told[0]["latency_us"] > 0


def test_health_and_readiness_are_told_without_a_picture(service: str) -> None:
    assert requests.get(f"{service}/healthz").json() == {"ok": True}
    assert requests.get(f"{service}/readyz").json() == {"ok": True}


def test_metrics_count_answers_by_path_and_status(service: str) -> None:
    def count() -> float:
        lines = requests.get(f"{service}/metrics").text.splitlines()
        named = 'glyphfront_requests_total{path="/v1/recognize",status="422"}'
        return next((float(line.split()[-1]) for line in lines if line.startswith(named)), 0.0)

    before = count()
    for _ in range(3):
        requests.post(f"{service}/v1/recognize", data=b"no picture")
    assert count() - before == 3


def test_the_page_may_talk_to_its_service_alone(service: str) -> None:
    answer = requests.get(f"{service}/")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "//" not in answer.text.replace("<!doctype", "")
