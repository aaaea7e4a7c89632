"""Pictures that are given to the page in Chromium: from a file, the clipboard, the mouse, a camera."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("playwright")
import requests
from playwright.sync_api import Browser, Route, expect

from browsing import CHROMIUM, Visit, chromium
from serving import DRAWINGS, drawing, encoded, picture, served
from test_reader import form_of, grid_of

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
    visit = Visit(browser, service, permissions=["clipboard-read", "clipboard-write"])
    visit.page.get_by_label("digits", exact=True).check()
    yield visit
    visit.end()


def sheet() -> Image.Image:
    """A page with a seven and a four."""
    page = Image.new("L", (560, 260), 245)
    page.paste(drawing("7"), (0, 0))
    page.paste(drawing("4"), (280, 0))
    return page


def give(visit: Visit, content: bytes, kind: str = "image/png", field: str = "#file") -> None:
    visit.page.set_input_files(field, {"name": "given", "mimeType": kind, "buffer": content})


def test_a_picture_from_a_file_is_answered(visit: Visit) -> None:
    give(visit, picture("4"))
    visit.answered("4")
    assert visit.page.locator("#photo").is_visible()
    visit.page.get_by_role("button", name="Clear").click()
    assert visit.page.locator("#board").is_visible()


def test_an_earlier_answer_goes_while_the_next_picture_is_read(visit: Visit) -> None:
    give(visit, picture("4"))
    visit.answered("4")
    held: list[Route] = []
    visit.page.route("**/v1/recognize*", lambda route: held.append(route))
    give(visit, picture("7"))
    visit.page.get_by_text("Reading…").wait_for()
    assert visit.page.inner_text("#character").strip() == ""
    assert visit.page.locator("#bars li").count() == 0
    held[0].continue_()
    visit.answered("7")


def test_a_picture_of_several_characters_is_doubted_and_read_as_a_page_at_a_touch(visit: Visit) -> None:
    give(visit, encoded(sheet()))
    visit.answered("?")
    assert "2 parts side by side" in visit.page.inner_text("#told")
    visit.page.get_by_role("button", name="Read it as a page").click()
    visit.answered("74")
    visit.page.wait_for_selector("#lines:focus")  # whoever uses keys goes on at the text
    assert visit.page.locator("#boxes span").count() == 2
    visit.page.get_by_label("The picture is").select_option("one character")
    visit.answered("?")
    assert visit.page.locator("#boxes span").count() == 0


def forget_refusals(visit: Visit) -> None:
    """Chromium itself notes every answer of 422 in the console; nothing else may stand there."""
    assert visit.complaints
    assert all("status of 422" in one for one in visit.complaints)
    visit.complaints.clear()


def test_a_grid_is_read_by_its_rows_and_columns(visit: Visit) -> None:
    give(visit, encoded(Image.fromarray(grid_of(["47..", ".77.", "...4"]))))
    kind, rows, columns = (visit.page.get_by_label(name) for name in ("The picture is", "of rows", "and columns"))
    assert not rows.is_visible()
    kind.select_option("a grid of cells")
    visit.page.get_by_text("seems to have 3 rows and 4 columns, not 9").wait_for()
    rows.fill("")
    visit.page.get_by_text("Give rows and columns").wait_for()
    rows.fill("3")
    columns.fill("4")
    visit.answered("47..\n.77.\n...4")
    forget_refusals(visit)
    kind.select_option("lines of words")
    assert not rows.is_visible()


def test_the_boxes_of_a_form_are_read_and_its_fields_under_their_alphabets(visit: Visit) -> None:
    give(visit, encoded(Image.fromarray(form_of(["O47.", "N744"]))))
    visit.page.get_by_label("all", exact=True).check()
    assert not visit.page.get_by_text("Fields with alphabets").is_visible()
    visit.page.get_by_label("The picture is").select_option("a form with boxes")
    expect(visit.page.locator("#boxes > span")).to_have_count(7, timeout=20_000)
    visit.page.get_by_text("Fields with alphabets").click()
    fields = visit.page.get_by_label("JSON by name")
    fields.fill("{")
    visit.page.get_by_text("no JSON").wait_for()
    fields.fill('{"letter": {"alphabet": "upper", "column": 1}, "number": {"alphabet": "digits", "column": [2, 4]}}')
    expect(visit.page.get_by_label("Text")).to_have_value("letter: O N\nnumber: 47 744", timeout=20_000)
    forget_refusals(visit)


def test_boxes_lie_over_their_characters_on_a_photo_that_is_turned_by_its_exif(visit: Visit) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    sheet().rotate(90, expand=True).save(buffer, "JPEG", exif=exif)
    give(visit, buffer.getvalue(), "image/jpeg")
    visit.page.get_by_label("The picture is").select_option("lines of words")
    visit.answered("74")
    photo = visit.page.locator("#photo").bounding_box()
    boxes = [box.bounding_box() for box in visit.page.locator("#boxes > span").all()]
    assert photo is not None
    assert photo["width"] > 2 * photo["height"]
    for box, (left, right) in zip(boxes, ((50, 190), (340, 480)), strict=True):
        assert box is not None
        scale = photo["width"] / 560
        assert box["x"] - photo["x"] == pytest.approx(left * scale, abs=12 * scale)
        assert box["x"] + box["width"] - photo["x"] == pytest.approx(right * scale, abs=16 * scale)


def test_a_picture_is_pasted_from_the_clipboard(visit: Visit) -> None:
    visit.page.evaluate(
        "(data) => { const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));"
        " const image = new Blob([bytes], {type: 'image/png'});"
        " return navigator.clipboard.write([new ClipboardItem({'image/png': image})]); }",
        base64.b64encode(picture("4")).decode(),
    )
    visit.page.keyboard.press("Control+V")
    visit.answered("4")
    assert visit.page.locator("#photo").is_visible()


def test_text_is_pasted_into_its_field(visit: Visit) -> None:
    visit.draw(DRAWINGS["2"])
    visit.page.evaluate("navigator.clipboard.writeText('XYZ')")
    visit.page.get_by_label("Own alphabet, such as 0-9A-F").focus()
    visit.page.keyboard.press("Control+V")
    visit.answered("Z")
    assert not visit.page.get_by_label("digits", exact=True).is_checked()


def drop(visit: Visit, files: list[bytes], text: str = "") -> dict[str, bool]:
    """Drag files or text over the page and let them go; whether the page took each event for itself."""
    return dict(
        visit.page.evaluate(
            """([files, text]) => {
              const transfer = new DataTransfer(), taken = {};
              for (const data of files) {
                const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
                transfer.items.add(new File([bytes], "a.png", {type: "image/png"}));
              }
              if (text) transfer.setData("text/plain", text);
              for (const type of ["dragover", "drop"]) {
                const event = new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true});
                document.body.dispatchEvent(event);
                taken[type] = event.defaultPrevented;
              }
              return taken;
            }""",
            [[base64.b64encode(file).decode() for file in files], text],
        )
    )


def test_a_picture_is_dropped_on_the_page(visit: Visit) -> None:
    assert drop(visit, [picture("4")]) == {"dragover": True, "drop": True}
    visit.answered("4")
    assert not visit.page.locator(".surface.over").count()


def test_dropped_text_is_left_to_its_field(visit: Visit) -> None:
    assert drop(visit, [], "7") == {"dragover": False, "drop": False}
    assert visit.page.locator("#board").is_visible()


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_the_text_of_a_page_is_copied(browser: Browser, service: str, secure: bool) -> None:
    """Over plain HTTP from another machine a page has no clipboard to write to, and copies as a key would."""
    visit = Visit(browser, service, permissions=["clipboard-read", "clipboard-write"])
    visit.page.get_by_label("digits", exact=True).check()
    give(visit, encoded(sheet()))
    visit.page.get_by_role("button", name="Read it as a page").click()
    visit.answered("74")
    visit.page.wait_for_selector("#lines:focus")  # whoever uses keys goes on at the text
    visit.page.evaluate("navigator.clipboard.writeText('before')")
    if not secure:
        visit.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    visit.page.get_by_role("button", name="Copy").click()
    expect(visit.page.locator("#copied")).to_have_text("Copied.", timeout=20_000)
    visit.page.get_by_role("button", name="Clear").click()
    visit.page.get_by_label("Own alphabet, such as 0-9A-F").focus()
    visit.page.keyboard.press("Control+V")
    assert visit.page.get_by_label("Own alphabet, such as 0-9A-F").input_value() == "74"
    visit.end()


def test_a_phone_offers_its_camera(browser: Browser, service: str) -> None:
    visit = Visit(browser, service, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visit.page.get_by_label("digits", exact=True).check()
    assert visit.page.get_by_text("Photo…").is_visible()
    assert visit.page.locator("#camera").get_attribute("capture") == "environment"
    photo = Image.new("RGB", (3000, 4000), (214, 208, 196))
    photo.paste(drawing("4", 22).resize((1500, 1500)), (700, 1200))
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG")
    give(visit, buffer.getvalue(), "image/jpeg", "#camera")
    visit.answered("4")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    visit.end()


def test_a_computer_without_a_touch_screen_offers_none(visit: Visit) -> None:
    assert not visit.page.get_by_text("Photo…").is_visible()


def test_a_photo_of_too_many_pixels_is_made_smaller_before_it_is_sent(visit: Visit, service: str) -> None:
    """The service takes 40 million pixels, a phone's photo may have 50."""
    noise = np.random.default_rng(0).integers(0, 60, (700, 800), np.uint8)
    photo = Image.fromarray(255 - noise).resize((8000, 7000))
    photo.paste(drawing("4", 22).resize((4000, 4000)), (2000, 1500))
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=80)
    assert len(buffer.getvalue()) > 2e6
    assert requests.post(f"{service}/v1/recognize", data=buffer.getvalue()).status_code == 413
    give(visit, buffer.getvalue(), "image/jpeg")
    visit.answered("4")


def transparent(side: int) -> Image.Image:
    """A black four on nothing, some of which is colours that nobody sees, so that a large one is a large file."""
    ink = np.asarray(drawing("4", 22).resize((side, side))) < 128
    gray = np.zeros((side, side), np.uint8)
    gray[: side // 8] = np.random.default_rng(0).integers(0, 256, (side // 8, side))
    return Image.fromarray(np.stack([np.where(ink, 0, gray), np.where(ink, 255, 0)], axis=-1).astype(np.uint8), "LA")


def test_a_picture_on_nothing_stays_so_where_it_is_made_smaller(visit: Visit) -> None:
    large = encoded(transparent(4200))
    assert len(large) > 2e6
    give(visit, large)
    visit.answered("4")


def test_a_picture_on_nothing_stays_so_where_only_the_browser_knows_its_kind(visit: Visit) -> None:
    give(visit, encoded(transparent(256).convert("RGBA"), "ICO"), "image/x-icon")
    visit.answered("4")


def test_a_file_that_is_no_picture_is_told_in_words(browser: Browser, service: str) -> None:
    visit = Visit(browser, service)
    give(visit, b"no picture", "text/plain")
    visit.page.wait_for_selector("#told.fault")
    assert "not a readable picture" in visit.page.inner_text("#told")
    visit.page.close()
