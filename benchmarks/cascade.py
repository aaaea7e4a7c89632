"""A small net that hands what it is unsure of to a larger one, and several shifted passes: are they on the front?

Usage: python benchmarks/cascade.py [--rounds 5] [--images 1000]      on a machine that does nothing else

Needs EMNIST files (GLYPHFRONT_DATA). Of each pair of shipped int8 files, images whose greatest probability is below a
threshold go on to the larger. It is chosen on validation images: the one that hands over the fewest, of those with
which the pair is at most 0.1 points below the larger net alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.latency import REFERENCE
from glyphfront.ship.calibrate import untempered
from glyphfront.ship.recognizer import load, open_session
from record import NEEDS_DATA, save

NAMES = ("glyphnet-xs", "glyphnet-s", "glyphnet-m", "glyphnet-l")
SHARES = np.arange(0.01, 0.51, 0.01)
WITHIN = 0.001
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
HOW = (
    "Shipped int8 files. Threshold on the greatest probability that the smaller net's file gives, before calibration, "
    "chosen on {validation:,} validation images; accuracy of {test:,} test images. Time: mean of one image after the "
    "other through ONNX Runtime in one thread, over the first {images:,} test images in a fixed random order, handing "
    "over included; median of {rounds} rounds, in each of which all take their turn; as a ratio to the fp32 "
    "reference LeNet-5's mean. Shifted passes: probabilities averaged over the image and its neighbours by one "
    "pixel, all in one call of the session."
)

Images = NDArray[np.uint8]
Answers = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    nets = {name: untempered(load(name, precision="int8")) for name in NAMES}
    sessions = {name: net.session for name, net in nets.items()}
    try:
        splits = prepare(nets[NAMES[0]].card.run.data)
    except GlyphfrontError as error:
        print(error, file=sys.stderr)
        sys.exit(NEEDS_DATA)
    validation, test = splits.training.validation, splits.test
    said = {name: (net.probabilities(validation.images), net.probabilities(test.images)) for name, net in nets.items()}

    def right(answers: Answers, labels: NDArray[np.int64]) -> float:
        return float((answers.argmax(1) == labels).mean())

    ways: dict[str, Callable[[Images], Answers]] = {name: partial(alone, session) for name, session in sessions.items()}
    figures: dict[str, dict[str, object]] = {
        name: {
            "validation_accuracy": right(said[name][0], validation.labels),
            "test_accuracy": right(said[name][1], test.labels),
        }
        for name in nets
    }
    for small, large in combinations(NAMES, 2):
        threshold = chosen(said[small][0], said[large][0], validation.labels)
        name = f"{small} then {large}"
        passed = [said[small][part].max(1) < threshold for part in (0, 1)]
        both = [np.where(passed[part][:, None], said[large][part], said[small][part]) for part in (0, 1)]
        figures[name] = {
            "validation_accuracy": right(both[0], validation.labels),
            "test_accuracy": right(both[1], test.labels),
            "threshold": threshold,
            "handed_over": float(passed[1].mean()),
        }
        ways[name] = partial(in_two, sessions[small], sessions[large], threshold)
    for name in NAMES[:3]:
        for count in (2, 5):
            shown = [shifted(part.images, count).reshape(-1, 28, 28) for part in (validation, test)]
            answers = [nets[name].probabilities(part).reshape(-1, count, 47).mean(1) for part in shown]
            figures[f"{name}, {count} passes"] = {
                "validation_accuracy": right(answers[0], validation.labels),
                "test_accuracy": right(answers[1], test.labels),
            }
            ways[f"{name}, {count} passes"] = partial(passes, sessions[name], count)
    ways["reference"] = partial(alone, open_session(REFERENCE))
    order = np.random.default_rng(0).permutation(len(test))[: options.images]
    times = [{name: seconds(way, test.images[order]) for name, way in ways.items()} for _ in range(options.rounds)]
    for name, found in figures.items():
        found["mean_us"] = 1e6 * statistics.median(one[name] for one in times)
        found["to_reference_ratio"] = statistics.median(one[name] / one["reference"] for one in times)
    how = HOW.format(validation=len(validation), test=len(test), **vars(options))
    save("cascade", figures, how=how, repeats=options.rounds, libraries=("onnxruntime", "numpy"))


def chosen(small: Answers, large: Answers, labels: NDArray[np.int64]) -> float:
    """The threshold that hands over the fewest images."""
    enough = (large.argmax(1) == labels).mean() - WITHIN
    surest = small.max(1)
    for share in SHARES:
        threshold = float(np.quantile(surest, share))
        answers = np.where((surest < threshold)[:, None], large, small).argmax(1)
        if (answers == labels).mean() >= enough:
            break
    return round(threshold, 3)


def alone(session: ort.InferenceSession, image: Images) -> Answers:
    return np.asarray(session.run(None, {"image": image})[0])


def in_two(small: ort.InferenceSession, large: ort.InferenceSession, threshold: float, image: Images) -> Answers:
    answer = alone(small, image)
    return alone(large, image) if answer.max() < threshold else answer


def shifted(images: Images, count: int) -> Images:
    """(N, count, 28, 28): the first `count` of SHIFTS of each image, whose margin is empty."""
    return np.stack([np.roll(images, shift, (1, 2)) for shift in SHIFTS[:count]], 1)


def passes(session: ort.InferenceSession, count: int, image: Images) -> Answers:
    return np.asarray(alone(session, shifted(image, count)[0]).mean(0, keepdims=True))


def seconds(way: Callable[[Images], Answers], images: Images) -> float:
    """Mean of one image."""
    way(images[:1])
    began = time.perf_counter()
    for number in range(len(images)):
        way(images[number : number + 1])
    return (time.perf_counter() - began) / len(images)


if __name__ == "__main__":
    main()
