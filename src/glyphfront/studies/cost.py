"""What a study costs before it is run: images to train on, hours of one device, hours on many."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from glyphfront.data.emnist import CLASSES, COUNTS
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Result
from glyphfront.run import Run


@dataclass(frozen=True)
class Rates:
    """Images a second in training on one device, by network."""

    measured: Mapping[str, float]
    macs: Mapping[str, int]
    """Multiply-accumulates for one image, of the networks that were measured."""

    def of(self, name: str, macs: int) -> float:
        """Of a network that was not measured: as many multiply-accumulates a second as the measured one next in size.

        Args:
            name: of the network.
            macs: its multiply-accumulates for one image.
        """
        if name in self.measured:
            return self.measured[name]
        nearest = min(self.macs, key=lambda other: max(self.macs[other] / macs, macs / self.macs[other]))
        return self.measured[nearest] * self.macs[nearest] / macs


def rates(results: Iterable[Result]) -> Rates:
    """The rate of each network: the median over the epochs of the training that had the highest.

    What else a machine did can only have slowed a training, so that the fastest one is nearest to the machine's own.

    Args:
        results: trained on one kind of device.

    Raises:
        GlyphfrontError: there are no epochs, or devices differ.
    """
    measured: dict[str, float] = {}
    macs: dict[str, int] = {}
    devices = set()
    for result in results:
        if not result.curve:
            continue
        devices.add(result.cost.device)
        rate = statistics.median(epoch.images_per_second for epoch in result.curve)
        name = result.run.model.name
        measured[name] = max(rate, measured.get(name, 0.0))
        macs[name] = result.cost.macs
    if not measured:
        raise GlyphfrontError("no result there has an epoch to take a rate from; run a row first")
    if len(devices) > 1:
        raise GlyphfrontError(f"the results are of different devices ({', '.join(sorted(devices))}); take those of one")
    return Rates(measured, macs)


def images_to_train(run: Run) -> int:
    """Images that all epochs of a Run go through on the official files, if it does not stop early."""
    if run.data.train not in COUNTS:
        raise GlyphfrontError(f"{run.label}: how many images {run.data.train} has is not known before it is read")
    images = COUNTS[run.data.train]["train"]
    if run.data.limit is not None:
        images = min(images, run.data.limit * len(CLASSES[run.data.train]))
    return run.epochs * round(images * (1 - run.data.select_fraction))


def makespan(hours: Mapping[str, float], starts_from: Mapping[str, str | None], devices: int) -> float:
    """Hours until Runs, given out longest chain first, are all done.

    Args:
        hours: of each Run on one device.
        starts_from: of each Run, the one whose weights it needs, if any.
        devices: how many there are; one Run takes one.
    """
    after: dict[str, float] = dict.fromkeys(hours, 0.0)  # hours of the longest Run that waits for this one
    for key, base in starts_from.items():
        if base in after:
            after[base] = max(after[base], hours[key])
    free = [0.0] * devices
    done: dict[str, float] = {}
    for key in sorted(hours, key=lambda k: -(hours[k] + after[k])):
        base = starts_from[key]
        start = max(heapq.heappop(free), done[base] if base in hours and base is not None else 0.0)
        done[key] = start + hours[key]
        heapq.heappush(free, done[key])
    return max(done.values(), default=0.0)


@dataclass(frozen=True)
class Cost:
    """What one part of a study takes."""

    rows: int
    runs: int
    """Rows times seeds, each Run once."""
    images: int
    hours: float
    """Of one device."""
    elapsed: tuple[float, ...]
    """Hours on each number of devices that was asked for."""


def cost(
    runs: Sequence[Run],
    seeds: int,
    rates: Rates,
    macs: Mapping[str, int],
    devices: Sequence[int],
    *,
    speedup: float = 1.0,
    efficiency: float = 1.0,
) -> Cost:
    """What `runs` take with `seeds` seeds each.

    Args:
        runs: the rows, with seed 0; a Run that another starts from is among them.
        seeds: of each row.
        rates: of one device.
        macs: multiply-accumulates of each network of `runs`.
        devices: numbers of devices to reckon for.
        speedup: how many times as fast a device is as the one that `rates` are of.
        efficiency: share of several devices that a study on them uses; one device is used wholly.
    """
    once = {run.key: run for run in runs}
    hours: dict[str, float] = {}
    starts_from: dict[str, str | None] = {}
    images = 0
    for seed in range(seeds):
        for key, run in once.items():
            count = images_to_train(run)
            images += count
            hours[f"{key} {seed}"] = count / rates.of(run.model.name, macs[run.model.name]) / speedup / 3600
            starts_from[f"{key} {seed}"] = None if run.init_from is None else f"{run.init_from} {seed}"
    elapsed = tuple(makespan(hours, starts_from, n) / (efficiency if n > 1 else 1.0) for n in devices)
    return Cost(len(runs), len(hours), images, sum(hours.values()), elapsed)


def plain_macs(runs: Iterable[Run]) -> dict[str, int]:
    """Multiply-accumulates of the network of each Run, by the network's name; built without weights kept."""
    import torch

    from glyphfront.measure.cost import count_macs
    from glyphfront.models import build

    models = {run.model.name: replace(run.model, weights=None) for run in runs}
    with torch.random.fork_rng(devices=[]):
        return {name: count_macs(build(model, classes=47)) for name, model in models.items()}
