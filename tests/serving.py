"""A service in a process of its own, and pictures to send it; for the tests of glyphfront serve."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from glyphfront import load
from glyphfront.result import Precision
from glyphfront.ship.card import save_card

DRAWINGS = {
    "7": [[(60, 60), (180, 60), (110, 210)]],
    "1": [[(120, 40), (120, 220)]],
    "L": [[(80, 40), (80, 210), (180, 210)]],
    "T": [[(50, 50), (200, 50)], [(125, 50), (125, 210)]],
    "4": [[(90, 40), (70, 130), (190, 130)], [(160, 40), (150, 220)]],
    "Z": [[(60, 50), (180, 50), (60, 200), (185, 200)]],
    "V": [[(60, 50), (120, 210), (180, 50)]],
    "2": [[(70, 90), (90, 55), (140, 45), (170, 75), (160, 110), (70, 205), (185, 205)]],
}
"""Strokes of characters, points (x, y) on a board of 260 by 260."""


def picture(character: str, width: int = 18) -> bytes:
    """A PNG file of one of `DRAWINGS`, dark on light."""
    return encoded(drawing(character, width))


def drawing(character: str, width: int = 18) -> Image.Image:
    """One of `DRAWINGS`, dark on light."""
    return drawing_of(DRAWINGS[character], width)


def side_by_side(characters: str) -> list[list[tuple[int, int]]]:
    """Strokes of several of `DRAWINGS`, 200 apart."""
    return [[(x + 200 * n, y) for x, y in stroke] for n, c in enumerate(characters) for stroke in DRAWINGS[c]]


def drawing_of(strokes: list[list[tuple[int, int]]], width: int = 18) -> Image.Image:
    """Strokes on a page as high as the board of `DRAWINGS`, and as wide or wider, dark on light."""
    page = Image.new("L", (max(60 + max(x for stroke in strokes for x, _ in stroke), 260), 260), 245)
    pen = ImageDraw.Draw(page)
    for stroke in strokes:
        pen.line(stroke, fill=20, width=width)
        for x, y in stroke:  # a round pen
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=20)
    return page


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """The bytes of a file with an image."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def stand_ins(folder: Path) -> dict[tuple[str, Precision], Path]:
    """Files of two models in two precisions: the shipped glyphnet-s, whose classes are turned by a number each.

    So each of the four gives another answer to the same picture: `folder`/small, /small.int8, /large, /large.int8.
    """
    shipped, files = load("glyphnet-s", precision="fp32"), {}
    kinds: list[tuple[str, Precision]] = [("small", "fp32"), ("small", "int8"), ("large", "fp32"), ("large", "int8")]
    for turn, (name, precision) in enumerate(kinds):
        file = folder / f"{name}{'.int8' if precision == 'int8' else ''}.onnx"
        shutil.copyfile(shipped.path, file)
        classes = (*shipped.classes[turn:], *shipped.classes[:turn])
        card = replace(shipped.card, name=name, precision=precision, classes=classes, seen=None)
        macs = card.macs * (2 if name == "large" else 1)
        save_card(replace(card, macs=macs), file)
        files[name, precision] = file
    return files


@contextmanager
def served(*flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`glyphfront serve` on a free port: its address without a slash at the end, and its process, ended at the end."""
    command = [sys.executable, "-m", "glyphfront", "serve", "--port", "0", *flags]
    environment = {key: value for key, value in os.environ.items() if key != "GLYPHFRONT_TOKEN"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("glyphfront: http://"), process.stderr.read()
        yield line.split()[1].rstrip("/"), process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()
