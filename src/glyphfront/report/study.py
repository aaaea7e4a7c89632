"""The page that sets the source study's figures beside ours: table by table, transfer, the front of all rows."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.measure.accuracy import proportion
from glyphfront.measure.compare import (
    Comparison,
    Row,
    Scored,
    SeedComparison,
    compare_results,
    compare_scored,
    read_scored,
)
from glyphfront.measure.layers import load_architecture
from glyphfront.report.figures import front_figure, size_figure
from glyphfront.report.page import PageFigure, put_between, render_html
from glyphfront.report.tables import (
    DASH,
    Table,
    data_label,
    escape_markdown,
    interval,
    microseconds,
    percent,
    render_markdown,
    short_count,
    signed_points,
    top1,
)
from glyphfront.result import Result, load_results

PAGE, TEXT = "study.html", "study.md"
_HOLDS, _REVERSED, _UNTOLD = "holds", "does not hold", "cannot be told"
_FULL, _SHIPPED = "study-full", "shipped-balanced"  # folders of results beside that of a smaller scale
_IN_README = 3  # findings, from the first


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


def published() -> dict[str, Any]:
    """The source study's figures, by study and row; see `glyphfront/studies/published.json`."""
    text = files("glyphfront").joinpath("studies/published.json").read_text(encoding="utf-8")
    figures: dict[str, Any] = json.loads(text)
    return figures


def write_study(
    folder: Path,
    questions: Mapping[str, tuple[str, Sequence[str]]],
    *,
    title: str | None = None,
    readme: Path | None = None,
) -> Path:
    """Write study.html, study.md and front.svg into `folder` from the results in its subfolders.

    Args:
        folder: holds a folder of result files for each part of the source study, named as it.
        questions: of each part, in their order: its question, and the labels of all its rows.
        title: heading of the page.
        readme: also put the first findings between its marks ``<!-- study:start -->`` and ``<!-- study:end -->``.

    What else lies there is shown too: ``gradients-*.svg`` (glyphfront gradients), ``brightness.json``
    (benchmarks/brightness.py), and beside `folder` the results of ``study-full`` with its ``architecture.json``
    (glyphfront layers) and of ``shipped-balanced``.

    Returns:
        The path of study.html.

    Raises:
        GlyphfrontError: no part has results, or a file is faulty.
    """
    parts = {name: load_results(folder / name) for name in questions if any((folder / name).glob("*.json"))}
    if not parts:
        raise GlyphfrontError(
            f"{folder}: no results of the source study there; glyphfront study run baselines --scale laptop"
        )
    rows = {name: _rows(folder / name, results) for name, results in parts.items()}
    found = _findings(folder, parts, rows)
    everything = _once([r for results in parts.values() for r in results])
    sections = [_found(found, parts, rows)]
    sections += [_part(name, questions[name], results, rows[name]) for name, results in parts.items()]
    further = (
        _transfer(folder / "table9") if "table9" in parts else None,
        _brightness(folder),
        _gradients(folder),
        _final(folder, questions),
        _architecture(folder),
        _front(everything),
        _not_run(folder, questions, parts),
        _method(everything),
    )
    sections += [section for section in further if section]
    title = title or f"The source study, repeated: {folder.resolve().name}"
    for section in sections:
        for item in section.items:
            if item.figure:
                write_text(folder / item.figure.file, item.figure.svg)
    write_text(folder / TEXT, _markdown(title, sections))
    write_text(folder / PAGE, render_html("study.html", title=title, sections=sections))
    if readme:
        link = f"[The whole comparison]({(folder / TEXT).as_posix()})"
        first = [f"{n}. {escape_markdown(line)}" for n, line in enumerate(found[:_IN_README], 1)]
        put_between(readme, "study", [*first, "", link])
    return folder / PAGE


def _once(results: Sequence[Result]) -> list[Result]:
    """One result of every key on the report set that most are scored on."""
    by_key = {r.key: r for r in results}
    prints = [r.data.report_fingerprint for r in by_key.values()]
    common = max(prints, key=prints.count)
    return [r for r in by_key.values() if r.data.report_fingerprint == common]


def _part(
    name: str, question: tuple[str, Sequence[str]], results: Sequence[Result], rows: Mapping[str, Row]
) -> Section:
    theirs = _published(name)
    cells = []
    for label in question[1]:
        group = [r for r in results if r.run.label == label]
        if not group:
            continue
        row = rows.get(label)
        study = _study_cells(theirs["rows"].get(label))
        cells.append((label, *study, *_our_cells(group), *_row_cells(row), _verdict(theirs, label, row)))
    header = (
        *("row", "study, %", "interval of 1,024 images"),
        *("here, %", "n", "standard deviation, points", "parameters", "p50, µs"),
        *(f"against {theirs['baseline']}, points", "beyond chance", "the study's order"),
    )
    scored = next((r for r in results if r.accuracy), results[0])
    notes = [f"Measured on {data_label(scored)}."]
    if scored.run.note:
        notes.append(f"Scale of {scored.run.label}: {scored.run.note}.")
    if rows:
        least, most = (100 * f(row.detectable for row in rows.values()) for f in (min, max))
        notes.append(
            f"With a probability of 80 % this table shows a difference of {least:.2f} to {most:.2f} points from "
            f"{theirs['baseline']}; a smaller one it may miss."
        )
    diverged = [r.run.label for r in results if r.status == "diverged"]
    if diverged:
        notes.append(f"Diverged: {', '.join(sorted(diverged))}.")
    before = (f"The study concluded: {theirs['concluded']}.",) if theirs["concluded"] else ()
    return Section(question[0], before, (Item(name, Table(header, tuple(cells)), notes=tuple(notes)),))


def _published(name: str) -> dict[str, Any]:
    part: dict[str, Any] = published()["studies"][name]
    return part


def _rows(folder: Path, results: Sequence[Result]) -> dict[str, Row]:
    """Each row against its part's baseline; none where that has no result."""
    baseline = _published(folder.name)["baseline"]
    if not any(r.run.label == baseline and r.status == "finished" for r in results):
        return {}
    return {row.label: row for row in compare_results(folder, baseline)}


def _study_cells(row: dict[str, float] | None) -> tuple[str, str]:
    """The study's test accuracy, or else its validation accuracy."""
    if not row:
        return DASH, DASH
    if "test_acc" not in row:
        return f"{percent(row['val_acc'])} (validation)", DASH
    images = published()["images"]
    share = proportion(round(row["test_acc"] * images), images)
    return percent(row["test_acc"]), interval(share)


def _our_cells(group: Sequence[Result]) -> tuple[str, ...]:
    scored = [share for share in map(top1, group) if share]
    values = [share.value for share in scored]
    accuracy = "diverged"
    if len(scored) == 1:
        accuracy = f"{percent(values[0])} ({interval(scored[0])})"
    elif scored:
        accuracy = percent(statistics.fmean(values))
    times = [r.latency.p50_us for r in group if r.latency]
    return (
        accuracy,
        str(len(scored)),
        percent(statistics.stdev(values)) if len(values) > 1 else DASH,
        f"{group[0].cost.parameters_total:,}",
        microseconds(statistics.median(times)) if times else DASH,
    )


def _row_cells(row: Row | None) -> tuple[str, str]:
    if row is None:
        return DASH, DASH
    compared = row.comparison
    span = f"{signed_points(compared.low)} to {signed_points(compared.high)}"
    return f"{signed_points(compared.difference)} ({span})", "yes" if row.differs else "no"


def _verdict(study: Mapping[str, Any], label: str, row: Row | None) -> str:
    """Whether the sign of the study's difference from the baseline is seen here beyond chance."""
    theirs, baseline = study["rows"].get(label, {}), study["rows"].get(study["baseline"], {})
    measure = next((m for m in ("test_acc", "val_acc") if m in theirs and m in baseline), None)
    if row is None or measure is None or theirs[measure] == baseline[measure]:
        return DASH
    if not row.differs:
        return _UNTOLD
    same = (theirs[measure] > baseline[measure]) == (row.comparison.difference > 0)
    return _HOLDS if same else _REVERSED


def _scored(folder: Path, label: str) -> list[Scored]:
    paths = sorted(folder.glob(f"{label}-seed*.json"))
    return [one for path in paths if (one := _read(path))]


def _read(path: Path) -> Scored | None:
    return read_scored(path) if path.with_suffix(".predictions.npz").exists() else None


def _transfer(folder: Path) -> Section:
    """Base, transferred, leaky and clean side by side; and their differences on images that leaked and others."""
    numbers = [n for n in "1234" if _pairs(folder, f"transfer_{n}")]
    lines, differences = [], []
    for kind in ("base", "transfer"):
        for number in numbers:
            leaky, clean = _pairs(folder, f"{kind}_{number}") or ([], [])
            if not leaky or not clean:
                continue
            seen = leaky[0].predictions.seen
            name = f"{kind}_{number}"
            where = data_label(leaky[0].result)
            cells = [name, f"{int(seen.sum()):,} of {len(seen):,}"]
            for side in (leaky, clean):
                for mask in (seen, ~seen):
                    share = [s.predictions.correct[mask].mean() for s in side] if mask.any() else []
                    cells.append(percent(float(statistics.fmean(map(float, share)))) if share else DASH)
            lines.append((*cells, where))
            row = [name]
            for mask in (seen, ~seen):
                if not mask.any():
                    row.append(DASH)
                    continue
                compared = compare_scored(clean, leaky, images=mask)
                span = f"{signed_points(compared.low)} to {signed_points(compared.high)}"
                row.append(f"{signed_points(compared.difference)} ({span}), p {compared.p_value:.3f}")
            differences.append((*row, str(min(len(leaky), len(clean)))))
    header = (
        *("Run", "images that leaked", "published, on those, %", "published, on the others, %"),
        *("clean, on those, %", "clean, on the others, %", "scored on"),
    )
    against = ("Run", "on the images that leaked", "on the others", "seeds")
    return Section(
        "Transfer with its leak and without",
        (
            "A base as published is trained on the whole of ByMerge or ByClass, with many of the images that are "
            "scored; a clean one is not. Images that leaked are those of the report split that the published base was "
            "trained on. Bases and transferred networks of a row are trained alike otherwise.",
        ),
        (
            Item("Accuracy on images that leaked and others", Table(header, tuple(lines))),
            Item(
                "Published less clean, in points with 95 % interval",
                Table(against, tuple(differences)),
                notes=("Published less clean, on the same images; p is each cell's own, not corrected for the table.",),
            ),
        ),
    )


def _pairs(folder: Path, name: str) -> tuple[list[Scored], list[Scored]] | None:
    leaky, clean = _scored(folder, f"{name}_published"), _scored(folder, f"{name}_clean")
    return (leaky, clean) if leaky and clean else None


def _front(results: Sequence[Result]) -> Section | None:
    svg = front_figure(results)
    if svg is None:
        return None
    kinds = {r.run.model.name: r for r in reversed(results) if r.latency}
    rows = [
        (
            name,
            f"{r.cost.parameters_total:,}",
            short_count(r.cost.macs),
            microseconds(r.latency.p50_us),
            f"{r.latency.ratio:.2f}",
        )
        for name, r in sorted(kinds.items(), key=lambda kind: kind[1].cost.macs)
        if r.latency
    ]
    header = ("network", "parameters", "MACs", "p50, µs", "× reference")
    items = [Item("The front", figure=PageFigure("front.svg", svg, "Accuracy by time for one image, all rows"))]
    if sizes := size_figure(results):
        alt = "Accuracy by parameters and by multiply-accumulates, all rows"
        items.append(Item("Size and work", figure=PageFigure("sizes.svg", sizes, alt)))
    items.append(Item("Cost of each network", Table(header, tuple(rows))))
    return Section(
        "Accuracy against time, size and work",
        ("All rows scored on the same images, one seed each; the lines are the fronts.",),
        tuple(items),
    )


def _brightness(folder: Path) -> Section | None:
    """Why the study's row with brightness collapsed."""
    path = folder / "brightness.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    returned = tuple(
        (generator["name"], row, f"{generator[f'{row}_greatest']:.3g}", f"{generator[f'{row}_mean']:.3g}")
        for generator in found["generators"]
        for row in ("aug_4", "aug_5")
    )
    images = found["images"]
    scored = (
        ("as in training", percent(found["correct_at_the_scale_of_training"] / images)),
        ("a 255th of it", percent(found["correct_at_a_255th"] / images)),
    )
    return Section(
        "Why the study's row with brightness collapsed",
        (
            "Keras' ImageDataGenerator was given images of 0 to 1, with and without brightness. A generator that "
            "returns 0 to 255 makes a network that sees all but black in test images of 0 to 1; one that returns "
            "nothing but 0 has nothing to learn from. Which of the two the study had is not known.",
            f"Here the network of {found['label']}, trained with brightness on one scale, on {images:,} report images "
            f"at two scales. Chance is {percent(1 / found['classes'])} %; the study's row has "
            f"{percent(_published('table6')['rows']['aug_5']['test_acc'])} %.",
        ),
        (
            Item(
                "What the generator returns", Table(("generator", "row", "greatest", "mean"), returned, text_columns=2)
            ),
            Item("What the scale does to the accuracy", Table(("scale of the images", "accuracy, %"), scored)),
        ),
    )


def _gradients(folder: Path) -> Section | None:
    """What reaches the candidates' layers, by the side of the images."""
    items = []
    for path in sorted(folder.glob("gradients-*.svg")):
        side = path.stem.partition("-")[2]
        figure = PageFigure(path.name, path.read_text(encoding="utf-8"), f"Gradients by layer at {side} pixels")
        items.append(Item(f"Images of {side}×{side} pixels", figure=figure))
    if not items:
        return None
    return Section(
        "What gradient reaches the candidates' layers",
        (
            "The study says that most of the candidates lost their gradient. A gradient has vanished where its norm "
            "falls by orders of magnitude from layer to layer; a map of one pixel has nothing left to look at, and "
            "eight of the nine weights of a 3×3 kernel on it never get a gradient.",
        ),
        tuple(items),
    )


def _final(folder: Path, questions: Mapping[str, tuple[str, Sequence[str]]]) -> Section | None:
    """On the page of another scale: the final model at full settings."""
    full = folder.resolve().parent / _FULL
    if full == folder.resolve() or not (full / "final").is_dir():
        return None
    results = load_results(full / "final")
    section = _part("final", questions["final"], results, _rows(full / "final", results))
    return replace(section, title=f"At full settings. {section.title}")


def _architecture(folder: Path) -> Section | None:
    """The final model's layers."""
    path = folder.resolve().parent / _FULL / "architecture.json"
    if not path.exists():
        return None
    net = load_architecture(path)
    rows = [(r.name, r.kind, "×".join(map(str, r.output)), f"{r.parameters:,}") for r in net.layers]
    return Section(
        "The final model, layer by layer",
        (
            f"Input {'×'.join(map(str, net.input))}. {net.parameters_total:,} parameters, of which "
            f"{net.parameters_trainable:,} are trained and the others are batch norm's running statistics; the study "
            f"counts {_published('final')['rows']['final']['params']:,}. A DenseLayer is norm, activation, "
            "1×1 convolution, norm, activation, 3×3 convolution; what it computes is appended to what came in.",
        ),
        (Item("Layers", Table(("layer", "kind", "output", "parameters"), tuple(rows), text_columns=2)),),
    )


def _not_run(
    folder: Path, questions: Mapping[str, tuple[str, Sequence[str]]], parts: dict[str, list[Result]]
) -> Section:
    scale = folder.resolve().name.rpartition("-")[2]
    rows = []
    for name, (_, labels) in questions.items():
        have = {r.run.label for r in parts.get(name, [])}
        missing = [label for label in labels if label not in have]
        if missing:
            what = "all" if len(missing) == len(labels) else ", ".join(missing)
            rows.append((name, what, f"glyphfront study run {name} --scale {scale}"))
    if not rows:
        return Section("Not run", ("Every row was run.",))
    table = Table(("part", "rows without a result", "the command that runs them"), tuple(rows), text_columns=3)
    return Section("Not run", (), (Item("Rows without a result", table),))


def _method(results: Sequence[Result]) -> Section:
    made = sorted({r.provenance.commit for r in results})
    machines = sorted({r.provenance.machine for r in results})
    return Section(
        "How to read this",
        (
            "The study's accuracies are of one batch of 1,024 test images and of one training: its interval is that of "
            "1,024 images and leaves the luck of the training out. Ours are of the whole report split, of the exported "
            "file, as mean over n seeds where n is above 1.",
            "Against the baseline: on the same images. With one seed a side McNemar's test and Tango's interval; with "
            "more, a paired bootstrap over images and seeds, which two seeds make a rough one. Beyond chance is at 5 % "
            "over the table, by Holm. The study's order holds where the sign of its difference from the baseline is "
            "also ours and ours is beyond chance.",
            f"Trained on {'; '.join(machines)}, by the code of {', '.join(c for c in made if c) or DASH}.",
        ),
    )


def _found(
    found: tuple[str, ...], parts: Mapping[str, Sequence[Result]], rows: Mapping[str, Mapping[str, Row]]
) -> Section:
    cells = []
    for name in parts:
        verdicts = Counter(_verdict(_published(name), label, row) for label, row in rows[name].items())
        counts = [str(verdicts[verdict]) for verdict in (_HOLDS, _REVERSED, _UNTOLD)]
        if any(verdicts[verdict] for verdict in (_HOLDS, _REVERSED, _UNTOLD)):
            cells.append((name, _published(name)["concluded"] or DASH, *counts))
    header = ("part", "the study concluded", f"rows: {_HOLDS}", _REVERSED, _UNTOLD)
    table = Table(header, tuple(cells), text_columns=2)
    return Section("What was found", found, (Item("The study's order of its rows", table),) if cells else ())


def _findings(
    folder: Path, parts: Mapping[str, Sequence[Result]], rows: Mapping[str, Mapping[str, Row]]
) -> tuple[str, ...]:
    """What the tables say in a sentence each, with their numbers; only what was measured."""
    lines = []
    verdicts = Counter(
        _verdict(_published(name), label, row) for name, part in rows.items() for label, row in part.items()
    )
    if total := verdicts[_HOLDS] + verdicts[_REVERSED] + verdicts[_UNTOLD]:
        lines.append(
            f"Rows run here that the study set above or below their table's baseline: {total}. Beyond chance in the "
            f"same direction here: {verdicts[_HOLDS]}; in the other: {verdicts[_REVERSED]}; cannot be told: "
            f"{verdicts[_UNTOLD]}."
        )
    transfers = [_transfer_finding(folder / "table9", n) for n in "2134"] if "table9" in parts else []
    lines += [*filter(None, transfers[:1]), *_final_findings(folder), *filter(None, transfers[1:])]
    aug = {r.run.label: top1(r) for r in parts.get("table6", []) if r.run.seed == 0}
    if (five := aug.get("aug_5")) and (four := aug.get("aug_4")):
        lines.append(
            f"Brightness does not collapse: aug_5 has {percent(five.value)} % where aug_4 has {percent(four.value)} % "
            f"and the study's aug_5 {percent(_published('table6')['rows']['aug_5']['test_acc'])} %."
        )
    best = max(
        (share.value for r in _once([r for p in parts.values() for r in p]) if (share := top1(r))), default=math.nan
    )
    lines.append(f"The most accurate row of {folder.resolve().name} has {percent(best)} %.")
    return tuple(lines)


def _transfer_finding(folder: Path, number: str) -> str | None:
    pair = _pairs(folder, f"transfer_{number}")
    if not pair or not pair[0][0].predictions.seen.any():
        return None
    leaky, clean = pair
    seen = leaky[0].predictions.seen
    whole, on_seen, on_others = (compare_scored(clean, leaky, images=m) for m in (None, seen, ~seen))
    return (
        f"Transfer with its leak, transfer_{number}: the base as published was trained on {seen.mean():.0%} of the "
        f"scored images. With that leak the transferred network is {_points(whole)} more accurate than without; on the "
        f"images that leaked {_points(on_seen)}, on the others {_points(on_others)}. Seeds: {len(leaky)} and "
        f"{len(clean)}."
    )


def _points(compared: Comparison | SeedComparison) -> str:
    span = f"{signed_points(compared.low)} to {signed_points(compared.high)}"
    return f"{signed_points(compared.difference)} points ({span})"


def _final_findings(folder: Path) -> list[str]:
    """The final model at full settings, against what the study says of it and against the shipped model."""
    full = folder.resolve().parent / _FULL / "final"
    scored = _scored(full, "final") if full.is_dir() else []
    if not scored or not (share := top1(scored[0].result)):
        return []
    result, theirs = scored[0].result, _study_cells(_published("final")["rows"]["final"])
    sentence = (
        f"The study's final model at full settings, transferred without the leak: {percent(share.value)} % "
        f"({interval(share)}) on {data_label(result)}, one seed; the study: {theirs[0]} % ({theirs[1]})."
    )
    shipped_folder = full.parent.parent / _SHIPPED
    for path in sorted(shipped_folder.glob("*-seed0.json")) if shipped_folder.is_dir() else ():
        ours = _read(path)
        if ours and ours.result.data.report_fingerprint == result.data.report_fingerprint:
            sentence += f" {ours.result.run.label}, which is shipped: {_points(compare_scored(scored[:1], [ours]))}"
            if (mine := ours.result.latency) and (study := result.latency):
                sentence += f", in {mine.ratio / study.ratio:.0%} of the time for an image"
            if ours.result.run.logit_adjustment and not result.run.logit_adjustment:
                sentence += "; its training corrects for uneven classes, the study's does not"
            sentence += "."
    return [sentence]


def _markdown(title: str, sections: Sequence[Section]) -> str:
    lines = [f"# {escape_markdown(title)}", ""]
    for section in sections:
        lines += [f"## {escape_markdown(section.title)}", ""]
        for line in section.before:
            lines += [escape_markdown(line), ""]
        for item in section.items:
            if len(section.items) > 1:
                lines += [f"### {escape_markdown(item.caption)}", ""]
            if item.table:
                lines += [render_markdown(item.table)]
            if item.figure:
                lines += [f"![{escape_markdown(item.figure.alt)}]({item.figure.file})", ""]
            for note in item.notes:
                lines += [escape_markdown(note), ""]
    return "\n".join(lines).rstrip("\n") + "\n"
