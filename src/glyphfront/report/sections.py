"""The sections of the source study's page, each from what was read: claims, tables, causes, final model, front.

What is read: results and predictions of each part, and what lies beside them (`glyphfront.report.study.write_study`).
Transfer has a file of its own, `glyphfront.report.transfer`.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import proportion
from glyphfront.measure.layers import load_architecture, load_gradients
from glyphfront.measure.statistics import Comparison, SeedComparison, of_networks
from glyphfront.measure.timings import Computation, Timings, computation
from glyphfront.records import from_plain
from glyphfront.report.figures import front_figure, gradients_figure, size_figure
from glyphfront.report.page import PageFigure
from glyphfront.report.parts import DIVERGED, MARGIN, Part, Question, Timed, published
from glyphfront.report.tables import (
    DASH,
    OF_NETWORKS,
    ONE,
    Table,
    beyond_chance,
    data_label,
    interval,
    microseconds,
    percent,
    seed_groups,
    short_count,
    signed_points,
    top1,
)
from glyphfront.result import Provenance, Result


@dataclass(frozen=True)
class Item:
    """A table or a figure, and what is to be said below it."""

    caption: str = ""
    table: Table | None = None
    figure: PageFigure | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading, what is said first, and its tables and figures."""

    title: str
    before: tuple[str, ...]
    items: tuple[Item, ...] = ()


def claims(parts: Sequence[Part], found: Sequence[str]) -> Section:
    """What was found, and the study's claims one by one."""
    told = [(part, claim) for part in parts for claim in part.claims if claim.verdict]
    rows = []
    for part, claim in told:
        theirs = DASH if claim.theirs is None else signed_points(claim.theirs)
        theirs += " (validation)" if claim.validation else ""
        beyond = DASH if claim.beyond is None else "yes" if claim.beyond else "no"
        ours = difference(claim.ours.comparison) if claim.ours else DASH
        against = claim.theirs is not None and claim.kind == "better" and claim.theirs < 0 and not claim.added
        remarks = {
            "a fault of its program": claim.fault,
            "not concluded by the study": claim.added,
            "taken on against its own figures": against,
        }
        told_of_it = [remark for remark, applies in remarks.items() if applies]
        told_of_it += [f"here: {claim.at_scale}"] * bool(claim.at_scale)
        text = claim.text + "".join(f" ({remark})" for remark in told_of_it)
        rows.append((part.name, text, theirs, beyond, ours, claim.verdict))
    header = (
        *("part", "the study's claim", "the study, points", "beyond two draws of its images"),
        *("here, points", "here"),
    )
    notes = (
        "Claims as we read them out of what the study concluded and what it took on for its next rows; counted above "
        "are those that it concluded itself and that do not rest on a fault of its program. Holds, or does "
        "not: beyond chance at 5 %, corrected by Holm over all comparisons of the part, those of its table among them. "
        f"As good: the interval begins above −{100 * MARGIN:g} point, not corrected. One training, of one of the two "
        "or both: no verdict, as how others would differ was not seen. Claims not listed were not put to the test. The "
        "draws of the study's images: one for each row; had all rows been scored on the same, which it does not say, "
        "less would do.",
    )
    items = (Item("The study's claims", Table(header, tuple(rows), text_columns=2), notes=notes),) if rows else ()
    return Section("What was found", tuple(found), items)


def part_table(part: Part, timed: Mapping[Computation, Timed]) -> Section:
    """The study's figures of a part and ours side by side; with the timings of each computation."""
    theirs = part.published
    labels = [label for label in part.question.labels if any(r.run.label == label for r in part.results)]
    accuracies = [
        (label, *_study_cells(part, label), *_our_cells(part, label, timed), *_row_cells(part, label))
        for label in labels
    ]
    header = (
        *("row", "study, %", f"interval of {published()['images']:,} images"),
        *("here, %", "n", "standard deviation, points", "parameters", "p50, µs (× reference)"),
        *(f"against {theirs['baseline']}, points", "beyond chance"),
    )
    before = (f"The study concluded: {theirs['concluded']}.",) if theirs["concluded"] else ()
    items = [Item("Accuracy", Table(header, tuple(accuracies)), notes=tuple(_notes(part)))]
    if further := _further(part, labels):
        items.append(further)
    return Section(part.question.text, before, tuple(items))


_FURTHER = (  # key of the study's figure, heading, ours, how both are written
    ("train_time", "training, s", lambda r: r.cost.train_seconds, "{:,.0f}"),
    ("val_loss", "loss", lambda r: r.accuracy.loss, "{:.3f}"),
    ("top5", "top-5, %", lambda r: 100 * r.accuracy.top5.value, "{:.2f}"),
    ("eval_time", "evaluation, s", lambda r: r.accuracy.evaluation_seconds, "{:.1f}"),
    ("inf_time", "inference, s", lambda r: r.accuracy.inference_seconds, "{:.1f}"),
)


def _further(part: Part, labels: Sequence[str]) -> Item | None:
    """The study's other figures and ours side by side, of those that it gives for any row."""
    theirs = part.published["rows"]
    given = [figure for figure in _FURTHER if any(figure[0] in theirs.get(label, {}) for label in labels)]
    if not given:
        return None
    rows = []
    for label in labels:
        group = [r for r in part.results if r.run.label == label and r.accuracy]
        cells = []
        for key, _, own, form in given:
            value = theirs.get(label, {}).get(key)
            shown = None if value is None else 100 * value if key == "top5" else value
            cells.append(DASH if shown is None else form.format(shown))
            cells.append(form.format(statistics.median(map(own, group))) if group else DASH)
        rows.append((label, *cells))
    header = ("row", *(f"{heading}: {who}" for _, heading, _, _ in given for who in ("study", "here")))
    note = (
        "The study's times are of four A5000 GPUs, its loss of validation images; ours are of the machine below and of "
        "the test images, medians over n trainings."
    )
    return Item("Further figures", Table(header, tuple(rows)), notes=(note,))


def _notes(part: Part) -> list[str]:
    scored = [r for r in part.results if r.accuracy]
    notes = [f"Measured on {what}{who}." for what, who in _by_label(scored, data_label)]
    notes += [f"Scale{who}: {what}." for what, who in _by_label(part.results, lambda r: r.run.note) if what]
    if part.rows:
        kinds = [row for row in part.rows.values() if not of_networks(row.comparison)]
        points = [100 * row.detectable for row in kinds or part.rows.values()]
        least, most = (f"{bound(points):.2f}" for bound in (min, max))
        shown = least if least == most else f"{least} to {most}"
        between = "a row and its baseline" if kinds else "two such networks, not kinds of them,"
        notes.append(
            f"A true difference of {shown} points between {between} would be found here with 80 % probability; a "
            "smaller one may be missed."
        )
    if part.seed_variance:
        own = sum(len(part.scored[label]) > 1 for label in part.compared)
        more = sum(len(group) > 1 for group in part.pooled_with)
        over = [f"rows of this table ({own})"] * bool(own) + [f"rows of other tables trained alike ({more})"] * bool(
            more
        )
        notes.append(
            "Accuracies of trainings of one row have a standard deviation of "
            f"{100 * math.sqrt(part.seed_variance.variance):.2f} points, estimated from {' and '.join(over)}, those "
            f"with several trainings, with {part.seed_variance.df} degrees of freedom."
        )
    elif any(not of_networks(row.comparison) for row in part.rows.values()):
        notes.append(
            "The variance between seeds is not pooled over these rows: each pair has that of its own trainings."
        )
    verdicts = [beyond_chance(row) for row in part.rows.values()]
    if any(OF_NETWORKS in verdict for verdict in verdicts):
        notes.append(f"{OF_NETWORKS} One training on a side: said of these networks, not of other trainings.")
    if ONE in verdicts:
        notes.append(
            f"{ONE.capitalize()}, of one of the two or both: the interval takes the variance between seeds from rows "
            "with several, and there is no verdict."
        )
    return notes


def _by_label(results: Sequence[Result], what: Any) -> list[tuple[str, str]]:
    """What is said of results, and of which labels, if not of all."""
    said: dict[str, list[str]] = {}
    for result in results:
        said.setdefault(what(result), []).append(result.run.label)
    return [(text, f" ({', '.join(dict.fromkeys(labels))})" if len(said) > 1 else "") for text, labels in said.items()]


def _study_cells(part: Part, label: str) -> tuple[str, str]:
    """The study's test accuracy, or else its validation accuracy."""
    row = part.published["rows"].get(label, {})
    leak = " (with the leak)" if row.get("leak") else ""
    if "test_acc" in row:
        images = published()["images"]
        return percent(row["test_acc"]) + leak, interval(proportion(round(row["test_acc"] * images), images))
    return (f"{percent(row['val_acc'])} (validation)", DASH) if "val_acc" in row else (DASH, DASH)


def _our_cells(part: Part, label: str, timed: Mapping[Computation, Timed]) -> tuple[str, ...]:
    group = [r for r in part.results if r.run.label == label]
    scored = [share for share in map(top1, group) if share]
    values = [share.value for share in scored]
    accuracy, diverged = "", part.diverged(label)
    if len(scored) == 1:
        accuracy = f"{percent(values[0])} ({interval(scored[0])})"
    elif scored:
        low, high = part.interval(label)
        accuracy = f"{percent(statistics.fmean(values))} ({percent(low)}–{percent(high)})"
    if diverged:
        accuracy = f"{accuracy}, {diverged} of {len(group)} diverged".removeprefix(", ")
    took = DASH
    if time := timed.get(computation(group[0].run.model)):
        took = f"{microseconds(time.latency.p50_us)} ({time.latency.ratio:.1f})"
    return (
        accuracy,
        str(len(scored)),
        percent(statistics.stdev(values)) if len(values) > 1 else DASH,
        f"{group[0].cost.parameters_total:,}",
        took,
    )


def _row_cells(part: Part, label: str) -> tuple[str, str]:
    row, base = part.rows.get(label), part.baseline(label)
    if row is None:
        return DASH, DASH
    against = "" if base == part.published["baseline"] else f"{base}: "
    return against + difference(row.comparison), DIVERGED if part.diverged(label) else beyond_chance(row)


def difference(compared: Comparison | SeedComparison) -> str:
    """``+1.20 (−0.10 to +2.50)``, in points."""
    return f"{signed_points(compared.difference)} ({signed_points(compared.low)} to {signed_points(compared.high)})"


def points(compared: Comparison | SeedComparison) -> str:
    """``+1.20 points (−0.10 to +2.50)``."""
    return difference(compared).replace(" (", " points (", 1)


@dataclass(frozen=True)
class _Generator:
    """What one version of Keras' ImageDataGenerator returns for images of 0 to 1."""

    name: str
    aug_4_greatest: float
    aug_4_mean: float
    aug_5_greatest: float
    aug_5_mean: float


@dataclass(frozen=True)
class _Brightness:
    """brightness.json, as benchmarks/brightness.py writes it."""

    generators: tuple[_Generator, ...]
    label: str
    key: str
    test_source: str
    images: int
    classes: int
    correct_at_the_scale_of_training: int
    correct_at_a_255th: int
    provenance: Provenance


def brightness(folder: Path, table6: Part | None) -> Section | None:
    """Why the study's row with brightness collapsed, from ``brightness.json``.

    Raises:
        GlyphfrontError: the file is faulty, or of another network than that of `table6`.
    """
    path = folder / "brightness.json"
    if not path.exists():
        return None
    try:
        found = from_plain(_Brightness, json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise GlyphfrontError(f"{path}: {error}; write it again: benchmarks/brightness.py") from None
    keys = {one.result.key for one in table6.scored.get(found.label, ())} if table6 else set()
    if keys and found.key not in keys:
        raise GlyphfrontError(
            f"{path}: of another {found.label} than table6's; write it again: benchmarks/brightness.py"
        )
    returned = []
    for g in found.generators:
        returned.append((g.name, "aug_4", f"{g.aug_4_greatest:.3g}", f"{g.aug_4_mean:.2g}"))
        returned.append((g.name, "aug_5", f"{g.aug_5_greatest:.3g}", f"{g.aug_5_mean:.2g}"))
    scored = (
        ("as in training", percent(found.correct_at_the_scale_of_training / found.images)),
        ("a 255th of it", percent(found.correct_at_a_255th / found.images)),
    )
    theirs = published()["studies"]["table6"]["rows"]["aug_5"]["test_acc"]
    return Section(
        "Why the study's row with brightness collapsed",
        (
            "Keras' ImageDataGenerator was given images of 0 to 1, with and without brightness. A generator that "
            "returns 0 to 255 makes a network that sees all but black in test images of 0 to 1; one that returns "
            "next to nothing but 0 leaves nothing to learn from. Which of the two the study had is not known.",
            f"Here the network of {found.label}, trained with brightness on one scale, on {found.images:,} report "
            f"images at two scales. Chance is {percent(1 / found.classes)} %; the study's row has {percent(theirs)} %.",
        ),
        (
            Item(
                "What the generator returns",
                Table(("generator", "row", "greatest", "mean"), tuple(returned), text_columns=2),
            ),
            Item("What the scale does to the accuracy", Table(("scale of the images", "accuracy, %"), scored)),
        ),
    )


def gradients(folder: Path) -> Section | None:
    """What reaches the candidates' layers, from ``gradients-*.json``."""
    items = []
    for path in sorted(folder.glob("gradients-*.json")):
        found = load_gradients(path)
        figure = PageFigure(f"{path.stem}.svg", gradients_figure(found), f"Gradients by layer, {path.stem}")
        items.append(Item(f"Images of {path.stem.partition('-')[2]} pixels", figure=figure))
    if not items:
        return None
    return Section(
        "What gradient reaches the candidates' layers",
        (
            "The study says that most of the candidates lost their gradient. A gradient has vanished where its norm "
            "falls by orders of magnitude from layer to layer; a map of one pixel has nothing left to look at, and "
            "eight of the nine weights of a 3×3 kernel on it never get a gradient. VGG16 and DenseNet121 end in an "
            "empty map with 28 pixels, and stand at 32 only. A few steps say what reaches the layers, not what a net "
            "learns in the end; for that see the candidates' table.",
        ),
        tuple(items),
    )


def architecture(path: Path) -> Section | None:
    """The final model's layers, from its ``architecture.json``."""
    if not path.exists():
        return None
    net = load_architecture(path)
    rows = [(r.name, r.kind, "×".join(map(str, r.output)), f"{r.parameters:,}") for r in net.layers]
    theirs = published()["studies"]["final"]["rows"]["final"]["params"]
    return Section(
        "The final model, layer by layer",
        (
            f"Input {'×'.join(map(str, net.input))}. {net.parameters_total:,} parameters, of which "
            f"{net.parameters_trainable:,} are trained and the others are batch norm's running statistics; the study "
            f"counts {theirs:,}. A DenseLayer is norm, activation, 1×1 convolution, norm, activation, 3×3 "
            "convolution; what it computes is appended to what came in.",
        ),
        (Item("Layers", Table(("layer", "kind", "output", "parameters"), tuple(rows), text_columns=2)),),
    )


def front(
    results: Sequence[Result],
    unseen: Sequence[Result],
    timed: Mapping[Computation, Timed],
    in_turns: Timings | None,
) -> Section | None:
    """Accuracy against time, parameters and multiply-accumulates; with the timings of each computation.

    Args:
        results: of all rows.
        unseen: those of networks that were not trained on what they are scored on: these are drawn.
        timed: the timings of each computation.
        in_turns: what they were read from, if it was measured in turns.
    """
    items = []
    if svg := front_figure(unseen):
        items.append(Item("The front", figure=PageFigure("front.svg", svg, "Accuracy by time for one image")))
    if svg := size_figure(unseen):
        alt = "Accuracy by parameters and by multiply-accumulates"
        items.append(Item("Size and work", figure=PageFigure("sizes.svg", svg, alt)))
    if not items:
        return None
    costs = {computation(result.run.model): result.cost for result in results}
    rows = []
    for what, cost in sorted(costs.items(), key=lambda one: one[1].macs):
        if time := timed.get(what):
            size = (f"{cost.parameters_total:,}", short_count(cost.macs))
            took = (microseconds(time.latency.p50_us), f"{time.latency.ratio:.1f}")
            rows.append(
                (", ".join(filter(None, what)), *size, *took, f"{time.least:.1f}–{time.most:.1f}", str(time.times))
            )
    header = (
        *("network, activation if not its own", "parameters", "MACs"),
        *("p50, µs", "× reference", "least to most", "times timed"),
    )
    if in_turns:
        notes = [
            f"Timed in turns in one call, on {in_turns.provenance.machine}: medians. Tables and figure take these "
            "for all rows with this network and activation, which are the same computation."
        ]
        if missing := [", ".join(filter(None, what)) for what in costs if what not in timed]:
            notes.append(f"Not timed yet: {'; '.join(missing)}; glyphfront study time.")
    else:
        notes = [
            "The median of the files with this network and activation, which are the same computation: how far they "
            "lie apart is what else the machine did. Tables and figure take the median for all of them. Timings of "
            "different hours do not compare well; glyphfront study time takes them in turns."
        ]
    items.append(Item("Cost of each network", Table(header, tuple(rows)), notes=tuple(notes)))
    drawn = "Rows scored on the same images, each with its lowest seed; the lines are the fronts."
    if left_out := len(seed_groups(results)) - len(seed_groups(unseen)):
        drawn += f" Left out: rows whose network, or its base, was trained on some of these images ({left_out})."
    return Section(
        "Accuracy against time, size and work",
        (drawn,),
        tuple(items),
    )


def not_run(parts: Mapping[str, Part], questions: Mapping[str, Question], scale: str) -> Section:
    """Rows without a result, rows with too few seeds, and the commands that run them."""
    rows = []
    for name, question in questions.items():
        results = parts[name].results if name in parts else ()
        seeds = {label: len({r.run.seed for r in results if r.run.label == label}) for label in question.labels}
        missing = [label for label, n in seeds.items() if n == 0]
        few = [f"{label} ({n} of {question.seeds} seeds)" for label, n in seeds.items() if 0 < n < question.seeds]
        if missing or few:
            what = "all" if len(missing) == len(seeds) else ", ".join([*missing, *few])
            more = f" --seeds {question.seeds}" if question.seeds > 1 else ""
            rows.append((name, what, f"glyphfront study run {name} --scale {question.scale or scale}{more}"))
    if not rows:
        return Section("Not run", ("Every row was run.",))
    header = ("part", "rows without a result, or with too few seeds", "the command that runs them")
    return Section("Not run", (), (Item("Rows without a result", Table(header, tuple(rows), text_columns=3)),))


def method(results: Sequence[Result]) -> Section:
    """How to read the page, and where its figures come from."""
    made = sorted({r.provenance.commit for r in results if r.provenance.commit})
    machines = sorted({r.provenance.machine for r in results})
    return Section(
        "How to read this",
        (
            f"The study's accuracies are of one batch of {published()['images']:,} test images and of one training: "
            "its interval is that of so many images and leaves out how trainings differ. Ours are of the whole "
            "test set, of the exported file. With n of 1 the interval is of that one network, on other images; "
            "with more, of the mean of trainings, on other images and with other seeds, where the variance between "
            "seeds is known as below, and else of these networks.",
            "Against the baseline: on the same images. Two networks: McNemar's test and Tango's interval. Rows with "
            "several trainings: the variance of the images and that between seeds, by Student's t. The latter is "
            "estimated from all rows of a table together where these are changes of one network, in tables 3 to 8, "
            "which are trained by one recipe, from the rows of all of them, and where rows are more unlike from the "
            "two that are compared. With fewer than two degrees of freedom it is left out, and it is networks that "
            "are compared, not kinds of them. Beyond chance is at 5 % by Holm, over all comparisons that a part is to "
            "have, of its table and of the study's claims: each part by itself, so that over all parts one or the "
            "other may be found by chance. Intervals are those of each comparison by itself, not corrected: one may "
            "leave 0 out and not be beyond chance.",
            "A row that stands in several parts has the trainings of all of them in each; its interval may differ, "
            "as the variance between seeds is that of each part. glyphfront compare on the folder of one part knows "
            "of neither: for the study the verdicts of this page are the ones to take.",
            "× reference: the time of an image over that of the reference, a LeNet-5 with one input channel, in the "
            "same call. The study's networks have three input channels, as its counts of parameters show, but "
            "layer_4_1 to layer_4_3 have one; so has layer_4_1 where it stands in DenseNet121's place at laptop "
            "scale.",
            f"Trained on {'; '.join(machines)}, by the code of {', '.join(made) or DASH}.",
        ),
    )
