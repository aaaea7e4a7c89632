"""glyphfront serve over real HTTP: answers are those of the recogniser and of the command line."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_lines import answers

pytest.importorskip("fastapi")
import requests

import glyphfront
from glyphfront import load
from glyphfront.result import Precision
from glyphfront.serve.catalogue import files_of
from glyphfront.ship.card import FILES, card_path
from serving import DRAWINGS, drawing, drawing_of, encoded, picture, served, side_by_side, stand_ins


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served() as (address, _):
        yield address


def test_a_picture_in_the_body_is_answered_with_the_object_that_the_command_line_prints(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seven.png").write_bytes(picture("7"))
    file = str(load("glyphnet-s", precision="fp32").path)
    printed = answers(capsys, "recognize", str(tmp_path / "seven.png"), "--top", "5", "--model", file)
    answered = requests.post(f"{service}/v1/recognize?model=glyphnet-s&precision=fp32", data=picture("7")).json()
    for name in printed.keys() - {"picture"}:
        assert answered[name] == printed[name], name


@pytest.mark.parametrize("character", DRAWINGS)
def test_predictions_are_those_of_the_recogniser(service: str, character: str) -> None:
    expected = load("glyphnet-s", precision="fp32").recognize(picture(character), top=3, alphabet="0-9A-Z")
    parameters: dict[str, str | int] = {"top": 3, "alphabet": "0-9A-Z", "model": "glyphnet-s", "precision": "fp32"}
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


def test_the_image_that_is_sent_back_is_turned_where_the_answer_is(service: str) -> None:
    turned = encoded(Image.open(io.BytesIO(picture("7"))).rotate(90))
    answer = requests.post(
        f"{service}/v1/recognize?any_orientation=true&image=true&alphabet=digits", data=turned
    ).json()
    assert answer["character"] == "7"
    sent = Image.open(io.BytesIO(base64.b64decode(answer["image"].partition(",")[2])))
    upright = glyphfront.normalize(picture("7")).astype(int)
    assert np.abs(np.asarray(sent) - upright).mean() < 10 < np.abs(np.rot90(upright) - upright).mean()


@pytest.mark.parametrize("character", ["7", "L", "4", "Z", "2"])
def test_strokes_are_read_as_what_they_draw(service: str, character: str) -> None:
    answer = requests.post(f"{service}/v1/strokes?alphabet=7L4Z2", json={"strokes": DRAWINGS[character]})
    assert answer.json()["character"] == character


def test_strokes_of_several_characters_are_doubted_as_a_picture_of_them_is(service: str) -> None:
    strokes = side_by_side("777")
    told = [
        requests.post(f"{service}/v1/strokes", json={"strokes": strokes, "width": 18}).json(),
        requests.post(f"{service}/v1/recognize", data=encoded(drawing_of(strokes))).json(),
    ]
    assert [one["character"] for one in told] == ["?", "?"]
    assert [one["reason"] for one in told] == 2 * ["3 parts side by side: see glyphfront read"]


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
    file = str(load("glyphnet-s", precision="fp32").path)
    printed = answers(capsys, "read", str(tmp_path / "page.png"), "--alphabet", "digits", "--model", file)
    query = "alphabet=digits&overlay=true&model=glyphnet-s&precision=fp32"
    answered = requests.post(f"{service}/v1/read?{query}", data=encoded(page)).json()
    assert (answered["text"], answered["lines"]) == (printed["text"], printed["lines"])
    overlay = Image.open(io.BytesIO(base64.b64decode(answered["overlay"].partition(",")[2])))
    assert list(overlay.size) == answered["size"] == [700, 260]


def test_a_page_is_read_by_the_fields_of_the_request(service: str) -> None:
    page = Image.new("L", (700, 260), 245)
    for place, character in enumerate("74"):
        page.paste(drawing(character).crop((30, 20, 230, 240)), (60 + 300 * place, 20))
    described = json.dumps({"first": {"alphabet": "digits", "region": [0, 0, 0.5, 1]}})
    told = requests.post(f"{service}/v1/read", params={"fields": described}, data=encoded(page)).json()
    assert told["fields"] == [{"name": "first", "text": "7"}]
    refused = requests.post(f"{service}/v1/read", params={"fields": "{"}, data=encoded(page))
    assert refused.status_code == 422
    assert "no JSON" in refused.json()["error"]
    assert requests.post(f"{service}/v1/read?alphabet=digits", data=encoded(page)).json()["fields"] == []


def test_models_are_those_that_are_shipped_with_the_accuracy_of_their_cards(service: str) -> None:
    told = requests.get(f"{service}/v1/models").json()["models"]
    assert {one["name"] for one in told} == set(glyphfront.shipped())
    for one in told:
        card = load(one["name"], precision=one["precision"]).card
        assert card.accuracy is not None
        assert (one["accuracy"]["correct"], one["sha256"]) == (card.accuracy.correct, card.sha256)
        assert one["latency_us"] > 0


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[tuple[str, Precision], Path]]]:
    files = stand_ins(tmp_path_factory.mktemp("models"))
    with served("--models", *(str(file) for file in files.values()), "--workers", "2") as (address, _):
        yield address, files


@pytest.mark.parametrize("path", ["recognize", "strokes", "read"])
@pytest.mark.parametrize("name", ["small", "large"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_request_chooses_the_model_and_its_precision(
    two_models: tuple[str, dict[tuple[str, Precision], Path]], path: str, name: str, precision: Precision
) -> None:
    address, files = two_models
    body = json.dumps({"strokes": DRAWINGS["7"]}).encode() if path == "strokes" else picture("7")
    told = requests.post(f"{address}/v1/{path}?model={name}&precision={precision}", data=body).json()
    assert (told["model"], told["precision"]) == (name, precision)
    expected = load(files[name, precision]).recognize(picture("7"))[0].character
    assert told.get("character", told.get("text")) == expected


def test_without_a_choice_the_first_model_answers_and_of_a_name_its_first_precision(
    two_models: tuple[str, dict[tuple[str, Precision], Path]],
) -> None:
    address, _ = two_models
    assert [(one["name"], one["precision"]) for one in requests.get(f"{address}/v1/models").json()["models"]] == [
        ("small", "fp32"),
        ("small", "int8"),
        ("large", "fp32"),
        ("large", "int8"),
    ]
    for query, expected in (
        ("", ("small", "fp32")),
        ("model=large", ("large", "fp32")),
        ("precision=int8", ("small", "int8")),
    ):
        told = requests.post(f"{address}/v1/recognize?{query}", data=picture("7")).json()
        assert (told["model"], told["precision"]) == expected


def test_a_folder_with_two_precisions_is_served_in_both(tmp_path: Path) -> None:
    files = stand_ins(tmp_path)
    for precision, name in FILES.items():
        for file in (files["large", precision], card_path(files["large", precision])):
            file.rename(tmp_path / (name if file.suffix == ".onnx" else card_path(Path(name)).name))
    found = files_of([str(tmp_path)])
    assert {path.name for path in found} == set(FILES.values())
    assert [path.name for path in files_of([str(tmp_path / FILES["int8"])])] == [FILES["int8"]]


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
