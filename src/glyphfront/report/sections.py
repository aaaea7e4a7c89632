"""The sections of the source study's page, each from what was read: tables, transfer, causes, final model, front.

What is read: results and predictions of each part, and what lies beside them (`glyphfront.report.study.write_study`).
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import proportion
from glyphfront.measure.compare import (
    Comparison,
    Row,
    Scored,
    SeedComparison,
    compare_labels,
    compare_scored,
    read_labels,
)
from glyphfront.measure.layers import load_architecture, load_gradients
from glyphfront.records import from_plain
from glyphfront.report.figures import front_figure, gradients_figure, size_figure
from glyphfront.report.page import PageFigure
from glyphfront.report.tables import (
    DASH,
    Table,
    data_label,
    interval,
    microseconds,
    percent,
    short_count,
    signed_points,
    top1,
)
from glyphfront.result import Provenance, Result, load_results

HOLDS, REVERSED, UNTOLD = "holds", "does not hold", "cannot be told"
_ONE_TRAINING = "†"
_Z = statistics.NormalDist().inv_cdf(0.975)


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


@dataclass(frozen=True)
class Question:
    """What a part of the study asks."""

    text: str
    labels: tuple[str, ...]
    """Of all its rows."""
    seeds: int = 1
    """How many each row is to have."""


@dataclass(frozen=True)
class Part:
    """What was read of one part of the study, once."""

    name: str
    results: tuple[Result, ...]
    scored: Mapping[str, Sequence[Scored]]
    """By label: results with their predictions."""
    rows: Mapping[str, Row]
    """By label: against the row's baseline."""

    @property
    def published(self) -> Mapping[str, Any]:
        """The study's figures of it."""
        return published()["studies"][self.name]  # type: ignore[no-any-return]


@cache
def published() -> dict[str, Any]:
    """The source study's figures, by part and row; see `glyphfront/studies/published.json`."""
    text = (files("glyphfront.studies") / "published.json").read_text(encoding="utf-8")
    figures: dict[str, Any] = json.loads(text)
    return figures


def read_part(folder: Path) -> Part | None:
    """What a folder named as a part holds; None where it has no results.

    Raises:
        GlyphfrontError: a file is faulty; see `glyphfront.measure.compare.read_labels`.
    """
    if not any(folder.glob("*.json")):
        return None
    scored = read_labels(folder)
    diverged = [r for r in load_results(folder) if r.status != "finished"]
    results = [one.result for group in scored.values() for one in group] + diverged
    pairs = {label: base for label in scored if (base := _baseline(folder.name, label)) in scored and base != label}
    rows = compare_labels(scored, {label: base for label, base in pairs.items() if base is not None})
    return Part(folder.name, tuple(results), scored, {row.label: row for row in rows})


def _baseline(part: str, label: str) -> str | None:
    study = published()["studies"][part]
    own: str | None = study.get("baselines", {}).get(label, study["baseline"])
    return own


def once(parts: Sequence[Part]) -> list[Result]:
    """One result of every key, on the report set that most are scored on.

    A Run that stands in several parts is shown as in the first of them, with its latency wherever that stands.
    """
    by_key: dict[str, Result] = {}
    for result in (r for part in parts for r in part.results):
        first = by_key.setdefault(result.key, result)
        if first.latency is None and result.latency is not None:
            by_key[result.key] = replace(first, latency=result.latency)
    prints = [r.data.report_fingerprint for r in by_key.values()]
    common = max(prints, key=prints.count)
    return [r for r in by_key.values() if r.data.report_fingerprint == common]


def verdict(part: Part, label: str) -> str:
    """Whether the sign of the study's difference from the row's baseline is seen here beyond chance."""
    theirs, row = _difference(part, label), part.rows.get(label)
    if row is None or not theirs:
        return DASH
    if not row.differs:
        return UNTOLD
    return HOLDS if (theirs > 0) == (row.comparison.difference > 0) else REVERSED


def single(part: Part, label: str) -> bool:
    """Whether one training stands on a side of the row's comparison."""
    compared = part.rows[label].comparison
    return isinstance(compared, Comparison) or min(compared.a_seeds, compared.b_seeds) == 1


def told_by_the_study(part: Part, label: str) -> bool:
    """Whether the study's own difference is beyond what two draws of its images would differ by, at 5 %."""
    rows, base, images = part.published["rows"], _baseline(part.name, label), published()["images"]
    theirs = _difference(part, label)
    if not theirs or _measure(part) != "test_acc":
        return False
    shares = [rows[one]["test_acc"] for one in (label, base)]
    return bool(abs(theirs) > _Z * math.sqrt(sum(p * (1 - p) / images for p in shares)))


def _measure(part: Part) -> str:
    """The accuracy that the study gives for all rows of a part that are compared."""
    rows = [row for label, row in part.published["rows"].items() if _baseline(part.name, label) is not None]
    return "test_acc" if all("test_acc" in row for row in rows) else "val_acc"


def _difference(part: Part, label: str) -> float | None:
    rows, base, measure = part.published["rows"], _baseline(part.name, label), _measure(part)
    row, other = rows.get(label, {}), rows.get(base, {})
    return row[measure] - other[measure] if measure in row and measure in other else None


def summary(parts: Sequence[Part], found: Sequence[str]) -> Section:
    """What was found, and part by part how many of the study's differences are seen here."""
    cells = []
    for part in parts:
        verdicts = Counter(verdict(part, label) for label in part.rows)
        counts = [verdicts[kind] for kind in (HOLDS, REVERSED, UNTOLD)]
        if any(counts):
            cells.append((part.name, part.published["concluded"] or DASH, *map(str, counts)))
    header = ("part", "the study concluded", f"rows: {HOLDS}", REVERSED, UNTOLD)
    items = (Item("The study's order of its rows", Table(header, tuple(cells), text_columns=2)),) if cells else ()
    return Section("What was found", tuple(found), items)


def part_table(part: Part, question: Question) -> Section:
    """The study's figures of a part and ours side by side."""
    theirs, cells = part.published, []
    for label in question.labels:
        group = [r for r in part.results if r.run.label == label]
        if group:
            study = _study_cells(theirs["rows"].get(label, {}), _measure(part))
            told = verdict(part, label)
            if told != DASH and single(part, label):
                told = f"{told} {_ONE_TRAINING}"
            cells.append((label, *study, *_our_cells(group), *_row_cells(part, label), told))
    header = (
        *("row", "study, %", f"interval of {published()['images']:,} images"),
        *("here, %", "n", "standard deviation, points", "parameters", "p50, µs (× reference)"),
        *(f"against {theirs['baseline']}, points", "beyond chance", "the study's order"),
    )
    before = (f"The study concluded: {theirs['concluded']}.",) if theirs["concluded"] else ()
    table = Table(header, tuple(cells))
    return Section(question.text, before, (Item(part.name, table, notes=tuple(_notes(part))),))


def _notes(part: Part) -> list[str]:
    scored = [r for r in part.results if r.accuracy]
    notes = [f"Measured on {what}{who}." for what, who in _by_label(scored, data_label)]
    notes += [f"Scale{who}: {what}." for what, who in _by_label(part.results, lambda r: r.run.note) if what]
    if part.rows:
        least, most = (100 * f(row.detectable for row in part.rows.values()) for f in (min, max))
        notes.append(
            f"With a probability of 80 % this table shows a difference of {least:.2f} to {most:.2f} points from the "
            "row's baseline; a smaller one it may miss."
        )
    if any(single(part, label) for label in part.rows):
        notes.append(f"{_ONE_TRAINING} One training on a side: no word on how other trainings would differ.")
    diverged = sorted({r.run.label for r in part.results if r.status == "diverged"})
    return [*notes, f"Diverged: {', '.join(diverged)}."] if diverged else notes


def _by_label(results: Sequence[Result], what: Any) -> list[tuple[str, str]]:
    """What is said of results, and of which labels, if not of all."""
    said: dict[str, list[str]] = {}
    for result in results:
        said.setdefault(what(result), []).append(result.run.label)
    return [(text, f" ({', '.join(dict.fromkeys(labels))})" if len(said) > 1 else "") for text, labels in said.items()]


def _study_cells(row: Mapping[str, float], measure: str) -> tuple[str, str]:
    """The study's accuracy in this part, or else the other one it gives."""
    shown = next((m for m in (measure, "test_acc", "val_acc") if m in row), None)
    if shown is None:
        return DASH, DASH
    if shown == "val_acc":
        return f"{percent(row[shown])} (validation)", DASH
    images = published()["images"]
    return percent(row[shown]), interval(proportion(round(row[shown] * images), images))


def _our_cells(group: Sequence[Result]) -> tuple[str, ...]:
    scored = [share for share in map(top1, group) if share]
    values = [share.value for share in scored]
    accuracy = "diverged"
    if len(scored) == 1:
        accuracy = f"{percent(values[0])} ({interval(scored[0])})"
    elif scored:
        accuracy = percent(statistics.fmean(values))
    times = [r.latency for r in group if r.latency]
    took = DASH
    if times:
        p50, ratio = (statistics.median(getattr(t, name) for t in times) for name in ("p50_us", "ratio"))
        took = f"{microseconds(p50)} ({ratio:.1f})"
    return (
        accuracy,
        str(len(scored)),
        percent(statistics.stdev(values)) if len(values) > 1 else DASH,
        f"{group[0].cost.parameters_total:,}",
        took,
    )


def _row_cells(part: Part, label: str) -> tuple[str, str]:
    row, base = part.rows.get(label), _baseline(part.name, label)
    if row is None:
        return DASH, DASH
    against = "" if base == part.published["baseline"] else f"{base}: "
    return against + points(row.comparison).replace(" points", ""), "yes" if row.differs else "no"


def points(compared: Comparison | SeedComparison) -> str:
    """``+1.20 points (−0.10 to +2.50)``."""
    span = f"{signed_points(compared.low)} to {signed_points(compared.high)}"
    return f"{signed_points(compared.difference)} points ({span})"


@dataclass(frozen=True)
class Pair:
    """A network as published and clean: with and without the report split's images in its base's training file."""

    label: str
    leaky: Sequence[Scored]
    clean: Sequence[Scored]

    @property
    def seen(self) -> Any:
        """(N,) bool: the images that leaked."""
        return self.leaky[0].predictions.seen

    def compared(self) -> list[Comparison | SeedComparison | None]:
        """As published less clean: on all images, on those that leaked, on the others."""
        masks = [self.seen | True, self.seen, ~self.seen]
        return [compare_scored(self.clean, self.leaky, images=m) if m.any() else None for m in masks]


def pairs(part: Part | None) -> list[Pair]:
    """The networks of a part that were trained as published and clean; bases first."""
    if part is None:
        return []
    names = [*(f"base_{n}" for n in "1234"), *(f"transfer_{n}" for n in "1234")]
    labels = [(n, f"{n}_published", f"{n}_clean") for n in names]
    labels += [(n, f"{n}_published", n) for n in ("base_final", "final")]
    found = [(n, part.scored.get(leaky), part.scored.get(clean)) for n, leaky, clean in labels]
    return [Pair(n, leaky, clean) for n, leaky, clean in found if leaky and clean]


def transfer(found: Sequence[Pair]) -> Section | None:
    """Bases and transferred networks, as published and clean, on images that leaked and on others."""
    if not found:
        return None
    lines, differences, images = [], [], []
    for pair in found:
        cells = [pair.label, f"{int(pair.seen.sum()):,} of {len(pair.seen):,}"]
        for side in (pair.leaky, pair.clean):
            for mask in (pair.seen, ~pair.seen):
                right = [float(s.predictions.correct[mask].mean()) for s in side] if mask.any() else []
                cells.append(percent(statistics.fmean(right)) if right else DASH)
        lines.append((*cells, data_label(pair.leaky[0].result)))
        compared = [f"{points(c)}, p {c.p_value:.2g}" if c else DASH for c in pair.compared()]
        differences.append((pair.label, *compared, f"{len(pair.leaky)} and {len(pair.clean)}"))
        a, b = (side[0].result for side in (pair.leaky, pair.clean))
        images.append(f"{pair.label} {a.data.fit_images:,} and {b.data.fit_images:,}, epochs {a.run.epochs}")
    header = (
        *("Run", "images that leaked", "published, on those, %", "published, on the others, %"),
        *("clean, on those, %", "clean, on the others, %", "scored on"),
    )
    against = ("Run", "on all images", "on the images that leaked", "on the others", "seeds")
    return Section(
        "Transfer with its leak and without",
        (
            "A base as published is trained on the whole of ByMerge or ByClass, with many of the images that are "
            "scored; a clean one on the same file without them. Images that leaked are those of the report split that "
            "stood in the published base's training file, nine in ten of them to fit on and one to select by. A clean "
            "base has fewer images, and so fewer steps; all else is the same.",
        ),
        (
            Item("Accuracy on images that leaked and others", Table(header, tuple(lines))),
            Item(
                "As published less clean, with 95 % interval",
                Table(against, tuple(differences)),
                notes=(
                    "On the same images; p is each cell's own, not corrected for the table.",
                    f"Images fitted on, published and clean: {'; '.join(images)}.",
                ),
            ),
        ),
    )


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
    report_source: str
    images: int
    classes: int
    correct_at_the_scale_of_training: int
    correct_at_a_255th: int
    provenance: Provenance


def brightness(folder: Path) -> Section | None:
    """Why the study's row with brightness collapsed, from ``brightness.json``.

    Raises:
        GlyphfrontError: the file is faulty.
    """
    path = folder / "brightness.json"
    if not path.exists():
        return None
    try:
        found = from_plain(_Brightness, json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise GlyphfrontError(f"{path}: {error}; write it again: benchmarks/brightness.py") from None
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


def front(results: Sequence[Result]) -> Section | None:
    """Accuracy against time, parameters and multiply-accumulates, of all rows."""
    items = []
    if svg := front_figure(results):
        items.append(Item("The front", figure=PageFigure("front.svg", svg, "Accuracy by time for one image, all rows")))
    if svg := size_figure(results):
        alt = "Accuracy by parameters and by multiply-accumulates, all rows"
        items.append(Item("Size and work", figure=PageFigure("sizes.svg", svg, alt)))
    if not items:
        return None
    networks: dict[str, list[Result]] = {}
    for result in results:
        networks.setdefault(result.run.model.name, []).append(result)
    rows = []
    for name, group in sorted(networks.items(), key=lambda network: network[1][0].cost.macs):
        times = [r.latency for r in group if r.latency]
        if times:
            p50, ratio = (statistics.median(getattr(t, field) for t in times) for field in ("p50_us", "ratio"))
            cost = group[0].cost
            size = (f"{cost.parameters_total:,}", short_count(cost.macs))
            rows.append((name, *size, microseconds(p50), f"{ratio:.2f}", str(len(times))))
    header = ("network", "parameters", "MACs", "p50, µs", "× reference", "rows timed")
    notes = ("Medians over the rows with this network, whatever their activation and dropout.",)
    items.append(Item("Cost of each network", Table(header, tuple(rows)), notes=notes))
    return Section(
        "Accuracy against time, size and work",
        ("All rows scored on the same images, one seed each; the lines are the fronts.",),
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
            rows.append((name, what, f"glyphfront study run {name} --scale {scale}{more}"))
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
            "its interval is that of so many images and leaves the luck of the training out. Ours are of the whole "
            "report split, of the exported file, as mean over n seeds where n is above 1.",
            "Against the baseline: on the same images. With one seed a side McNemar's test and Tango's interval; with "
            "more, a paired bootstrap over images and seeds. Two or three seeds make a rough one: where trainings "
            "differ much, in simulations its interval held the truth in 87 % of cases instead of 95. Beyond chance is "
            "at 5 % over the table, by Holm. The study's order holds where the sign of its difference from the "
            "baseline is also ours and ours is beyond chance.",
            f"Trained on {'; '.join(machines)}, by the code of {', '.join(made) or DASH}.",
        ),
    )
