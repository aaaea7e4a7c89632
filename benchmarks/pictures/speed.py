"""What a genuine picture takes to become 28x28 pixels, and to be answered, beside the model's own inference.

Usage: python benchmarks/pictures/speed.py [MODEL]      needs GLYPHFRONT_REAL; on a machine that does nothing else
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
from common import genuine, save
from degrade import slope

from glyphfront.picture.normalize import normalize
from glyphfront.picture.read import Pixels, read
from glyphfront.ship import DEFAULT
from glyphfront.ship.recognizer import load

PICTURES, ROUNDS = 20, 25
HOW = (
    f"{PICTURES} genuine pictures a kind, decoded already, one thread; milliseconds, median over pictures of the least "
    f"of {ROUNDS} rounds, in which normalize, the whole answer and the bare inference have their turn"
)


def of_source(source: str) -> list[Pixels]:
    """Some of its pictures, evenly over the list."""
    found = [picture.path for picture in genuine() if picture.source == source]
    return [read(path) for path in found[:: max(len(found) // PICTURES, 1)][:PICTURES]]


def photographed(picture: Pixels) -> Pixels:
    """A drawing as a photo in colours: gray paper under a slope of light, noise, JPEG."""
    gray = picture if picture.ndim == 2 else picture[:, :, 0]
    photo = slope(1 - gray.astype(np.float64) / 255, np.random.default_rng(0))
    return np.stack([photo, photo, (photo * 0.9).astype(np.uint8)], axis=-1)


def kinds() -> dict[str, list[Pixels]]:
    """Pictures by kind, from small to large."""
    drawings = of_source("canvas62")
    return {
        "paint, 28x28": of_source("paint"),
        "photo62, some 36x50": of_source("photo62"),
        "unipen, 160x160": of_source("unipen"),
        "canvas62, 260x260": [np.asarray(cv2.resize(d, (260, 260), interpolation=cv2.INTER_AREA)) for d in drawings],
        "canvas62, 1200x900": drawings,
        "canvas62 photographed, 1200x900": [photographed(drawing) for drawing in drawings],
    }


def least(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of each of several ways, the least of rounds in which each has its turn."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            took[name].append(1000 * (time.perf_counter() - began))
    return {name: min(times) for name, times in took.items()}


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    cv2.setNumThreads(1)
    recognizer = load(model)
    figures: dict[str, dict[str, float]] = {}
    for kind, pictures in kinds().items():
        rows = []
        for picture in pictures:
            image = normalize(picture)[None]
            ways: dict[str, Callable[[], object]] = {
                "normalize": lambda picture=picture: normalize(picture),
                "answer": lambda picture=picture: recognizer.answer(picture),
                "inference": lambda image=image: recognizer.session.run(None, {"image": image}),
            }
            rows.append(least(ways))
        figures[kind] = {f"{way}_ms": round(statistics.median(row[way] for row in rows), 3) for way in rows[0]}
        figures[kind]["normalize_over_inference"] = round(
            statistics.median(row["normalize"] / row["inference"] for row in rows), 1
        )
        print(f"{kind:<34} {figures[kind]}")
    save("speed", {"model": recognizer.card.name, "precision": recognizer.precision, "kinds": figures}, HOW)


if __name__ == "__main__":
    main()
