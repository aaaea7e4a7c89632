"""What a set of Results says, as lists and tables: comparable sets, repeated seeds, the front, confused pairs."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import Row
from glyphfront.measure.statistics import of_networks, single
from glyphfront.result import Latency, Proportion, Result
from glyphfront.run import without_seed

ONE, OF_NETWORKS = "one training", "†"
DASH = "–"
_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True)
class Table:
    """Cells as they are read, for Markdown and for HTML."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    """This many columns from the left are text; the others are numbers and stand flush right."""
    strong: frozenset[int] = frozenset()
    """Rows to set in bold."""


def top1(result: Result) -> Proportion | None:
    """Accuracy of the exported file, which is what latency is measured on; without one, of the trained weights."""
    if result.exported is not None:
        return result.exported.top1
    return result.accuracy.top1 if result.accuracy is not None else None


def measured(result: Result) -> tuple[Proportion, Latency] | None:
    """Accuracy and latency of a Result that can stand on the front; None for all others."""
    accuracy = top1(result)
    if result.status != "finished" or accuracy is None or result.latency is None:
        return None
    return accuracy, result.latency


def data_label(result: Result) -> str:
    """Which images the accuracy is of, such as ``balanced (unofficial, 9,400 of 18,800 test images)``."""
    name, source = result.run.data.test or result.run.data.train, result.data.test_source
    return source if name in source else f"{name} ({source})"


def by_test_set(results: Sequence[Result]) -> list[list[Result]]:
    """Results scored on the same images together, in order of appearance: only they can be compared."""
    sets: dict[str, list[Result]] = {}
    for result in results:
        sets.setdefault(result.data.test_fingerprint, []).append(result)
    return list(sets.values())


def beyond_chance(row: Row) -> str:
    """Whether a row differs from its baseline: yes or no, with † where that is said of the trained networks alone.

    No verdict where a side is one training, and the variance between seeds was seen of others.
    """
    if of_networks(row.comparison):
        return f"{'yes' if row.differs else 'no'} {OF_NETWORKS}"
    return ONE if single(row.comparison) else "yes" if row.differs else "no"


def seed_groups(results: Sequence[Result]) -> list[list[Result]]:
    """Results that share everything but the training seed together, each group by rising seed.

    Of Runs that start from another only the label says whether they start from the same but for its seed.
    """
    groups: dict[tuple[str, str, str, int], list[Result]] = {}
    repeats: Counter[str] = Counter()
    for result in results:
        kind = without_seed(result.run).key
        started = result.run.label if result.run.init_from else ""
        groups.setdefault((kind, started, result.data.test_fingerprint, repeats[result.run.key]), []).append(result)
        repeats[result.run.key] += 1
    return [sorted(group, key=lambda r: r.run.seed) for group in groups.values()]


def candidates(results: Sequence[Result]) -> list[Result]:
    """The Results a choice can be made among: those with accuracy and latency, one of each seed group.

    Of several seeds the lowest stands for all. To take the best of n would report chance as skill.

    Raises:
        GlyphfrontError: accuracies are of different images, or latencies relate to different reference models.
    """
    usable = [r for r in results if measured(r)]
    sets = by_test_set(usable)
    if len(sets) > 1:
        (a, *_), (b, *_) = sets[:2]
        raise GlyphfrontError(
            f"{a.run.label} is scored on {data_label(a)}, {b.run.label} on other images ({data_label(b)}): "
            "they cannot be compared; keep the results of each set in a folder of its own"
        )
    references = {r.latency.reference_sha256: r.run.label for r in usable if r.latency}
    if len(references) > 1:
        a_label, b_label = list(references.values())[:2]
        raise GlyphfrontError(
            f"{a_label} and {b_label} are timed against different reference models; "
            "measure their latency again (glyphfront latency --help)"
        )
    return [group[0] for group in seed_groups(usable)]


def front(results: Sequence[Result]) -> list[Result]:
    """The Pareto front of accuracy against latency, the fastest first.

    Latency is p50 as a ratio to the reference model timed in the same call, because absolute times of
    different calls on a shared machine do not compare. Results that are equal in both stay together;
    diverged ones and those without accuracy or latency are left out.

    Raises:
        GlyphfrontError: see `candidates`.
    """
    points = [(*_point(r), r) for r in candidates(results)]
    points.sort(key=lambda p: (p[0], -p[1], p[2].run.label))
    best: list[tuple[float, float, Result]] = []
    for ratio, accuracy, result in points:
        if not best or accuracy > best[-1][1] or (ratio, accuracy) == best[-1][:2]:
            best.append((ratio, accuracy, result))
    return [result for *_, result in best]


def _point(result: Result) -> tuple[float, float]:
    pair = measured(result)
    assert pair is not None
    accuracy, latency = pair
    return latency.ratio, accuracy.value


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


def short_count(number: int) -> str:
    """``240 k``, ``6.81 M``: three digits."""
    for size, suffix in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * size:
            return f"{number / size:.3g} {suffix}"
    return str(number)


def overlap(a: Proportion, b: Proportion) -> bool:
    """Whether two intervals share a point."""
    return a.low <= b.high and b.low <= a.high


def _number(value: float | None, form: str) -> str:
    return DASH if value is None or math.isnan(value) else format(value, form)


def _accuracy(result: Result) -> str:
    share = top1(result)
    return f"{percent(share.value)} ({interval(share)})" if share else DASH


def _latency(form: Callable[[Latency], str]) -> Callable[[Result], str]:
    return lambda result: form(result.latency) if result.latency else DASH


COLUMNS: dict[str, Callable[[Result], str]] = {
    "run": lambda r: r.run.label,
    "model": lambda r: r.run.model.name,
    "accuracy, % (95 % interval)": _accuracy,
    "top-5, %": lambda r: percent(r.accuracy.top5.value) if r.accuracy else DASH,
    "loss": lambda r: _number(r.accuracy.loss if r.accuracy else None, ".4f"),
    "p50, µs": _latency(lambda t: microseconds(t.p50_us)),
    "× reference": _latency(lambda t: f"{t.ratio:.2f}"),
    "p90, µs": _latency(lambda t: microseconds(t.p90_us)),
    "p99, µs": _latency(lambda t: microseconds(t.p99_us)),
    "offline, images/s": _latency(lambda t: f"{t.images_per_second:,.0f}"),
    "parameters": lambda r: f"{r.cost.parameters_total:,}",
    "MACs": lambda r: short_count(r.cost.macs),
    "file, KB": lambda r: f"{r.exported.file_bytes / 1000:,.0f}" if r.exported else DASH,
    "training, s": lambda r: f"{r.cost.train_seconds:,.0f}",
    "images seen": lambda r: f"{r.cost.images_seen:,}",
    "status": lambda r: r.status,
}
"""Heading and cell of every column of the results table."""

_COMPACT = ("run", "accuracy, % (95 % interval)", "p50, µs", "× reference", "parameters", "MACs", "file, KB")


def results_table(results: Sequence[Result], *, compact: bool = False) -> Table:
    """One row a Result, the most accurate first, those on the front in bold.

    Args:
        results: all of one test set.
        compact: the columns that a README has room for.
    """
    columns = {name: COLUMNS[name] for name in _COMPACT} if compact else COLUMNS
    ordered = sorted(results, key=_order)
    on_front = {id(r) for r in front(results)}
    labels = Counter(r.run.label for r in results)
    columns = {**columns, "run": lambda r: r.run.label + (f", seed {r.run.seed}" if labels[r.run.label] > 1 else "")}
    return Table(
        tuple(columns),
        tuple(tuple(cell(r) for cell in columns.values()) for r in ordered),
        text_columns=1 if compact else 2,
        strong=frozenset(i for i, r in enumerate(ordered) if id(r) in on_front),
    )


def _order(result: Result) -> tuple[float, float, str]:
    share = top1(result)
    return -share.value if share else 1.0, result.latency.ratio if result.latency else math.inf, result.run.label


def seed_table(results: Sequence[Result]) -> Table | None:
    """Mean, n and standard deviation of the accuracy of every Run trained with several seeds; None without such."""
    rows = []
    for group in seed_groups(results):
        scored = [share.value for share in map(top1, group) if share]
        if len(group) > 1 and scored:
            rows.append(
                (
                    group[0].run.label,
                    ", ".join(str(r.run.seed) for r in group),
                    str(len(scored)),
                    percent(statistics.fmean(scored)),
                    percent(statistics.stdev(scored)) if len(scored) > 1 else DASH,
                    str(sum(r.status == "diverged" for r in group)),
                )
            )
    header = ("run", "seeds", "n", "mean accuracy, %", "standard deviation, points", "diverged")
    return Table(header, tuple(rows), text_columns=2) if rows else None


def confused_table(result: Result, others: Sequence[Result] = (), most: int = 10) -> Table | None:
    """The pairs of classes that `result` confuses most, in images, and how often `others` confuse the same.

    None when the Result is not scored or makes no errors. All must be scored on the same images.
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


def render_markdown(table: Table) -> str:
    """A GitHub-flavoured Markdown table, ending in a newline."""
    rule = ["---" if i < table.text_columns else "---:" for i in range(len(table.header))]
    lines = [[escape_markdown(cell) for cell in table.header], rule]
    for number, row in enumerate(table.rows):
        cells = [escape_markdown(cell) for cell in row]
        lines.append([f"**{cell}**" for cell in cells] if number in table.strong else cells)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def escape_markdown(text: str) -> str:
    """`text` so that Markdown shows it as it is, inside a table too."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
