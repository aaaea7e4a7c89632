"""One document renders to HTML, Markdown and the terminal; each is read back with a parser that is not ours."""

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from glyphfront.report.document import (
    PALETTE,
    Document,
    Item,
    PageFigure,
    Section,
    Table,
    markdown_table,
    render_html,
    render_markdown,
    render_terminal,
)

TABLE = Table(("run", "note", "accuracy, %"), (("a|b", "<i>", "89.52"), ("c", "[red]", "7.10")), 2, frozenset({1}))
SVG = (
    '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">'
    '<path id="m1" stroke="#0072b2"/><use href="#m1"/></svg>'
)
DOCUMENT = Document(
    "A & B",
    (
        Section("Within 100 µs", ("Take it.",), facts=(("accuracy", "89.52 %", "of 10 images"),)),
        Section(
            "Numbers",
            ("First.",),
            (
                Item("Open", TABLE, notes=("Below.",)),
                Item("Closed", TABLE, folded=True),
                Item("Drawn", figure=PageFigure("one.svg", SVG, "One line")),
                Item("To copy", code=('{"a": "<b>"}',)),
            ),
        ),
    ),
)


class _Reader(HTMLParser):
    """Cells of tables, whether each stands in <details>, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[tuple[str, bool, bool]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "path", "use", "link"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append(("", dict(attrs).get("class") == "number", "details" in self.open))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1:] in (["td"], ["th"]):
            text, *rest = self.cells.pop()
            self.cells.append((text + data, *rest))


def _printed(document: Document, width: int) -> str:
    out = io.StringIO()
    render_terminal(document, Console(file=out, width=width, force_terminal=True, color_system=None))
    return out.getvalue()


def test_html_shows_every_cell_as_it_is_and_numbers_flush_right() -> None:
    cells = _Reader(render_html(DOCUMENT)).cells
    first = ["run", "note", "accuracy, %", "a|b", "<i>", "89.52", "c", "[red]", "7.10"]
    assert [text for text, *_ in cells] == 2 * first
    assert [text for text, number, _ in cells[:9] if number] == ["accuracy, %", "89.52", "7.10"]


def test_folded_items_stand_in_details_and_others_do_not() -> None:
    assert [folded for *_, folded in _Reader(render_html(DOCUMENT)).cells] == 9 * [False] + 9 * [True]
    markdown = render_markdown(DOCUMENT)
    inside = re.findall(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", markdown, re.DOTALL)
    assert inside == [("Closed", markdown_table(TABLE))]


def test_html_needs_no_other_file_and_takes_the_colours_of_the_page() -> None:
    page = render_html(DOCUMENT)
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert 'stroke="var(--blue)"' in page
    assert 'id="one-m1"' in page
    assert 'href="#one-m1"' in page


def test_every_colour_of_the_palette_is_a_variable_of_the_page_in_light_and_in_dark() -> None:
    page = render_html(DOCUMENT)
    for name in PALETTE:
        assert len(re.findall(rf"--{name}: #", page)) == 2


def test_markdown_escapes_what_would_be_markup() -> None:
    lines = markdown_table(TABLE).splitlines()
    assert lines[1:] == ["| --- | --- | ---: |", r"| a\|b | \<i\> | 89.52 |", r"| **c** | **\[red\]** | **7.10** |"]


def test_markdown_names_the_file_of_a_figure() -> None:
    assert "![One line](one.svg)" in render_markdown(DOCUMENT)


def test_terminal_shows_every_cell_and_no_line_is_wider_than_it() -> None:
    printed = _printed(DOCUMENT, 60)
    for cell in ("a|b", "<i>", "[red]", "89.52", "Within 100 µs", "Below.", "One line: one.svg", '{"a": "<b>"}'):
        assert cell in printed
    assert max(map(len, printed.splitlines())) <= 60


@pytest.mark.parametrize("width", [30, 200])
def test_numbers_stand_flush_right_in_the_terminal(width: int) -> None:
    lines = [line.rstrip() for line in _printed(DOCUMENT, width).splitlines()]
    ends = [len(line) for line in lines if line.endswith(("89.52", "7.10"))]
    assert len(ends) == 4
    assert len(set(ends)) == 1


def test_a_document_without_titles_prints_its_tables_alone() -> None:
    printed = _printed(Document("", (Section(items=(Item(table=TABLE),)),)), 60)
    assert printed.splitlines()[0].split() == ["run", "note", "accuracy,", "%"]
