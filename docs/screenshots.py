"""The pictures of the page in the documents: python docs/screenshots.py, after a change of the page or of the models.

It needs Chromium and the packages of glyphfront[serve,dev].
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from browsing import Visit, chromium  # noqa: E402
from serving import served  # noqa: E402

SEVEN = [[(70, 65), (130, 55), (188, 62), (142, 130), (118, 210)]]
COMPUTER = {"viewport": {"width": 1280, "height": 820}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}


def main() -> None:
    """Draw a seven on a computer and on a phone."""
    with served() as (address, _), chromium() as browser:
        for name, context in (("page-1280.png", COMPUTER), ("page-390.png", PHONE)):
            visit = Visit(browser, address, **context)
            visit.page.get_by_label("digits", exact=True).check()
            visit.draw(SEVEN)
            visit.answered("7")
            visit.page.evaluate("scrollTo(0, 0)")
            visit.page.screenshot(path=HERE / name)
            visit.end()


if __name__ == "__main__":
    main()
