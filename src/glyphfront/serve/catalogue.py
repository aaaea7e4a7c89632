"""The models that a service answers with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import onnxruntime as ort

from glyphfront.errors import GlyphfrontError
from glyphfront.records import to_plain
from glyphfront.serve.gather import GatheringSession
from glyphfront.serve.schema import ModelServed
from glyphfront.ship.card import Card
from glyphfront.ship.recognizer import Recognizer, load

_TIMED_SECONDS = 0.05


def load_all(
    names: Sequence[str], gather_ms: float, ran: Callable[[int], None]
) -> tuple[dict[str, Recognizer], list[ModelServed]]:
    """Recognisers by name, whose sessions gather, and how each is described; both in the order of `names`.

    Args:
        names: shipped names, or paths, which are called by their card's name.
        gather_ms: milliseconds that a batch waits for further images.
        ran: told the number of images of each run.

    Raises:
        GlyphfrontError: there are no names, or a model cannot be loaded, or two have one name.
    """
    if not names:
        raise GlyphfrontError("no model is shipped with this version; give one with --models PATH")
    recognizers: dict[str, Recognizer] = {}
    described: list[ModelServed] = []
    for name in names:
        plain = load(name)
        if plain.card.name in recognizers:
            raise GlyphfrontError(f"{name}: a second model called {plain.card.name}; give one of them")
        described.append(describe(plain.card, _latency_us(plain.session)))
        session = cast(ort.InferenceSession, GatheringSession(plain.session, gather_ms, ran))
        recognizers[plain.card.name] = replace(plain, session=session)
    return recognizers, described


def describe(card: Card, latency_us: float) -> ModelServed:
    """What callers and the page are told of a model."""
    return {
        "name": card.name,
        "precision": card.precision,
        "classes": list(card.classes),
        "parameters": card.parameters,
        "macs": card.macs,
        "file_bytes": card.file_bytes,
        "sha256": card.sha256,
        "license": card.license,
        "accuracy": to_plain(card.accuracy),
        "latency_us": round(latency_us, 1),
    }


def _latency_us(session: ort.InferenceSession) -> float:
    """Median of single images, here and now; the first runs are not counted."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 6:22, 12:16] = 255
    times: list[float] = []
    ends = time.perf_counter() + 1.5 * _TIMED_SECONDS
    while (began := time.perf_counter()) < ends or len(times) < 20:
        session.run(None, {"image": image})
        times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times[len(times) // 3 :])
