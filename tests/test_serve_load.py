"""Many at once: nothing lost, nothing mixed up, batches shared."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

pytest.importorskip("fastapi")
import glyphfront
from glyphfront.serve.gather import GatheringSession
from serving import DRAWINGS, picture, served


class Doubling:
    """A session that takes its time, and answers each image with twice its first pixel."""

    def __init__(self) -> None:
        self.at_once, self.most_at_once = 0, 0
        self.may_run: Callable[[], bool] = lambda: True

    def run(self, names: None, feeds: dict[str, NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.01)
        while not self.may_run():
            time.sleep(0.001)
        self.at_once -= 1
        if (feeds["image"] == 255).any():
            raise ValueError("an image that cannot be")
        return [2 * feeds["image"][:, 0, :1].astype(np.float32)]


def gathering(sizes: list[int]) -> tuple[GatheringSession, Doubling]:
    session = Doubling()
    return GatheringSession(cast(ort.InferenceSession, session), 0, sizes.append), session


def images(value: int, count: int = 1) -> dict[str, NDArray[np.uint8]]:
    return {"image": np.full((count, 28, 28), value, np.uint8)}


def test_callers_who_come_together_each_get_their_own_rows() -> None:
    sizes: list[int] = []
    session, inner = gathering(sizes)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda k: session.run(None, images(k, 1 + k % 3))[0], range(100)))
    for k, rows in enumerate(found):
        assert rows.tolist() == [[2.0 * k]] * (1 + k % 3)
    assert sum(sizes) == sum(1 + k % 3 for k in range(100))
    assert inner.most_at_once == 1


def test_callers_who_come_while_a_batch_is_computed_are_the_next_one() -> None:
    sizes: list[int] = []
    session, inner = gathering(sizes)
    inner.may_run = lambda: bool(sizes) or len(session._waiting) == 15
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(session.run, None, images(0))
        while not inner.at_once:
            time.sleep(0.001)
        list(pool.map(lambda k: session.run(None, images(k)), range(1, 16)))
        first.result()
    assert sizes == [1, 15]


def test_a_batch_holds_64_images_at_most_unless_one_caller_brings_more() -> None:
    sizes: list[int] = []
    session, _ = gathering(sizes)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: session.run(None, images(k, 30)), range(16)))
    assert max(sizes) == 60
    assert len(session.run(None, images(1, 200))[0]) == 200


def test_a_fault_of_a_run_reaches_its_callers_and_the_next_run_is_well() -> None:
    session, _ = gathering([])
    with pytest.raises(ValueError, match="cannot be"):
        session.run(None, images(255))
    assert session.run(None, images(3))[0].tolist() == [[6.0]]


@pytest.mark.parametrize(
    ("connections", "requests"), [(16, 480), pytest.param(64, 10_000, marks=pytest.mark.slow, id="64-10000")]
)
def test_each_answer_belongs_to_its_picture(connections: int, requests: int) -> None:
    """The probabilities of all characters tell which of the pictures was sent."""
    pictures = [picture(character) for character in DRAWINGS]
    recognizer = glyphfront.load("glyphnet-s", precision="fp32")
    expected = [{one.character: one.probability for one in recognizer.recognize(sent, top=47)} for sent in pictures]
    with served() as (address, _):
        parts = urlsplit(address)

        def ask(number: int) -> list[tuple[int, dict[str, float]]]:
            connection, told = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120), []
            for k in range(number, requests, connections):
                which = k * 7 % len(pictures)
                connection.request("POST", "/v1/recognize?top=47&model=glyphnet-s&precision=fp32", pictures[which])
                answer = json.loads(connection.getresponse().read())
                told.append((which, {one["character"]: one["probability"] for one in answer["predictions"]}))
            connection.close()
            return told

        with ThreadPoolExecutor(connections) as pool:
            told = [one for part in pool.map(ask, range(connections)) for one in part]
    assert len(told) == requests
    for which, probabilities in told:
        distances = [max(abs(one[c] - probabilities[c]) for c in one) for one in expected]
        assert distances[which] < 1e-3 < min(distances[:which] + distances[which + 1 :])
