"""ddddocr's answers, of its default and its beta model. See `serve` in reader.py."""

from __future__ import annotations

import ddddocr
from prepare import WAYS, prepare
from reader import of_steps, serve

HEIGHT = 64  # what the networks take; with a margin it scales again
MARGIN = {"page": 0.0, "crop": 0.3}


def main() -> None:
    programs = {name: ddddocr.DdddOcr(show_ad=False, beta=name == "beta") for name in ("default", "beta")}

    def answer(path: str, kind: str) -> dict[str, dict[str, str]]:
        answers = {}
        for way in WAYS:
            picture = prepare(path, way, height=HEIGHT, margin=MARGIN[way])
            for name, engine in ((name, program.ocr_engine) for name, program in programs.items()):
                session = engine.session  # classification(probability=True) gives the same as lists, ten times slower
                image = engine._preprocess_image(picture, png_fix=False)  # (1, 1, 64, W)
                steps = session.run(None, {session.get_inputs()[0].name: image})[0]
                answers[f"{name}, {way}"] = of_steps(steps.reshape(-1, steps.shape[-1]), engine.get_charset(), kind)
        return answers

    serve(answer)


if __name__ == "__main__":
    main()
