"""RapidOCR's answers, with the models of its package of today or of the one before. See `serve` in reader.py."""

from __future__ import annotations

import cv2
import numpy as np
from prepare import WAYS, prepare
from reader import of_steps, serve

HEIGHT = 48  # what the network takes; it pads to 320 columns itself
MARGIN = {"page": 0.0, "crop": 0.3}


def main() -> None:
    try:
        from rapidocr import RapidOCR
    except ImportError:
        from rapidocr_onnxruntime import RapidOCR

        reader = RapidOCR().text_rec
    else:
        reader = RapidOCR(params={"Global.log_level": "error"})._load_rec_model()
    characters = reader.postprocess_op.character

    def answer(path: str, kind: str) -> dict[str, dict[str, str]]:
        answers = {}
        for way in WAYS:
            picture = prepare(path, way, height=HEIGHT, margin=MARGIN[way])
            image = cv2.cvtColor(np.asarray(picture), cv2.COLOR_GRAY2BGR)
            widest = max(image.shape[1] / image.shape[0], 320 / HEIGHT)
            steps = np.asarray(reader.session(reader.resize_norm_img(image, widest)[None].astype(np.float32)))
            answers[way] = of_steps(steps.reshape(-1, steps.shape[-1]), characters, kind)  # (T, characters)
        return answers

    serve(answer)


if __name__ == "__main__":
    main()
