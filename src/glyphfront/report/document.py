"""One document of sections, tables and figures, and its three renderings: HTML, Markdown and the terminal.

Everything that shows a table goes through here. A document knows nothing of what it shows; `glyphfront.report.page`
and the commands make them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PALETTE = {
    "ink": "#1f2328",
    "muted": "#656d76",
    "faint": "#afb8c1",
    "grid": "#e3e6ea",
    "paper": "#ffffff",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "green": "#009e73",
    "purple": "#cc79a7",
    "orange": "#e69f00",
    "sky": "#56b4e9",
}
"""Colours that figures are drawn with, by the name of the variable that stands for them in an HTML page (style.css).
Those that tell lines apart are Okabe and Ito's (https://jfly.uni-koeln.de/color/)."""

_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True)
class Table:
    """Cells as they are read."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    """This many columns from the left are text; the others are numbers and stand flush right."""
    strong: frozenset[int] = frozenset()
    """Rows to set in bold."""


@dataclass(frozen=True)
class PageFigure:
    """One figure: inline in HTML, a file beside Markdown."""

    file: str
    """Its name, ending in .svg."""
    svg: str
    alt: str
    """What it shows, for those who do not see it."""


@dataclass(frozen=True)
class Item:
    """A table, a figure or lines to copy, and what is to be said below it."""

    caption: str = ""
    table: Table | None = None
    figure: PageFigure | None = None
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    """Lines that are to be copied as they are."""
    folded: bool = False
    """Shown only when a reader opens it, by its caption."""


@dataclass(frozen=True)
class Section:
    """A heading, what is said first, and its tables and figures."""

    title: str = ""
    before: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    facts: tuple[tuple[str, str, str], ...] = ()
    """Name, value and remark of the few figures that are set large; a section with such stands out."""


@dataclass(frozen=True)
class Document:
    """What a page, a file or a terminal shows."""

    title: str
    sections: tuple[Section, ...]

    @property
    def figures(self) -> list[PageFigure]:
        """All of them, in order."""
        return [item.figure for section in self.sections for item in section.items if item.figure]


def render_html(document: Document) -> str:
    """One page that needs no other file."""
    import jinja2  # an extra: terminals do without

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"tight": _tight, "inline": _inline}
    return environment.get_template("document.html").render(document=document) + "\n"


def _tight(text: str) -> str:
    """No line break between a number and its unit."""
    return re.sub(r"(?<=\d) (?=[%µ×])|(?<=×) ", "\u00a0", text)


def _inline(figure: PageFigure) -> str:
    """For inside a page: only ids that are referred to, unique there; the page's colours; no declarations."""
    from markupsafe import Markup

    svg = figure.svg[figure.svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    prefix = figure.file.removesuffix(".svg")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{prefix}-", svg)
    names = {colour: name for name, colour in PALETTE.items()}
    svg = re.sub("|".join(names), lambda m: f"var(--{names[m[0]]})", svg)
    wide = re.search(r'<svg[^>]*\bwidth="([\d.]+)pt"', svg)  # text must neither shrink until illegible nor grow huge
    style = f' style="min-width:{0.9 * float(wide[1]):.0f}px;max-width:{1.42 * float(wide[1]):.0f}px"' if wide else ""
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{Markup.escape(figure.alt)}"{style}', 1))


def render_markdown(document: Document) -> str:
    """GitHub-flavoured Markdown; its figures are files beside it."""
    blocks = [f"# {escape_markdown(document.title)}"] if document.title else []
    for section in document.sections:
        blocks += [f"## {escape_markdown(section.title)}"] if section.title else []
        facts = [f"- {escape_markdown(n)}: **{escape_markdown(v)}**, {escape_markdown(m)}" for n, v, m in section.facts]
        blocks += ["\n".join(facts)] if facts else []
        blocks += [escape_markdown(line) for line in section.before]
        for item in section.items:
            blocks += _markdown_item(item)
    return "\n\n".join(blocks) + "\n"


def _markdown_item(item: Item) -> list[str]:
    caption = escape_markdown(item.caption)
    blocks = [f"### {caption}"] if caption and not item.folded else []
    if item.figure:
        blocks.append(f"![{escape_markdown(item.figure.alt)}]({item.figure.file})")
    if item.table:
        blocks.append(markdown_table(item.table))
    if item.code:
        blocks.append("\n".join(("```", *item.code, "```")))
    blocks += [escape_markdown(note) for note in item.notes]
    return [f"<details><summary>{caption}</summary>", *blocks, "</details>"] if item.folded else blocks


def markdown_table(table: Table) -> str:
    """A GitHub-flavoured Markdown table, without a newline at its end."""
    rule = ["---" if i < table.text_columns else "---:" for i in range(len(table.header))]
    lines = [[escape_markdown(cell) for cell in table.header], rule]
    for number, row in enumerate(table.rows):
        cells = [escape_markdown(cell) for cell in row]
        lines.append([f"**{cell}**" for cell in cells] if number in table.strong else cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_markdown(text: str) -> str:
    """`text` so that Markdown shows it as it is, inside a table too."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def render_terminal(document: Document, console: Console) -> None:
    """Print `document` as wide as `console` is; of a figure the file's name, and nothing is folded."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style), soft_wrap=not console.is_terminal)

    if document.title:
        say(document.title, "bold")
    for section in document.sections:
        if section.title:
            say(f"\n{section.title}", "bold")
        for name, value, more in section.facts:
            console.print(Text(f"{name}: "), Text(value, "bold"), Text(f", {more}" if more else ""), sep="")
        for line in section.before:
            say(line)
        for item in section.items:
            if item.caption:
                say(f"\n{item.caption}", "bold")
            if item.figure:
                say(f"{item.figure.alt}: {item.figure.file}", "dim")
            if item.table:
                grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
                for number, cell in enumerate(item.table.header):
                    numeric = number >= item.table.text_columns
                    grid.add_column(Text(cell), justify="right" if numeric else "left", overflow="fold")
                for number, row in enumerate(item.table.rows):
                    style = "bold" if number in item.table.strong else ""
                    grid.add_row(*(Text(cell) for cell in row), style=style)
                console.print(grid)
            for line in item.code:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            for note in item.notes:
                say(note, "dim")
