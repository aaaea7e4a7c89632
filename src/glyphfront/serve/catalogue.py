"""The models that a service answers with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime as ort

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.read import shortened
from glyphfront.records import to_plain
from glyphfront.result import Precision
from glyphfront.serve.gather import GatheringSession
from glyphfront.serve.schema import ModelServed
from glyphfront.ship.card import Card, load_card, of_one_training
from glyphfront.ship.recognizer import Recognizer, find, load

_TIMED_SECONDS = 0.05

Key = tuple[str, Precision]  # a model's name, and what it computes in


def files_of(names: Sequence[str]) -> list[Path]:
    """The files that names mean: of one with two precisions both, that which `load` takes first.

    Args:
        names: shipped names, folders of Runs, or paths of .onnx files, which mean themselves alone.

    Raises:
        GlyphfrontError: a model cannot be loaded.
    """
    found = []
    for name in names:
        taken = load(name).path
        found.append(taken)
        if Path(name).suffix != ".onnx":
            fp32 = find(name)
            others = {fp32, fp32.with_suffix(".int8.onnx")} - {taken}
            there = [load(str(other)) for other in others if other.is_file()]
            found += [other.path for other in there if of_one_training(other.card, load_card(taken))]
    return found


def load_all(
    names: Sequence[str], gather_ms: float, ran: Callable[[int], None]
) -> tuple[dict[Key, Recognizer], list[ModelServed]]:
    """Recognisers by name and precision, whose sessions gather, and how each is described; the default first.

    Args:
        names: as `files_of` takes them; a model is called by its card's name.
        gather_ms: milliseconds that a batch waits for further images.
        ran: told the number of images of each run.

    Raises:
        GlyphfrontError: there are no names, or a model cannot be loaded, or two have one name and precision.
    """
    if not names:
        raise GlyphfrontError("no model is shipped with this version; give one with --models PATH")
    recognizers: dict[Key, Recognizer] = {}
    described: list[ModelServed] = []
    for path in files_of(names):
        plain = load(str(path))
        key = (plain.card.name, plain.precision)
        if key in recognizers:
            raise GlyphfrontError(f"{path}: a second model called {key[0]} in {key[1]}; give one of them")
        described.append(describe(plain.card, latency_us(plain.session)))
        session = cast(ort.InferenceSession, GatheringSession(plain.session, gather_ms, ran))
        recognizers[key] = replace(plain, session=session)
    return recognizers, described


def chosen(recognizers: dict[Key, Recognizer], name: str | None, precision: Precision | None) -> Recognizer:
    """That of a name and a precision; None means the first.

    Raises:
        LookupError: none has; its text says which there are.
    """
    names = tuple(dict.fromkeys(key[0] for key in recognizers))
    if name is None:
        name = names[0]
    if name not in names:
        raise LookupError(f"no model {shortened(name, 60)!r}; choose from: {', '.join(names)}")
    precisions = [key[1] for key in recognizers if key[0] == name]
    if precision is None:
        precision = precisions[0]
    if precision not in precisions:
        raise LookupError(f"{name} is not here in {precision}; choose from: {', '.join(precisions)}")
    return recognizers[name, precision]


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


def latency_us(session: ort.InferenceSession) -> float:
    """Median microseconds of single images, here and now; the first runs are not counted."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 6:22, 12:16] = 255
    times: list[float] = []
    ends = time.perf_counter() + 1.5 * _TIMED_SECONDS
    while (began := time.perf_counter()) < ends or len(times) < 20:
        session.run(None, {"image": image})
        times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times[len(times) // 3 :])
