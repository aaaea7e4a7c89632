"""The page in Chromium, as people use it: drawing, choosing, keys, phones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")
from playwright.sync_api import Browser, FileChooser

from browsing import CHROMIUM, Visit, chromium
from glyphfront import load
from glyphfront.picture.digital_ink import normalize_strokes
from glyphfront.result import Precision
from serving import DRAWINGS, served, stand_ins

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served() as (address, _):
        yield address


@pytest.fixture
def visit(browser: Browser, service: str) -> Iterator[Visit]:
    visit = Visit(browser, service)
    yield visit
    visit.end()


@pytest.mark.parametrize(("character", "alphabet"), [("7", "digits"), ("4", "digits"), ("L", "upper"), ("T", "upper")])
def test_a_drawn_character_is_answered_under_its_alphabet(visit: Visit, character: str, alphabet: str) -> None:
    visit.page.get_by_label(alphabet, exact=True).check()
    visit.draw(DRAWINGS[character])
    visit.answered(character)
    assert visit.page.locator("#bars li").count() == 5
    assert character in visit.page.inner_text("#told")
    assert "ms" in visit.page.inner_text("#told")


def test_an_alphabet_changes_the_answer_to_what_is_drawn_already(visit: Visit) -> None:
    visit.draw(DRAWINGS["2"])
    visit.page.get_by_label("digits", exact=True).check()
    visit.answered("2")
    visit.page.get_by_label("Own alphabet, such as 0-9A-F").fill("XYZ")
    visit.answered("Z")


def test_undo_takes_the_last_stroke_back_and_clear_takes_all(visit: Visit) -> None:
    visit.page.get_by_label("Own alphabet, such as 0-9A-F").fill("1T")
    visit.draw([DRAWINGS["T"][1]])
    visit.answered("1")
    visit.draw([DRAWINGS["T"][0]])
    visit.answered("T")
    visit.page.get_by_role("button", name="Undo").click()
    visit.answered("1")
    visit.page.get_by_role("button", name="Clear").click()
    visit.answered("")
    assert visit.page.inner_text("#told") == "No ink yet."


def test_a_phone_shows_the_page_without_scrolling_sideways_and_takes_a_finger(browser: Browser, service: str) -> None:
    visit = Visit(browser, service, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    box = visit.page.locator("#board").bounding_box()
    assert box is not None
    session = visit.page.context.new_cdp_session(visit.page)
    visit.page.get_by_label("digits", exact=True).check()
    scale = box["width"] / 260
    for kind, (x, y) in zip(("touchStart", "touchMove", "touchMove"), DRAWINGS["7"][0], strict=True):
        point = {"x": box["x"] + x * scale, "y": box["y"] + y * scale}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visit.answered("7")
    visit.end()


def test_a_service_with_a_token_is_used_by_a_page_that_was_opened_with_it(browser: Browser) -> None:
    with served("--token", "abc") as (address, _):
        visit = Visit(browser, f"{address}/#token=abc")
        visit.page.get_by_label("digits", exact=True).check()
        visit.draw(DRAWINGS["7"])
        visit.answered("7")
        visit.end()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[tuple[str, Precision], str]]]:
    """A service with two models in two precisions, and what each answers to a drawn seven."""
    files = stand_ins(tmp_path_factory.mktemp("models"))
    seven = normalize_strokes(DRAWINGS["7"], 18)
    expected = {key: load(file).answer_image(seven).character for key, file in files.items()}
    with served("--models", *(str(file) for file in files.values())) as (address, _):
        yield address, expected


def marked(visit: Visit) -> str:
    """What the picture of the front says of the choice that is marked in it."""
    return str(visit.page.locator("#front .mark.chosen title").text_content())


def test_model_and_precision_change_the_answer_and_are_marked_in_the_front(
    browser: Browser, models: tuple[str, dict[tuple[str, Precision], str]]
) -> None:
    address, expected = models
    visit = Visit(browser, address)
    page = visit.page
    assert len(set(expected.values())) == 4
    assert page.locator("#front .mark").count() == 4
    visit.draw(DRAWINGS["7"])
    visit.answered(expected["small", "fp32"])
    page.get_by_label("int8", exact=True).check()
    visit.answered(expected["small", "int8"])
    page.get_by_label("Model").select_option("large")
    visit.answered(expected["large", "int8"])
    assert marked(visit).startswith("large int8")
    page.get_by_label("fp32", exact=True).check()
    visit.answered(expected["large", "fp32"])
    assert marked(visit).startswith("large fp32")
    assert "of 9,400 test images right" in page.inner_text("#figures")
    assert "µs an image on this machine" in page.inner_text("#figures")
    visit.end()


def test_a_mark_of_the_front_chooses_its_model(
    browser: Browser, models: tuple[str, dict[tuple[str, Precision], str]]
) -> None:
    address, expected = models
    visit = Visit(browser, address)
    visit.draw(DRAWINGS["7"])
    mark = visit.page.locator("#front .mark", has_text="large int8")
    mark.dispatch_event("click")  # marks may lie on each other
    visit.answered(expected["large", "int8"])
    assert visit.page.get_by_label("Model").input_value() == "large"
    assert visit.page.get_by_label("int8", exact=True).is_checked()
    visit.end()


def focus(visit: Visit, name: str) -> None:
    """Press Tab until what has this id or class is focused."""
    for _ in range(40):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate("name => document.activeElement.matches(`#${name}, [name=${name}]`)", name):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_a_character_is_drawn_with_keys_alone(visit: Visit) -> None:
    keys = visit.page.keyboard
    focus(visit, "own")
    keys.type("17L")
    keys.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "board"
    for key in (*6 * ["ArrowUp"], "ArrowLeft", " ", *12 * ["ArrowDown"], *8 * ["ArrowRight"], " "):
        keys.press(key)
    visit.answered("L")
    keys.press("z")
    visit.answered("")


def test_everything_else_is_used_with_keys_alone(
    browser: Browser, models: tuple[str, dict[tuple[str, Precision], str]]
) -> None:
    address, _ = models
    visit = Visit(browser, address)
    choosers: list[FileChooser] = []
    visit.page.on("filechooser", lambda one: choosers.append(one))  # before it is asked for, or Chromium shows its own
    keys = visit.page.keyboard
    focus(visit, "alphabet")
    keys.press("ArrowRight")
    assert visit.page.get_by_label("digits", exact=True).is_checked()
    focus(visit, "board")
    for key in (" ", *20 * ["ArrowDown"], " "):
        keys.press(key)
    visit.answered("1")
    focus(visit, "clear")
    keys.press("Tab")
    keys.press("Enter")
    for _ in range(200):
        visit.page.wait_for_timeout(0 if choosers else 50)
    assert len(choosers) == 1
    focus(visit, "model")
    keys.press("ArrowUp")
    focus(visit, "precision")
    keys.press("ArrowRight")
    assert visit.page.evaluate("document.activeElement.value") == "int8"
    assert marked(visit).split(":")[0] in ("small int8", "large int8")
    visit.end()


def test_the_board_shows_where_the_pen_of_the_keys_is_when_it_is_reached_by_them(visit: Visit) -> None:
    blank = visit.page.evaluate("document.getElementById('board').toDataURL()")
    focus(visit, "board")
    assert visit.page.evaluate("document.getElementById('board').toDataURL()") != blank


def test_everything_that_takes_the_focus_has_a_name_for_screen_readers(visit: Visit) -> None:
    """Asked of Chromium's own tree of accessibility."""
    tree = visit.page.context.new_cdp_session(visit.page).send("Accessibility.getFullAXTree")["nodes"]
    focusable = [node for node in tree if any(one["name"] == "focusable" for one in node.get("properties", []))]
    names = [node.get("name", {}).get("value", "") for node in focusable if node["role"]["value"] != "RootWebArea"]
    assert len(names) > 12
    assert all(names), [node["role"]["value"] for node in focusable]
    assert visit.page.locator("#told").get_attribute("aria-live") == "polite"


CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const linear = (n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = parts(colour).map((n) => linear(n / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
  };
  const found = {};
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || one.closest("svg")) continue;
    const tones = [getComputedStyle(one).color, paper(one)].map(luminance).sort((a, b) => b - a);
    found[one.outerHTML.slice(0, 80)] = (tones[0] + 0.05) / (tones[1] + 0.05);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground_as_wcag_asks(browser: Browser, service: str, scheme: str) -> None:
    """4.5 to 1: WCAG 2.2, success criterion 1.4.3."""
    visit = Visit(browser, service, color_scheme=scheme)
    visit.draw(DRAWINGS["7"])
    visit.page.wait_for_selector("#bars li")
    contrasts = visit.page.evaluate(CONTRASTS)
    assert len(contrasts) > 15
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
    dark = visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"
    assert dark == (scheme == "dark")
    visit.end()
