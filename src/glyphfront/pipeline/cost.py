"""What a study costs before it is run: images to train on, hours of one device, hours on many."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glyphfront import records
from glyphfront.data.splits import count_training_images
from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.scale import runs_by_folder, trainings
from glyphfront.report.document import Table
from glyphfront.result import Provenance
from glyphfront.run import Data, Run
from glyphfront.study import Study


@dataclass(frozen=True)
class Rate:
    """How fast a network trains."""

    network: str
    """See `network_of`."""
    images_per_second: float


@dataclass(frozen=True)
class Rates:
    """How fast networks train on one device."""

    device: str
    batch_size: int
    """Images a step."""
    rates: tuple[Rate, ...]
    provenance: Provenance

    def of(self, run: Run) -> float:
        """Images a second of its network, or else of the model of its name with all defaults.

        Raises:
            GlyphfrontError: neither was timed.
        """
        known = {rate.network: rate.images_per_second for rate in self.rates}
        network = network_of(run)
        found = known.get(network, known.get(run.model.name))
        if found is None:
            raise GlyphfrontError(f"{network} is not among the rates; have them measured again, into another file")
        return found

    def untimed(self, runs: Iterable[Run]) -> list[str]:
        """The networks of `runs` that were not timed themselves: theirs is the rate of the model of their name."""
        timed = {rate.network for rate in self.rates}
        return [network for network in dict.fromkeys(map(network_of, runs)) if network not in timed]

    def sentence(self, speedup: float = 1.0, untimed: Sequence[str] = ()) -> str:
        """The rates in words, how many times as fast devices are taken to be, and what goes by its model's name.

        Args:
            speedup: how many times as fast.
            untimed: networks as `untimed` gives them.
        """
        told = ", ".join(f"{rate.network} {rate.images_per_second:,.0f}" for rate in self.rates)
        taken = f"; here taken {speedup:g} times" if speedup != 1 else ""
        forms = (
            f"{len(untimed)} forms of these models that were not timed apart, such as"
            if untimed[1:]
            else "a form that was not timed apart,"
        )
        others = f" They are also taken for {forms} {untimed[0]}." if untimed else ""
        return (
            f"Images a second, measured on {self.device} ({self.provenance.machine}) with {self.batch_size} images a "
            f"step: {told}{taken}.{others}"
        )


def network_of(run: Run) -> str:
    """What the network of a Run is called among rates: its model, and what makes it faster or slower than that.

    Such as ``glyphnet-m (widths 8-8-8-8-8, bf16)``: what departs from the model's defaults, and the precision.
    """
    model = replace(run.model, weights=None)
    departs = {**model.options(), "in_channels": model.in_channels, "input_size": model.input_size}
    if model.in_channels == 1:
        del departs["in_channels"]
    more = [f"{name} {_short(value)}" for name, value in departs.items() if value is not None]
    more += [run.precision] if run.precision else []
    return f"{model.name} ({', '.join(more)})" if more else model.name


def _short(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def measure_rates(
    runs: Iterable[Run], *, batch_size: int, seconds: float, say: Callable[[str], None] = lambda text: None
) -> Rates:
    """Train each network of `runs` for a few seconds on the device at hand, through the training loop.

    Args:
        runs: the first with a network (`network_of`) stands for all with it.
        batch_size: images a step.
        seconds: for each network.
        say: receives a line a network.
    """
    from glyphfront.provenance import provenance
    from glyphfront.training.distributed import device_name, local_device
    from glyphfront.training.speed import training_rate

    networks: dict[str, Run] = {}
    for run in runs:
        networks.setdefault(network_of(run), run)
    rates = []
    for name, run in networks.items():
        rate = Rate(name, float(f"{training_rate(run, seconds=seconds, batch_size=batch_size):.4g}"))
        say(f"{name}: {rate.images_per_second:,.0f} images/s")
        rates.append(rate)
    return Rates(device_name(local_device()), batch_size, tuple(rates), provenance())


def rates_of(
    study: Study,
    path: Path | None = None,
    *,
    batch_size: int,
    seconds: float,
    say: Callable[[str], None] = lambda text: None,
) -> Rates:
    """The rates of a study's networks: those in the file at `path`, or else measured, and kept there.

    Raises:
        GlyphfrontError: the file is no file of rates.
    """
    if path is not None and path.exists():
        return load_rates(path)
    rates = measure_rates(trainings(study), batch_size=batch_size, seconds=seconds, say=say)
    if path is not None:
        records.save(rates, path)
    return rates


def load_rates(path: Path) -> Rates:
    """Read a file of rates; raises as `glyphfront.records.load`, or where a rate is not above 0."""
    found = records.load(Rates, path, advice="have them measured: glyphfront study cost NAME --rates FILE")
    if slow := [rate.network for rate in found.rates if not 0 < rate.images_per_second < math.inf]:
        raise GlyphfrontError(f"{path}: no images a second: {', '.join(slow)}; have them measured again")
    return found


def images_to_train(run: Run, data_dir: Path | None = None) -> int:
    """Images that all epochs of a Run go through, if it does not stop early.

    EMNIST's sets are counted as the official files have them; others are read.
    """
    fitted = _fitted(run.data, data_dir)
    return run.epochs_for(fitted) * fitted


def _fitted(data: Data, data_dir: Path | None) -> int:
    """Images of one epoch: all but those to validate on."""
    return round(count_training_images(data, data_dir) * (1 - data.validation_fraction))


def makespan(hours: Mapping[str, float], needs: Mapping[str, Sequence[str]], devices: int) -> float:
    """Hours until all Runs are done: each goes in its turn to the first free device, when what it needs is done.

    Args:
        hours: of each Run on one device, in the order in which they are given out.
        needs: of each Run, those that it starts from or learns from; one that is not in `hours` is done.
        devices: how many there are; one Run takes one.
    """
    waiting, now = list(hours), 0.0
    busy: list[tuple[float, str]] = []
    done: set[str] = set()
    while waiting or busy:
        for key in [k for k in waiting if all(need in done or need not in hours for need in needs[k])]:
            if len(busy) < devices:
                heapq.heappush(busy, (now + hours[key], key))
                waiting.remove(key)
        if not busy:
            raise GlyphfrontError(f"these Runs need each other: {', '.join(waiting)}")
        now, key = heapq.heappop(busy)
        done.add(key)
    return now


@dataclass(frozen=True)
class StudyCost:
    """What Runs of a study take."""

    runs: int
    images: int
    elapsed: tuple[float, ...]
    """Hours on each number of devices that was asked for."""


def cost_of_study(
    study: Study,
    rates: Rates,
    devices: Sequence[int],
    *,
    speedup: float = 1.0,
    overhead_seconds: float = 0.0,
    data_dir: Path | None = None,
) -> tuple[dict[str, StudyCost], StudyCost]:
    """What each part of a study takes by itself, a Run of several parts counted in the first, and all together.

    Args:
        study: at the scale that it is to be carried out at.
        rates: of one device.
        devices: numbers of devices to reckon for; one Run takes one.
        speedup: how many times as fast a device is as the one that `rates` are of.
        overhead_seconds: that giving out a Run and bringing it back takes, where there are several devices.
        data_dir: where EMNIST files lie.

    Returns:
        By part (its folder; ``"."`` of a study without parts), and of the whole. Devices that are free in one part
        begin the next, so the whole may take less than the sum.

    Raises:
        GlyphfrontError: see `Rates.of`, or a set cannot be read.
    """
    images: dict[str, int] = {}
    fitted: dict[Data, int] = {}  # own pictures are read once
    parts: dict[str, list[Run]] = {}
    for folder, runs in runs_by_folder(study).items():
        parts[folder] = [run for run in {run.key: run for run in runs}.values() if run.key not in images]
        for run in parts[folder]:
            if run.data not in fitted:
                fitted[run.data] = _fitted(run.data, data_dir)
            images[run.key] = run.epochs_for(fitted[run.data]) * fitted[run.data]

    def of(runs: Sequence[Run]) -> StudyCost:
        elapsed = []
        for count in devices:
            overhead = overhead_seconds if count > 1 else 0.0
            hours = {run.key: (images[run.key] / rates.of(run) / speedup + overhead) / 3600 for run in runs}
            elapsed.append(makespan(hours, {run.key: run.needs for run in runs}, count))
        return StudyCost(len(runs), sum(images[run.key] for run in runs), tuple(elapsed))

    each = {folder: of(runs) for folder, runs in parts.items()}
    return each, of([run for runs in parts.values() for run in runs])


def cost_table(each: Mapping[str, StudyCost], total: StudyCost, devices: Sequence[int]) -> Table:
    """A row a part, where there are several, and one of the whole."""

    def cells(name: str, one: StudyCost) -> tuple[str, ...]:
        return (name, f"{one.runs:,}", f"{one.images / 1e6:,.1f}", *(f"{hours:,.1f}" for hours in one.elapsed))

    rows = [cells(name, one) for name, one in each.items()] if len(each) > 1 else []
    header = ("part", "Runs", "million images", *(f"hours on {count}" for count in devices))
    return Table(header, (*rows, cells("all" if rows else "the study", total)))
