"""What a set of results says, as tables; and how each kind of number is written."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence

from glyphfront.measure.compare import Row
from glyphfront.measure.statistics import Comparison, SeedComparison, of_networks, single
from glyphfront.report.document import Table
from glyphfront.report.front import File, diverged_seeds, front, seed_groups
from glyphfront.result import Latency, Proportion, Result

ONE, OF_NETWORKS = "one training", "†"
DASH = "–"


def percent(share: float) -> str:
    """``89.52`` for 0.89521."""
    return f"{100 * share:.2f}"


def interval(share: Proportion) -> str:
    """``88.88–90.12``, in per cent."""
    return f"{percent(share.low)}–{percent(share.high)}"


def microseconds(us: float) -> str:
    """``1,488``, ``211`` or ``72.6``."""
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}"


def signed_points(difference: float) -> str:
    """``+1.06`` for 0.0106 and ``−0.40`` for -0.004: a difference of two shares."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}".replace("-", "−")


def span(compared: Comparison | SeedComparison) -> str:
    """``−0.10 to +2.50``: its interval, in points."""
    return f"{signed_points(compared.low)} to {signed_points(compared.high)}"


def difference(compared: Comparison | SeedComparison) -> str:
    """``+1.20 (−0.10 to +2.50)``, in points."""
    return f"{signed_points(compared.difference)} ({span(compared)})"


def p_value(p: float) -> str:
    """Three digits; ``< 0.001`` below."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def short_count(number: int) -> str:
    """``240 k``, ``6.81 M``: three digits."""
    for size, suffix in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * size:
            return f"{number / size:.3g} {suffix}"
    return str(number)


def beyond_chance(row: Row) -> str:
    """Whether a row differs from its baseline: yes or no, with † where that is said of the trained networks alone.

    No verdict where a side is one training, and the variance between seeds was seen of others.
    """
    if of_networks(row.comparison):
        return f"{'yes' if row.differs else 'no'} {OF_NETWORKS}"
    return ONE if single(row.comparison) else "yes" if row.differs else "no"


def _accuracy(file: File) -> str:
    share = file.accuracy
    return f"{percent(share.value)} ({interval(share)})" if share else DASH


def _loss(file: File) -> str:
    accuracy = file.result.accuracy
    return f"{accuracy.loss:.4f}" if accuracy and not math.isnan(accuracy.loss) else DASH


def pauses(latency: Latency) -> str:
    """Times for one image after pauses, in the order of `Latency.paused`; a dash where they were not taken."""
    return " / ".join(microseconds(one.p50_us) for one in latency.paused) or DASH


def _latency(form: Callable[[Latency], str]) -> Callable[[File], str]:
    return lambda file: form(file.latency) if file.latency else DASH


RESULTS: dict[str, Callable[[File], str]] = {
    "run": lambda f: f.name,
    "accuracy, % (95 % interval)": _accuracy,
    "p50, µs": _latency(lambda t: microseconds(t.p50_us)),
    "× reference": _latency(lambda t: f"{t.ratio:.2f}"),
    "parameters": lambda f: f"{f.result.cost.parameters_total:,}",
    "MACs": lambda f: short_count(f.result.cost.macs),
    "file, KB": lambda f: f"{f.exported.file_bytes / 1000:,.0f}" if f.exported else DASH,
}
"""Heading and cell of the columns that a choice is made by."""
MORE: dict[str, Callable[[File], str]] = {
    "run": lambda f: f.name,
    "model": lambda f: f.result.run.model.name,
    "top-5, %": lambda f: percent(f.result.accuracy.top5.value) if f.result.accuracy else DASH,
    "loss": _loss,
    "p90, µs": _latency(lambda t: microseconds(t.p90_us)),
    "p99, µs": _latency(lambda t: microseconds(t.p99_us)),
    "p50 after pauses, µs": _latency(pauses),
    "offline, images/s": _latency(lambda t: f"{t.images_per_second:,.0f}"),
    "training, s": lambda f: f"{f.result.cost.train_seconds:,.0f}",
    "images seen": lambda f: f"{f.result.cost.images_seen:,}",
    "status": lambda f: f.result.status,
}
"""Heading and cell of the other columns."""


def results_table(files: Sequence[File], columns: dict[str, Callable[[File], str]] = RESULTS) -> Table:
    """One row a file, the most accurate first, those on the front in bold.

    Args:
        files: all of one test set.
        columns: RESULTS or MORE.
    """
    ordered = sorted(files, key=_order)
    on_front = {id(point.file) for point in front(files)}
    names = Counter(file.name for file in files)
    columns = {**columns, "run": lambda f: f.name + (f", seed {f.result.run.seed}" if names[f.name] > 1 else "")}
    return Table(
        tuple(columns),
        tuple(tuple(cell(file) for cell in columns.values()) for file in ordered),
        text_columns=2 if "model" in columns else 1,
        strong=frozenset(i for i, file in enumerate(ordered) if id(file) in on_front),
    )


def rows_table(files: Sequence[File]) -> Table:
    """As `results_table`, but of several seeds the lowest stands for all, with their mean and spread beside it."""
    groups = {group[0].same_row: group for group in seed_groups(files)}

    def over_seeds(file: File) -> str:
        shares = [one.accuracy.value for one in groups[file.same_row] if one.accuracy]
        diverged = len(diverged_seeds(file, files))
        of = f"{len(shares)}, {diverged} diverged" if diverged else f"{len(shares)}"
        if len(shares) < 2:
            return f"{DASH} ({of})" if diverged else DASH
        return f"{percent(statistics.fmean(shares))} ± {percent(statistics.stdev(shares))} ({of})"

    cells = list(RESULTS.items())
    spread = [("mean ± standard deviation (seeds)", over_seeds)] if len(groups) < len(files) else []
    return results_table([group[0] for group in groups.values()], dict([*cells[:2], *spread, *cells[2:]]))


def _order(file: File) -> tuple[float, float, str]:
    return -file.accuracy.value if file.accuracy else 1.0, file.latency.ratio if file.latency else math.inf, file.name


def seed_table(files: Sequence[File]) -> Table | None:
    """Mean, n and standard deviation of the accuracy of every row trained with several seeds; None without such."""
    rows = []
    for group in seed_groups(files):
        shares = [file.accuracy.value for file in group if file.accuracy]
        diverged = diverged_seeds(group[0], files)
        seeds = sorted({*diverged, *(file.result.run.seed for file in group)})
        if len(seeds) > 1 and shares:
            rows.append(
                (
                    group[0].name,
                    ", ".join(map(str, seeds)),
                    str(len(shares)),
                    percent(statistics.fmean(shares)),
                    percent(statistics.stdev(shares)) if len(shares) > 1 else DASH,
                    str(len(diverged)),
                )
            )
    header = ("run", "seeds", "n", "mean accuracy, %", "standard deviation, points", "diverged")
    return Table(header, tuple(rows), text_columns=2) if rows else None


def confused_table(result: Result, others: Sequence[Result] = (), most: int = 10) -> Table | None:
    """The pairs of classes that `result` confuses most, in images, and how often `others` confuse the same.

    None when it has no accuracy or makes no errors. All must be tested on the same images.
    """
    if result.accuracy is None:
        return None
    pairs = result.accuracy.confused_pairs(most)
    columns = [r.accuracy.confusion for r in (result, *others) if r.accuracy]
    rows = tuple(
        (f"{result.classes[a]} / {result.classes[b]}", *(str(c[a][b] + c[b][a]) for c in columns)) for a, b, _ in pairs
    )
    header = ("pair", *(r.run.label for r in (result, *others) if r.accuracy))
    return Table(header, rows) if rows else None
