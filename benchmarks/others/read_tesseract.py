"""Tesseract's answers, as one character (psm 10) and as a raw line (psm 13). See `serve` in reader.py."""

from __future__ import annotations

import tesserocr
from prepare import WAYS, prepare
from reader import ALPHABETS, serve

TESSDATA = "/usr/share/tesseract-ocr/5/tessdata"  # apt-get install tesseract-ocr-eng
MODES = {"psm 10": tesserocr.PSM.SINGLE_CHAR, "psm 13": tesserocr.PSM.RAW_LINE}
HEIGHT = {"page": 64, "crop": 40}
MARGIN = {"page": 0.15, "crop": 0.5}


def main() -> None:
    engines = {name: tesserocr.PyTessBaseAPI(path=TESSDATA, lang="eng", psm=psm) for name, psm in MODES.items()}

    def answer(path: str, kind: str) -> dict[str, dict[str, str]]:
        answers: dict[str, dict[str, str]] = {}
        for way in WAYS:
            picture = prepare(path, way, height=HEIGHT[way], margin=MARGIN[way])
            for mode, engine in engines.items():
                engine.SetImage(picture)
                engine.SetSourceResolution(300)
                given = answers[f"{mode}, {way}"] = {}
                for alphabet in ("all", "letters+digits", kind):
                    engine.SetVariable("tessedit_char_whitelist", ALPHABETS.get(alphabet, ""))
                    given[alphabet] = surest(engine)
        return answers

    serve(answer)


def surest(engine: tesserocr.PyTessBaseAPI) -> str:
    """The one character that it reads; of several, the one with the highest confidence; none is ""."""
    engine.Recognize()
    level, best, confidence = tesserocr.RIL.SYMBOL, "", -1.0
    for symbol in tesserocr.iterate_level(engine.GetIterator() or (), level):
        if not symbol.Empty(level) and symbol.Confidence(level) > confidence:
            best, confidence = (symbol.GetUTF8Text(level) or "").strip(), symbol.Confidence(level)
    return best


if __name__ == "__main__":
    main()
