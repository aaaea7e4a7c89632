"""The page as files, in Chromium: it recognises without a service, as Python does."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")
from playwright.sync_api import Browser, expect

from browsing import CHROMIUM, Visit, chromium
from glyphfront import GlyphfrontError, Prediction, load
from glyphfront.serve.static import write_static
from glyphfront.ship.alphabet import alphabet_of, outputs_of
from serving import DRAWINGS, drawing, encoded, picture, side_by_side, stand_ins
from test_vectors import FOLDER, VECTORS, image_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static page with glyphnet-s first, and two models in two precisions; needs npm and its registry."""
    files = stand_ins(tmp_path_factory.mktemp("models"))
    shipped, out = load("glyphnet-s", precision="fp32").path, tmp_path_factory.mktemp("static")
    try:
        write_static(out, [str(file) for file in (shipped, *files.values())])
    except GlyphfrontError as error:
        if "npm" not in str(error):
            raise
        pytest.skip(str(error))
    return out


@pytest.fixture(scope="module")
def static(folder: Path) -> Iterator[str]:
    """Its address on a plain web server."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def answer_of(vector: dict[str, Any]) -> Prediction:
    """What Python answers to the image of a test vector."""
    return load("glyphnet-s", precision="fp32").answer_image(image_of(vector)).predictions[0]


def test_the_browser_normalises_strokes_as_the_test_vectors_say(browser: Browser, static: str) -> None:
    visit = Visit(browser, static)
    for vector in VECTORS["strokes"]:
        found = visit.page.evaluate(
            "async ({strokes, width}) => { const ink = await import('./ink.js');"
            " return [...ink.framed(ink.drawn(strokes, width))]; }",
            vector,
        )
        assert np.abs(np.array(found) - image_of(vector).astype(int).ravel()).max() <= 3, vector["character"]
    visit.end()


def test_model_and_precision_are_switched_and_marked_in_the_front(browser: Browser, static: str) -> None:
    visit = Visit(browser, static)
    page = visit.page
    visit.draw(DRAWINGS["7"])
    visit.answered("7")
    page.get_by_label("Model").select_option("large")
    classes = load("glyphnet-s", precision="fp32").classes
    for precision, turn in (("fp32", 2), ("int8", 3)):
        page.get_by_label(precision, exact=True).check()
        visit.answered(classes[classes.index("7") + turn])
        marked = page.locator("#front .mark.chosen title").text_content()
        assert marked is not None
        assert marked.startswith(f"large {precision}")
    assert page.locator("#front .mark").count() == 5
    expect(page.locator("#figures")).to_contain_text("in this browser", timeout=20_000)
    assert "µs an image in ONNX Runtime" in page.inner_text("#figures")
    visit.end()


def test_a_page_of_characters_is_doubted_and_told_what_reads_it(browser: Browser, static: str) -> None:
    sheet = drawing("7").crop((0, 0, 560, 260)).point(lambda tone: tone or 245)
    sheet.paste(drawing("4"), (280, 0))
    visit = Visit(browser, static)
    visit.page.set_input_files("#file", {"name": "74.png", "mimeType": "image/png", "buffer": encoded(sheet)})
    visit.answered("?")
    assert "2 parts side by side" in visit.page.inner_text("#told")
    assert "glyphfront serve" in visit.page.inner_text("#noPages")
    assert not visit.page.get_by_label("The picture is").is_visible()
    visit.end()


def test_strokes_of_several_characters_are_doubted(browser: Browser, static: str) -> None:
    visit = Visit(browser, static)
    told = [
        visit.page.evaluate(
            "async (strokes) => { const local = await import('./local.js');"
            " const { character, reason } = await local.strokes(strokes, 18, {model: 'glyphnet-s'});"
            " return [character, reason]; }",
            side_by_side(characters),
        )
        for characters in ("7", "77", "LV")
    ]
    assert told == [["7", None], ["?", "2 parts side by side"], ["?", "2 parts side by side"]]
    visit.end()


MERGED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
ALPHABETS = {
    MERGED: "digits|upper|lower+0-9|upper 0-9|abc|0-9A-F|z-|+|7€|z-a|UPPER|aA|cC|c|lower|lower+x|x+lower| |0 - 9|0--|-0"
    "|0-9-|numbers|caps|hex|all|Any|digit|letter|uper|Diggits|lettters|alnum|a-Z|0-\u4e00|9-0|0-9+-|0++A|toString|ß|ſ|e\u0301",
    ("alpha", "beta", "é", "0"): "alpha|beta|beta+0|beta 0|alphabet|gamma|Beta|ALPHA|b|e\u0301|letters|digits|0é",
    (
        "upper_A",
        "lower_a",
        "upper_B",
        "digit_1",
    ): "A|a|b|aB1|letters|upper|lower|upper_A|upper_A+digits|UPPER_A|upper_C|_",
    tuple("0123+-*/Aa"): "+|0-3+-|0-3++-|0-3 + -|digits+-|+-*/|*+0-3|0-3+|0-3+A|0  A|é+0|+++",
    ("char_+", "digit_1", "minus"): "+|1+|1+minus|minus|+ minus",
    tuple("αβγδ"): "α-δ|letters|Α|αΒ|α+β|α-ω|\u0391\u0301",
    ("ß", "ss", "I", "ı"): "ß|ss|SS|i|I|ı|upper",
}
"""Of each model's classes, alphabets and what is none; | parts them."""


def test_an_alphabet_means_what_it_means_to_python(browser: Browser, static: str, folder: Path) -> None:
    words = json.loads((folder / "models.json").read_text(encoding="utf-8"))["alphabets"]
    visit = Visit(browser, static)
    for classes, alphabets in ALPHABETS.items():
        model = {"classes": classes, "outputs": outputs_of(classes)}
        told = visit.page.evaluate(
            "async ([alphabets, model, words]) => { const { alphabetOf } = await import('./alphabet.js');"
            " return alphabets.map((one) => { try { return alphabetOf(one, model, words); }"
            " catch (error) { return error.message; } }); }",
            [alphabets.split("|"), model, words],
        )
        for alphabet, answer in zip(alphabets.split("|"), told, strict=True):
            try:
                found = alphabet_of(alphabet, classes)
                expected: Any = [list(pair) for pair in zip(found.characters, found.outputs, strict=True)]
            except GlyphfrontError as error:
                expected = str(error)
            assert answer == expected, alphabet
    visit.end()


def test_an_answer_is_among_the_characters_of_the_alphabet(browser: Browser, static: str) -> None:
    recognizer, vector = load("glyphnet-s", precision="fp32"), VECTORS["strokes"][0]
    visit = Visit(browser, static)
    for alphabet in ("lower+0-9", "xyz", "cC", "hex"):
        told = visit.page.evaluate(
            "async ([vector, alphabet]) => { try { return (await (await import('./local.js')).strokes(vector.strokes,"
            " vector.width, {model: 'glyphnet-s', alphabet})).predictions.map((one) => one.character); }"
            " catch (error) { return error.message; } }",
            [vector, alphabet],
        )
        try:
            expected: Any = [
                one.character for one in recognizer.answer_image(image_of(vector), None, 5, alphabet).predictions
            ]
        except GlyphfrontError as error:
            expected = str(error)
        assert told == expected, alphabet
    visit.end()


def test_each_model_is_timed_where_the_page_is_written_whatever_its_card_knows(folder: Path) -> None:
    models = json.loads((folder / "models.json").read_text(encoding="utf-8"))["models"]
    assert [one["file"] for one in models if not one["latency_us"] > 0] == []


def test_its_files_ask_nobody_else(folder: Path) -> None:
    assert "default-src 'self'" in (folder / "index.html").read_text(encoding="utf-8")
    listed = json.loads((folder / "models.json").read_text(encoding="utf-8"))["models"]
    assert all((folder / one["file"]).is_file() for one in listed)


@pytest.mark.slow
def test_it_answers_as_python_does_without_asking_anybody(browser: Browser, static: str) -> None:
    visit = Visit(browser, static)
    visit.page.get_by_label("digits", exact=True).check()
    visit.draw(DRAWINGS["7"])
    visit.answered("7")
    for vector in VECTORS["strokes"]:
        told = visit.page.evaluate(
            "async ({strokes, width}) => (await import('./local.js')).strokes(strokes, width, {model: 'glyphnet-s'})",
            vector,
        )
        expected = answer_of(vector)
        assert told["character"] == expected.character
        assert told["predictions"][0]["probability"] == pytest.approx(expected.probability, abs=0.03)
    for vector in VECTORS["pictures"]:  # found by one threshold, where Python does more
        url = "data:image/png;base64," + base64.b64encode((FOLDER / vector["file"]).read_bytes()).decode()
        told = visit.page.evaluate(
            "async (url) => { const local = await import('./local.js'), bytes = atob(url.split(',')[1]);"
            " const file = new Blob([Uint8Array.from(bytes, (one) => one.charCodeAt(0))]);"
            " return local.picture(await local.prepared(file), {model: 'glyphnet-s'}); }",
            url,
        )
        assert told["character"] == answer_of(vector).character, vector["file"]
    visit.page.set_input_files("#file", {"name": "4.png", "mimeType": "image/png", "buffer": picture("4")})
    visit.answered("4")
    visit.end()
