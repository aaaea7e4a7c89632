"""Chromium on a page of the service, for the tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
_ALONE = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that asks for nothing by itself."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=_ALONE)
        yield found
        found.close()


class Visit:
    """A page that was opened, what it asked for, and what it complained of."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.page: Page = browser.new_page(**{"viewport": {"width": 1280, "height": 860}, **context})
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.address = address.partition("#")[0].rstrip("/")
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def draw(self, strokes: list[list[tuple[int, int]]]) -> None:
        """With the mouse; points on a board of 260."""
        self.page.locator("#board").scroll_into_view_if_needed()
        box = self.page.locator("#board").bounding_box()
        assert box is not None
        mouse, scale = self.page.mouse, box["width"] / 260
        for stroke in strokes:
            places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke]
            mouse.move(*places[0])
            mouse.down()
            for place in places[1:]:
                mouse.move(*place, steps=6)
            mouse.up()

    def answered(self, text: str) -> None:
        """Wait until this is the answer."""
        # no wait_for_function: a page with a content security policy refuses the code that it polls with
        expect(self.page.locator("html")).to_have_attribute("data-answer", text, timeout=20_000)

    def end(self) -> None:
        """Close the page, which must have been silent, and must have asked its own host alone."""
        assert self.complaints == []
        assert all(url.startswith((self.address, "data:", "blob:")) for url in self.asked)
        self.page.close()
