"""Verbs for those who have pictures; none of them needs torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

from tyro.conf import FlagCreatePairsOff, Positional

from glyphfront.cli.answer import Json, print_json, print_json_fault, told
from glyphfront.errors import GlyphfrontError
from glyphfront.ship import DEFAULT

if TYPE_CHECKING:
    from glyphfront.picture.read import Pixels
    from glyphfront.ship.reader import Page

_MOST_ALIKE = 6  # so many look-alikes of a page are named


def recognize(
    pictures: Positional[tuple[Path, ...]],
    model: str = DEFAULT,
    alphabet: str | None = None,
    top: int = 1,
    least: float = 0.0,
    any_orientation: bool = False,
    json: Json = False,
) -> int:
    """Print the character on each picture, with the model's confidence; ? where it is not one character.

    Example: glyphfront recognize scan.png --alphabet digits --top 3

    Args:
        pictures: image files with a single character on each, folders of such files, or - for standard input.
        model: a shipped name, an .onnx with its card, or the folder of a run. On one picture the default's
            time is nothing beside that of reading it, and the larger glyphnet-l is not better beyond chance.
        alphabet: characters there can be: digits, upper, lower, letters, 0-9A-F, any characters; + joins several.
        top: how many guesses to print.
        least: answer ? below this confidence, from 0 to 1.
        any_orientation: the picture may be turned by quarters, and tilted; as it stands it counts four times.
        json: an object for machines a picture, each on a line (docs/json.md).
    """
    if not pictures:
        raise GlyphfrontError("no picture given; see glyphfront recognize --help")
    if top < 1:
        raise GlyphfrontError(f"--top must be at least 1, got {top}")
    if not 0 <= least <= 1:
        raise GlyphfrontError(f"--least must be from 0 to 1, got {least:g}")
    from glyphfront.ship.recognizer import load

    recognizer = load(model)
    recognizer.alphabet(alphabet)
    status, number, transposed, turned = 0, 0, list[str](), list[str]()
    for picture, page in _pages(pictures):
        try:
            if isinstance(page, GlyphfrontError):
                raise page
            answer = recognizer.answer(page, top, alphabet, least=least, any_orientation=any_orientation)
        except GlyphfrontError as error:  # the other pictures still count
            status = 2
            _tell(str(error) if page is error else f"{picture}: {error}", picture, json)
            continue
        number += 1
        for other, told_so in ((answer.transposed, transposed), (answer.turned, turned)):
            if other:
                told_so.append(f"{picture}: {other.character} {other.probability:.0%}")
        if json:
            print_json(**told(picture, answer))
            continue
        words = [f"{g.character} {g.probability:.1%}" for g in answer.predictions]
        if answer.reason:
            words = ["?", f"({answer.reason})", *(words if top > 1 else ())]
        elif answer.alike:
            words.append(f"(or {', '.join(answer.alike)})")
        print(f"{picture}  " + "  ".join(words))
    if note := _how_they_stand(transposed, turned, number):
        print(f"glyphfront: note: {note}", file=sys.stderr)
    return status


def _how_they_stand(transposed: list[str], turned: list[str], number: int) -> str | None:
    """What to do about so many of a number of pictures that look transposed or turned; None where they are few."""
    least = min(number, max(2, number / 20))
    # of pictures that are turned, one in fifteen looks transposed; of transposed ones, half look turned
    if transposed and len(transposed) >= max(least, len(turned) / 2):
        return (
            f"{len(transposed)} of {number} pictures look transposed, as torchvision gives EMNIST ({transposed[0]}); "
            "exchange their rows and columns first"
        )
    if turned and len(turned) >= least:
        return f"{len(turned)} of {number} pictures look turned ({turned[0]}); try --any-orientation"
    return None


def read(
    picture: Positional[Path],
    model: str = DEFAULT,
    alphabet: str | None = None,
    grid: str | None = None,
    boxes: Annotated[bool, FlagCreatePairsOff] = False,
    fields: Path | None = None,
    any_orientation: bool = False,
    overlay: Path | None = None,
    json: Json = False,
) -> int:
    """Print the text of characters that stand apart on a page: lines of words, the cells of a grid, boxes of a form.

    Example: glyphfront read sudoku.jpg --grid 9x9 --alphabet digits

    Args:
        picture: an image file, every page of which is read; a folder of such files; or - for standard input.
        model: a shipped name, an .onnx with its card, or the folder of a run. On one picture the default's
            time is nothing beside that of reading it, and the larger glyphnet-l is not better beyond chance.
        alphabet: characters there can be: digits, upper, lower, letters, 0-9A-F, any characters; + joins several.
        grid: rows and columns of the grid on the picture, such as 9x9.
        boxes: the page is a form with a box, or a place of a comb, for each character.
        fields: a JSON file of fields with alphabets of their own (docs/pictures.md); prints a line for each.
        any_orientation: the page may be turned by quarters.
        overlay: also draw what was found on the one page into this PNG file.
        json: an object for machines, on one line (docs/json.md).
    """
    import re

    cells = re.fullmatch(r"(\d{1,4})x(\d{1,4})", grid or "")
    if grid is not None and cells is None:
        raise GlyphfrontError(f"--grid {grid}: give rows and columns, such as 9x9")
    if grid is not None and boxes:
        raise GlyphfrontError("--grid and --boxes: give one of them")
    if overlay is not None and overlay.suffix.lower() != ".png":
        raise GlyphfrontError(f"--overlay {overlay}: it is written as PNG; give a name that ends in .png")
    if overlay is not None and overlay.is_dir():
        raise GlyphfrontError(f"--overlay {overlay}: this is a folder; give the name of a file in it")
    from glyphfront.files import write_atomically
    from glyphfront.picture.read import pictures_in
    from glyphfront.ship.fields import load_fields
    from glyphfront.ship.reader import draw_overlay, read_page
    from glyphfront.ship.recognizer import load

    if overlay is not None and overlay.exists():
        given = [picture] if picture.exists() else []
        given = pictures_in(picture) if picture.is_dir() else given
        if any(overlay.samefile(file) for file in given) or (str(picture) == "-" and _is_standard_input(overlay)):
            raise GlyphfrontError(f"--overlay {overlay}: this is the picture itself; give another name")
    size = (int(cells[1]), int(cells[2])) if cells else None
    known = load_fields(fields) if fields is not None else ()
    recognizer = load(model)
    recognizer.alphabet(alphabet)
    found, status = _pages((picture,)), 0
    first, second = next(found), next(found, None)
    if second is not None and overlay is not None:
        raise GlyphfrontError(f"{picture}: more than one page; --overlay draws a single one")
    for name, pixels in (first,) if second is None else chain((first, second), found):
        try:
            if isinstance(pixels, GlyphfrontError):
                raise pixels
            page = read_page(
                recognizer, pixels, alphabet, size, boxes=boxes, fields=known, any_orientation=any_orientation
            )
        except GlyphfrontError as error:  # the other pages still count
            status = 2
            _tell(str(error) if pixels is error else f"{name}: {error}", name, json)
            continue
        if overlay is not None:
            drawn = draw_overlay(pixels, page)
            write_atomically(overlay, partial(_write, drawn))
        if json:
            print_json(picture=name, text=page.text, lines=page.lines, note=page.note, fields=page.fields)
            continue
        if second is not None:
            print(f"{name}:")
        _print_page(page)
    return status


def _is_standard_input(path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stdin.fileno()), path.stat())
    except (OSError, ValueError):  # closed, or no file
        return False


def _print_page(page: Page) -> None:
    """The text of a page, and on stderr what a reader of it should know."""
    for field in page.fields:
        print(f"{field.name}: " + field.text.replace("\n", " "))
    if not page.fields:
        print(page.text)
    said = (
        f"{c.character} in line {number} may be {', '.join(c.alike)}"
        for number, line in enumerate(page.lines, 1)
        for c in line.characters
        if c is not None and c.alike
    )
    alike = list(dict.fromkeys(said))
    if alike:
        more = f"; {len(alike) - _MOST_ALIKE} more" if len(alike) > _MOST_ALIKE else ""
        told = "; ".join(alike[:_MOST_ALIKE]) + more
        print(f"glyphfront: note: look-alikes: {told}; a narrower --alphabet tells which", file=sys.stderr)
    if page.note:
        print(f"glyphfront: note: {page.note}", file=sys.stderr)


def _tell(fault: str, picture: str, json: bool) -> None:
    """What keeps one picture of several from its answer."""
    if json:
        print_json_fault(fault, picture=picture)
    else:
        print(f"glyphfront: {fault}", file=sys.stderr)


def _pages(given: tuple[Path, ...]) -> Iterator[tuple[str, Pixels | GlyphfrontError]]:
    """A name and the pixels of each page of each picture, or the fault that keeps them from being read."""
    from glyphfront.picture.read import pages, pictures_in, shortened

    if [str(path) for path in given].count("-") > 1:
        raise GlyphfrontError("standard input is given twice; give - once")
    for path in given:
        try:
            files: list[Path | BinaryIO] = [sys.stdin.buffer] if str(path) == "-" else [path]
            if path.is_dir():
                files = [*pictures_in(path)]
        except GlyphfrontError as error:
            yield shortened(str(path)), error
            continue
        except OSError as error:  # a name that is too long, or may not be looked at
            yield shortened(str(path)), GlyphfrontError(f"{shortened(str(path))}: cannot be read ({error.strerror})")
            continue
        for file in files:
            name, number = shortened(str(file)) if isinstance(file, Path) else "-", 0
            try:
                found = pages(file)
                first, second = next(found), next(found, None)
                if second is None:
                    yield name, first
                    continue
                for number, page in enumerate(chain((first, second), found), 1):
                    yield f"{name} page {number}", page
            except GlyphfrontError as error:
                yield f"{name} page {number + 1}" if number else name, error


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
