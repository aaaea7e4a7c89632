"""The sections about a part of a study: its rows beside what was published of them, and its leaks."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Sequence

from glyphfront.measure.folder import Evaluated
from glyphfront.measure.judge import (
    Judgement,
    Leak,
    accuracies,
    leak_p_values,
    mean_accuracy,
    published_accuracy,
)
from glyphfront.measure.statistics import Comparison, SeedComparison, of_networks, single
from glyphfront.report.document import Item, PageFigure, Section, Table
from glyphfront.report.front import data_label, files_of
from glyphfront.report.study_figures import leaks_figure, part_figure
from glyphfront.report.tables import (
    DASH,
    OF_NETWORKS,
    ONE,
    beyond_chance,
    difference,
    interval,
    microseconds,
    percent,
)
from glyphfront.result import Result, Timings
from glyphfront.study import Published


def part_section(one: Judgement, timings: Timings | None) -> Section | None:
    """A figure of the part's rows, published and here, a sentence, and the numbers; None without a result."""
    svg = part_figure(one)
    if svg is None:
        return None
    labels = [label for label, group in one.part.rows.items() if group]
    title = one.study.question or one.part.name or "All rows"
    whose = "here and as published" if one.study.published else "here"
    figure = PageFigure(_file("part", one), svg, f"{title} Accuracy of each row, {whose}")
    before = (f"Concluded: {one.study.concluded}.",) if one.study.concluded else ()
    base = one.study.baseline or "its baseline"
    published = ("published, %", f"interval of {one.study.published_images:,} images") if one.study.published else ()
    header = (
        *("row", *published),
        *("here, %", "n", "standard deviation, points", f"against {base}, points", "beyond chance"),
    )
    rows = tuple(
        (label, *_published_cells(one, label)[: len(published)], *_our_cells(one, label), *_row_cells(one, label))
        for label in labels
    )
    items = (
        Item(figure=figure, notes=(_sentence(one),)),
        Item("Accuracy in numbers", Table(header, rows), notes=tuple(_notes(one, labels)), folded=True),
        _further(one, labels, timings),
    )
    return Section(title, before, items)


def _file(kind: str, *parts: Judgement) -> str:
    """Of a figure of these parts; a study without parts has no name to add."""
    names = [re.sub(r"[^\w.-]+", "-", one.part.name) for one in parts if one.part.name]
    return "-".join([kind, *names]) + ".svg"


def _sentence(one: Judgement) -> str:
    if not one.rows:
        gone = any(one.part.without_predictions(label) for label in one.part.rows)
        return f"Here no row {'can be' if gone else 'has another to be'} compared{'' if gone else ' with'}."
    diverged = [label for label in one.rows if one.without_verdict(label)]
    without = f" There is no verdict on {', '.join(diverged)}, as trainings diverged." if diverged else ""
    if len(diverged) == len(one.rows):
        return without.strip()
    return _of_verdicts(one, [label for label in one.rows if label not in diverged]) + without


def _of_verdicts(one: Judgement, labels: Sequence[str]) -> str:
    verdicts = {label: beyond_chance(one.rows[label]) for label in labels}
    sure = [label for label, verdict in verdicts.items() if verdict.startswith("yes")]
    better = [label for label in sure if one.rows[label].comparison.difference > 0]
    worse = [label for label in sure if label not in better]
    bases = {one.baseline(label) for label in labels}
    than = bases.pop() if len(bases) == 1 else "what they are compared with"
    said = [f"{_listed(rows)} {how} accurate than {than}" for rows, how in ((better, "more"), (worse, "less")) if rows]
    whose = (
        " These are verdicts on the trained networks, not on other trainings."
        if OF_NETWORKS in "".join(verdicts.values())
        else ""
    )
    if not said:
        without = "Here every row has one training, so there is no verdict." if set(verdicts.values()) == {ONE} else ""
        return (without or f"Here no row can be told apart from {than}.") + whose
    others = len(verdicts) - len(sure)
    rest = f"; the other{'s' * (others > 1)} cannot be told apart" if others else ""
    rest += " from it" if rest and than != "what they are compared with" else ""
    return f"Here, beyond chance, {' and '.join(said)}{rest}.{whose}"


def _listed(labels: Sequence[str]) -> str:
    if len(labels) > 4:
        return f"{len(labels)} rows are"
    return f"{', '.join(labels[:-1])} and {labels[-1]} are" if len(labels) > 1 else f"{labels[0]} is"


def _published_cells(one: Judgement, label: str) -> tuple[str, str]:
    """The published test accuracy, or else the validation accuracy."""
    theirs = one.study.published.get(label, Published())
    if theirs.test_accuracy is not None:
        share = published_accuracy(theirs, one.study.published_images)
        leak = " (with the leak)" if theirs.leak else ""
        return percent(theirs.test_accuracy) + leak, interval(share) if share else DASH
    if theirs.validation_accuracy is not None:
        return f"{percent(theirs.validation_accuracy)} (validation)", DASH
    return DASH, DASH


def _our_cells(one: Judgement, label: str) -> tuple[str, str, str]:
    group = one.part.counted(label)
    values = accuracies(group)
    mean, ends = mean_accuracy(group), one.interval(label)
    accuracy = f"{percent(mean)} ({percent(ends[0])}–{percent(ends[1])})" if mean is not None and ends else ""
    if diverged := one.part.diverged(label):
        accuracy = f"{accuracy}, {diverged} of {len(one.part.rows[label])} diverged".removeprefix(", ")
    return accuracy, str(len(values)), percent(statistics.stdev(values)) if len(values) > 1 else DASH


def _row_cells(one: Judgement, label: str) -> tuple[str, str]:
    row, base = one.rows.get(label), one.baseline(label)
    if row is None:
        return DASH, DASH
    against = "" if base == one.study.baseline else f"{base}: "
    return against + difference(row.comparison), "diverged" if one.without_verdict(label) else beyond_chance(row)


_FURTHER: tuple[tuple[str, Callable[[Published], float | None], Callable[[Result], float], str], ...] = (
    ("training, s", lambda p: p.train_seconds, lambda r: r.cost.train_seconds, "{:,.0f}"),
    ("loss", lambda p: p.validation_loss, lambda r: r.accuracy.loss if r.accuracy else math.nan, "{:.3f}"),
    (
        "top-5, %",
        lambda p: None if p.top5 is None else 100 * p.top5,
        lambda r: 100 * r.accuracy.top5.value if r.accuracy else math.nan,
        "{:.2f}",
    ),
    (
        "evaluation, s",
        lambda p: p.evaluation_seconds,
        lambda r: r.accuracy.evaluation_seconds if r.accuracy else math.nan,
        "{:.1f}",
    ),
    (
        "inference, s",
        lambda p: p.inference_seconds,
        lambda r: r.accuracy.inference_seconds if r.accuracy else math.nan,
        "{:.1f}",
    ),
)
"""Heading, the published figure, ours, how both are written."""


def _further(one: Judgement, labels: Sequence[str], timings: Timings | None) -> Item:
    """Size and time of each row, and the other figures published of any, beside ours."""
    theirs = {label: one.study.published.get(label, Published()) for label in labels}
    given = [figure for figure in _FURTHER if any(figure[1](theirs[label]) is not None for label in labels)]
    rows = []
    for label in labels:
        group = one.part.rows[label]
        cells = [f"{group[0].result.cost.parameters_total:,}", _time(group, timings)]
        finished = [each.result for each in group if each.result.accuracy]
        for _, published, own, form in given:
            value = published(theirs[label])
            cells.append(DASH if value is None else form.format(value))
            cells.append(form.format(statistics.median(map(own, finished))) if finished else DASH)
        rows.append((label, *cells))
    header = (
        "row",
        "parameters",
        "p50, µs (× reference)",
        *(f"{h}: {who}" for h, *_ in given for who in ("published", "here")),
    )
    note = "Our figures are medians over the trainings, and of test images."
    return Item("Size, time and further figures", Table(header, tuple(rows)), notes=(note,), folded=True)


def _time(group: Sequence[Evaluated], timings: Timings | None) -> str:
    latency = next((file.latency for file in files_of(group, timings) if file.latency), None)
    return f"{microseconds(latency.p50_us)} ({latency.ratio:.1f})" if latency else DASH


def _notes(one: Judgement, labels: Sequence[str]) -> list[str]:
    finished = [(label, each.result) for label in labels for each in one.part.rows[label] if each.result.accuracy]
    notes = [f"Measured on {what}{who}." for what, who in _by_label((label, data_label(r)) for label, r in finished)]
    scale = one.study.scale
    changed = [(label, one.study.changed.get(label, "")) for label in labels]
    notes += [f"At {scale} scale{who}: {what}." for what, who in _by_label(changed) if what]
    gone = {label: one.part.without_predictions(label) for label in labels}
    if lost := [f"{label} ({n} of {len(one.part.rows[label])} trainings)" for label, n in gone.items() if n]:
        notes.append(
            f"Not compared, as NAME.predictions.npz does not lie beside NAME.json: {', '.join(lost)}. Where a row has "
            "other trainings, its figures are of these alone."
        )
    if one.rows:
        kinds = [row for row in one.rows.values() if not of_networks(row.comparison)]
        found = [100 * row.detectable for row in kinds or one.rows.values()]
        least, most = (f"{bound(found):.2f}" for bound in (min, max))
        shown = least if least == most else f"{least} to {most}"
        notes.append(
            f"With 80 % probability a true difference of {shown} points would be found here between "
            f"{'a row and its baseline' if kinds else 'two such networks'}. A smaller one may be missed."
        )
    if one.seed_variance:
        own = sum(len(one.part.compared[label]) > 1 for label in one.compared)
        more = sum(len(group) > 1 for group in one.pooled_with)
        counted = ((own, "of this part"), (more, "of other parts trained alike"))
        over = [f"{count} row{'s' * (count > 1)} {where}" for count, where in counted if count]
        deviation = 100 * math.sqrt(one.seed_variance.variance)
        notes.append(
            f"Two trainings of one row differ in accuracy with a standard deviation of {deviation:.2f} points each. "
            f"That is estimated from {' and '.join(over)}, with {one.seed_variance.df} degrees of freedom."
        )
    elif any(not of_networks(row.comparison) for row in one.rows.values()):
        notes.append("The seed variance is not pooled over these rows: each pair has that of its own trainings.")
    verdicts = [beyond_chance(row) for row in one.rows.values()]
    if any(OF_NETWORKS in verdict for verdict in verdicts):
        notes.append(f"{OF_NETWORKS} One training on a side: a verdict on these networks, not on other trainings.")
    if ONE in verdicts:
        notes.append(
            f"{ONE.capitalize()} on a side: the interval takes the seed variance from rows with several, and there is "
            "no verdict."
        )
    return notes


def _by_label(said: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is said of rows, and of which, if not of all."""
    of: dict[str, list[str]] = {}
    for label, what in said:
        of.setdefault(what, []).append(label)
    return [(what, f" ({', '.join(dict.fromkeys(labels))})" if len(of) > 1 else "") for what, labels in of.items()]


def points(compared: Comparison | SeedComparison) -> str:
    """``+1.20 points (−0.10 to +2.50)``."""
    return difference(compared).replace(" (", " points (", 1)


def leaks_section(judged: Sequence[Judgement], title: str = "What the leak brings") -> Section | None:
    """Each pair as published and clean, on the images that leaked and on the others; None without such."""
    leaks = [leak for one in judged for leak in one.leaks]
    if not leaks:
        return None
    told = [
        (leak, p_values.get(leak.pair.name))
        for one in judged
        for p_values in [leak_p_values(one.leaks)]
        for leak in one.leaks
    ]
    file = _file("leaks", *(one for one in judged if one.leaks))
    figure = PageFigure(file, leaks_figure(leaks), "Accuracy with the leak and without, by images")
    against = (
        *("row", "on all images", "on the images that leaked", "on the others"),
        *("on those that leaked, less on the others", "p of that", "least that would be seen", "trainings"),
    )
    notes = (
        "Points, as published less clean, with 95 % interval, on the same images. Only the difference of the two "
        "differences speaks of the leak: what makes one of two networks better everywhere is not in it. Its p is "
        "corrected by Holm over the pairs of its part. An effect as large as the least that would be seen is found "
        "with 80 % probability; a smaller one may be missed. With one training on a side, nobody saw how others would "
        "differ.",
        f"Training images, published and clean: {'; '.join(map(_images, leaks))}.",
    )
    differences = Table(against, tuple(_leak_differences(leak, p) for leak, p in told))
    return Section(
        title,
        (
            "Each of these rows was trained twice. As published, images of the test set stood in the training file, "
            "its own or that of the network it starts from. Clean, they were taken out first. So a clean row has "
            "fewer images, fewer steps and another order of them.",
        ),
        (
            Item(figure=figure, notes=(_leaks_sentence(told),)),
            Item("Accuracy on images that leaked and others", _leak_accuracies(leaks), folded=True),
            Item("As published less clean", differences, notes=notes, folded=True),
        ),
    )


def _leaks_sentence(leaks: Sequence[tuple[Leak, float | None]]) -> str:
    """Of each leak with its p-value, corrected for its part."""
    several = [(leak, p) for leak, p in leaks if leak.effect and not single(leak.effect)]
    told = [leak for leak, _ in several]
    beyond = [leak.pair.name for leak, p in several if p is not None and p < 0.05]
    if not told:
        return "With one training on a side there is no verdict on the leak."
    least = [100 * leak.least for leak in told if leak.least is not None]
    shown = f"{min(least):.1f} to {max(least):.1f}" if len(least) > 1 else f"{least[0]:.1f}"
    if not beyond:
        rows = "every row" if len(told) == len(leaks) else "every row that was trained several times on both sides"
        return f"What the leak brings is within chance for {rows}; a leak below {shown} points may be missed."
    return f"The leak brings something beyond chance to {', '.join(beyond)}."


def _leak_accuracies(leaks: Sequence[Leak]) -> Table:
    header = (
        *("row", "images that leaked", "published, on those, %", "published, on the others, %"),
        *("clean, on those, %", "clean, on the others, %", "tested on"),
    )
    rows = []
    for leak in leaks:
        cells = []
        for side in (leak.published, leak.clean):
            for mask in (leak.seen, ~leak.seen):
                right = [float(one.predictions.correct[mask].mean()) for one in side if one.predictions and mask.any()]
                cells.append(percent(statistics.fmean(right)) if right else DASH)
        count = f"{int(leak.seen.sum()):,} of {len(leak.seen):,}"
        rows.append((leak.pair.name, count, *cells, data_label(leak.published[0].result)))
    return Table(header, tuple(rows))


def _leak_differences(leak: Leak, p_value: float | None) -> tuple[str, ...]:
    whole, name = leak.compared[0], leak.pair.name
    alone = f", {ONE}" if whole and single(whole) else ""
    p = DASH if p_value is None else f"{p_value:.2g}"
    least = DASH if leak.least is None else f"{100 * leak.least:.2f}"
    told = (difference(compared) if compared else DASH for compared in leak.compared)
    return (name + alone, *told, p, least, f"{len(leak.published)} and {len(leak.clean)}")


def _images(leak: Leak) -> str:
    a, b = (side[0].result for side in (leak.published, leak.clean))
    epochs = f"{a.cost.epochs}" if a.cost.epochs == b.cost.epochs else f"{a.cost.epochs} and {b.cost.epochs}"
    return f"{leak.pair.name} {a.data.train_images:,} and {b.data.train_images:,}, epochs {epochs}"
