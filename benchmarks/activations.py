"""What an activation costs: the study's final network exported with each, one image at a time, beside ReLU.

Weights are random: they do not change what is computed.

Usage: python benchmarks/activations.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from glyphfront.models import build
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx
from glyphfront.ship.recognizer import open_session
from record import save

ACTIVATIONS = ("relu", "leaky_relu", "elu", "swish")
ROUNDS, IMAGES = 61, 20


def main() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        sessions = {}
        for act in ACTIVATIONS:
            path = Path(folder) / f"{act}.onnx"
            export_onnx(build(Model("layer_4_1", act=act), 47).eval(), path)
            sessions[act] = open_session(path)
        seconds: dict[str, list[float]] = {act: [] for act in ACTIVATIONS}
        for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets all
            for act, session in sessions.items():
                session.run(None, {"image": image})
                began = time.perf_counter()
                for _ in range(IMAGES):
                    session.run(None, {"image": image})
                seconds[act].append((time.perf_counter() - began) / IMAGES)
    ratios = {act: [a / b for a, b in zip(seconds[act], seconds["relu"], strict=True)] for act in ACTIVATIONS}
    save(
        "activations",
        {
            "activation": list(ACTIVATIONS),
            "median_us": [1e6 * statistics.median(seconds[act]) for act in ACTIVATIONS],
            "ratio_to_relu": [statistics.median(ratios[act]) for act in ACTIVATIONS],
            "ratio_to_relu_first_quartile": [statistics.quantiles(ratios[act])[0] for act in ACTIVATIONS],
            "ratio_to_relu_third_quartile": [statistics.quantiles(ratios[act])[2] for act in ACTIVATIONS],
        },
        how=f"layer_4_1 with random weights, exported, one image at a time on one thread of ONNX Runtime: medians of "
        f"{ROUNDS} rounds of {IMAGES} images in which each activation has its turn",
        repeats=ROUNDS,
        libraries=("torch", "onnxruntime"),
    )


if __name__ == "__main__":
    main()
