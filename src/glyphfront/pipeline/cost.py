"""What a study costs before it is run: images to train on, hours of one device, hours on many."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glyphfront import records
from glyphfront.data.emnist import CLASSES, COUNTS
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Provenance
from glyphfront.run import Run


@dataclass(frozen=True)
class Rate:
    """How fast a network trains."""

    network: str
    images_per_second: float
    """Above 0."""

    def __post_init__(self) -> None:
        if not self.images_per_second > 0:
            raise ValueError(f"{self.network}: {self.images_per_second} images a second are no rate")


@dataclass(frozen=True)
class Rates:
    """How fast networks train on one device."""

    device: str
    batch_size: int
    """Images a step."""
    rates: tuple[Rate, ...]
    provenance: Provenance

    def of(self, network: str) -> float:
        """Images a second.

        Raises:
            GlyphfrontError: the network was not timed.
        """
        for rate in self.rates:
            if rate.network == network:
                return rate.images_per_second
        raise GlyphfrontError(f"{network} is not among the rates; have them measured again")


def measure_rates(
    runs: Iterable[Run], *, batch_size: int, seconds: float, say: Callable[[str], None] = lambda text: None
) -> Rates:
    """Train each network of `runs` for a few seconds on the device at hand.

    Args:
        runs: the first with a network stands for all with it.
        batch_size: images a step.
        seconds: for each network.
        say: receives a line a network.
    """
    from glyphfront.provenance import provenance
    from glyphfront.training.distributed import device_name, local_device
    from glyphfront.training.speed import training_rate

    networks: dict[str, Run] = {}
    for run in runs:
        networks.setdefault(run.model.name, run)
    rates = []
    for name, run in networks.items():
        rate = Rate(name, float(f"{training_rate(run, seconds=seconds, batch_size=batch_size):.4g}"))
        say(f"{name}: {rate.images_per_second:,.0f} images/s")
        rates.append(rate)
    return Rates(device_name(local_device()), batch_size, tuple(rates), provenance())


def save_rates(rates: Rates, path: Path) -> None:
    """Write the JSON file, atomically."""
    records.save(rates, path)


def load_rates(path: Path) -> Rates:
    """Read what `save_rates` wrote; raises as `glyphfront.records.load`."""
    return records.load(Rates, path, advice="glyphfront study cost --rates writes one where none is")


def images_to_train(run: Run) -> int:
    """Images that all epochs of a Run go through on the official files, if it does not stop early."""
    if run.data.train not in COUNTS:
        raise GlyphfrontError(f"{run.label}: how many images {run.data.train} has is not known before it is read")
    images = COUNTS[run.data.train]["train"]
    if run.data.limit is not None:
        images = min(images, run.data.limit * len(CLASSES[run.data.train]))
    trained = round(images * (1 - run.data.validation_fraction))
    return run.epochs_for(trained) * trained


def makespan(hours: Mapping[str, float], starts_from: Mapping[str, str | None], devices: int) -> float:
    """Hours until all Runs are done: each goes in its turn to the first free device, when what it starts from is done.

    Args:
        hours: of each Run on one device, in the order in which they are given out.
        starts_from: of each Run, the one whose weights it needs, if any; one that is not in `hours` is done.
        devices: how many there are; one Run takes one.
    """
    waiting, now = list(hours), 0.0
    busy: list[tuple[float, str]] = []
    done: set[str] = set()
    while waiting or busy:
        for key in [k for k in waiting if starts_from[k] not in hours or starts_from[k] in done]:
            if len(busy) < devices:
                heapq.heappush(busy, (now + hours[key], key))
                waiting.remove(key)
        if not busy:
            raise GlyphfrontError(f"these Runs start from each other: {', '.join(waiting)}")
        now, key = heapq.heappop(busy)
        done.add(key)
    return now


@dataclass(frozen=True)
class Cost:
    """What a list of Runs takes."""

    runs: int
    images: int
    elapsed: tuple[float, ...]
    """Hours on each number of devices that was asked for."""


def cost(
    runs: Sequence[Run],
    seeds: int,
    rates: Rates,
    devices: Sequence[int],
    *,
    done: Iterable[str] = (),
    speedup: float = 1.0,
    overhead_seconds: float = 0.0,
) -> Cost:
    """What `runs` take with `seeds` seeds each.

    Args:
        runs: the rows, with seed 0.
        seeds: of each row.
        rates: of one device.
        devices: numbers of devices to reckon for.
        done: keys of Runs that are not trained again.
        speedup: how many times as fast a device is as the one that `rates` are of.
        overhead_seconds: that giving out a Run and bringing it back takes, where there are several devices.

    Raises:
        GlyphfrontError: see `Rates.of` and `images_to_train`.
    """
    kept = set(done)
    once = {run.key: run for run in runs if run.key not in kept}
    images = {key: images_to_train(run) for key, run in once.items()}
    seeded = [(key, seed) for seed in range(seeds) for key in once]
    starts_from = {f"{k} {s}": f"{once[k].init_from} {s}" for k, s in seeded}
    elapsed = []
    for count in devices:
        overhead = overhead_seconds if count > 1 else 0.0
        seconds = {key: images[key] / rates.of(run.model.name) / speedup + overhead for key, run in once.items()}
        elapsed.append(makespan({f"{k} {s}": seconds[k] / 3600 for k, s in seeded}, starts_from, count))
    return Cost(len(seeded), seeds * sum(images.values()), tuple(elapsed))


def cost_of_parts(
    parts: Mapping[str, Sequence[Run]],
    seeds: Mapping[str, int],
    rates: Rates,
    devices: Sequence[int],
    *,
    speedup: float = 1.0,
    overhead_seconds: float = 0.0,
) -> tuple[dict[str, Cost], Cost]:
    """What each part of a study takes, a Run of several parts counted in the first, and all one after the other.

    Args:
        parts: Runs by name; the rest as for `cost`.
        seeds: of each row, by name of the part.
        rates: see `cost`.
        devices: see `cost`.
        speedup: see `cost`.
        overhead_seconds: see `cost`.

    Raises:
        GlyphfrontError: see `cost`.
    """
    found, done = {}, set[str]()
    for name, runs in parts.items():
        found[name] = cost(
            runs, seeds[name], rates, devices, done=done, speedup=speedup, overhead_seconds=overhead_seconds
        )
        done |= {run.key for run in runs}
    each = found.values()
    elapsed = tuple(sum(one.elapsed[i] for one in each) for i in range(len(devices)))
    return found, Cost(sum(one.runs for one in each), sum(one.images for one in each), elapsed)
