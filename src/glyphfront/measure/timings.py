"""Networks timed in turns within one call, so that their times compare: to a JSON file and back without torch."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.provenance import provenance
from glyphfront.records import from_plain, to_plain
from glyphfront.result import Latency, Provenance
from glyphfront.run import Model

FILE = "timings.json"
"""Its name beside a study's parts."""

Computation = tuple[str, str]
"""Network and activation, empty for its own."""


@dataclass(frozen=True)
class NetworkTiming:
    """What one image takes in one network, among others that were timed in turns with it."""

    model: str
    act: str
    """Empty for the network's own, ReLU."""
    latency: Latency
    ratios: tuple[float, ...]
    """p50 over the reference's, of every turn."""


@dataclass(frozen=True)
class Timings:
    """Networks that were timed in turns within one call."""

    networks: tuple[NetworkTiming, ...]
    provenance: Provenance


def computation(model: Model) -> Computation:
    """What tells networks apart in time: dropout, augmentation and weights do not change what is computed."""
    return model.name, "" if model.act in (None, "relu") else str(model.act)


def time_networks(networks: Mapping[Computation, tuple[Model, int]], *, seconds: float, repeats: int) -> Timings:
    """Export networks with random weights, which take as long as trained ones, and time them in turns.

    Args:
        networks: model and number of classes of each.
        seconds: how long each turn lasts.
        repeats: how many turns each has.

    Raises:
        GlyphfrontError: a model cannot be built, or see `glyphfront.measure.latency.measure_in_turns`.
    """
    from glyphfront.measure.latency import measure_in_turns
    from glyphfront.models import build
    from glyphfront.ship.export import export_onnx

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.onnx" for number in range(len(networks))]
        for (model, classes), path in zip(networks.values(), paths, strict=True):
            export_onnx(build(model, classes).eval(), path)
        timed = measure_in_turns(paths, seconds=seconds, repeats=repeats)
    return Timings(
        tuple(NetworkTiming(*what, *figures) for what, figures in zip(networks, timed, strict=True)), provenance()
    )


def save_timings(timings: Timings, path: Path) -> None:
    """Write the JSON file; raises as `glyphfront.files.write_atomically`."""
    write_text(path, json.dumps(to_plain(timings), indent=2, ensure_ascii=False) + "\n")


def load_timings(path: Path) -> Timings | None:
    """Read what `save_timings` wrote; None where there is no such file.

    Raises:
        GlyphfrontError: it is not such a file.
    """
    try:
        return from_plain(Timings, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise GlyphfrontError(f"{path}: no timings ({error}); write it again: glyphfront study time") from None
