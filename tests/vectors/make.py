"""Make the test vectors again: python tests/vectors/make.py, after a change of normalisation or of the shipped model.

Drawings are glyphs of the Hershey fonts, of which the built-in strokes are made; docs/product.md says how to use them.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
from HersheyFonts import HersheyFonts
from PIL import Image, ImageDraw

import glyphfront
from glyphfront.picture.digital_ink import normalize_strokes

HERE = Path(__file__).parent
CHARACTERS = "0123456789ABDEGHKMQRSTWZabdefghnqrt"
MODEL = "glyphnet-s"
LOOKS = {  # paper, ink, width of the pen
    "dark-on-light": ((245, 244, 240), (30, 34, 60), 16),
    "light-on-dark": ((18, 40, 28), (235, 235, 225), 12),
    "thin-red": ((255, 255, 255), (200, 20, 30), 5),
}

Strokes = list[list[list[float]]]


def strokes_of(character: str) -> Strokes:
    """Points on a board of 240 by 240, x to the right and y down."""
    fonts = HersheyFonts()
    fonts.load_default_font("futural")
    lines = [np.array(list(line), float) for line in fonts.strokes_for_text(character)]
    points = np.concatenate(lines)
    low, span = points.min(axis=0), (points.max(axis=0) - points.min(axis=0)).max()
    return [np.round((line - low) / span * 160 + 40, 1).tolist() for line in lines]


def picture_of(strokes: Strokes, look: str) -> Image.Image:
    paper, ink, width = LOOKS[look]
    page = Image.new("RGB", (240, 240), paper)
    pen = ImageDraw.Draw(page)
    for stroke in strokes:
        pen.line([(x, y) for x, y in stroke], fill=ink, width=width)
        for x, y in stroke:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ink)
    return page


def main() -> None:
    recognizer = glyphfront.load(MODEL, precision="fp32")

    def seen(image: np.ndarray) -> dict[str, object]:
        probabilities = recognizer.session.run(None, {"image": image[None]})[0][0]
        return {
            "image": base64.b64encode(image.tobytes()).decode(),
            "probabilities": [round(float(value), 6) for value in probabilities],
        }

    drawn = []
    for number, character in enumerate(CHARACTERS):
        strokes, width = strokes_of(character), (16, 8, 30)[number % 3]
        image = normalize_strokes(strokes, width)
        drawn.append({"character": character, "width": width, "strokes": strokes, **seen(image)})
    pictures = []
    for number, character in enumerate("0234579AEKRZ"):
        look = list(LOOKS)[number % len(LOOKS)]
        name, buffer = f"{character}-{look}.png", io.BytesIO()
        picture_of(strokes_of(character), look).save(buffer, "PNG", optimize=True)
        (HERE / name).write_bytes(buffer.getvalue())
        pictures.append({"file": name, **seen(glyphfront.normalize(buffer.getvalue()))})
    card = recognizer.card
    whole = {"model": card.name, "sha256": card.sha256, "classes": card.classes, "strokes": drawn, "pictures": pictures}
    text = (
        json.dumps(whole, separators=(",", ":"))
        .replace('{"character"', '\n{"character"')
        .replace('{"file"', '\n{"file"')
    )
    (HERE / "vectors.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
