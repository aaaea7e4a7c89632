"""The page that sets the source study's figures beside ours: read what lies there, find, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.measure.compare import Row, compare_scored, read_labels
from glyphfront.report import sections as make
from glyphfront.report.page import put_between, render_html
from glyphfront.report.sections import HOLDS, REVERSED, UNTOLD, Pair, Part, Question, Section
from glyphfront.report.tables import data_label, escape_markdown, interval, percent, render_markdown, top1
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find, shipped

PAGE, TEXT = "study.html", "study.md"
_FULL, _SHIPPED = "study-full", "shipped-balanced"  # folders beside that of a smaller scale
_IN_README = 3  # findings, from the first


def write_study(
    folder: Path, questions: Mapping[str, Question], *, title: str | None = None, readme: Path | None = None
) -> Path:
    """Write study.html, study.md and their figures into `folder` from the results in its subfolders.

    What else lies there is shown too: ``gradients-*.json`` (glyphfront gradients), ``brightness.json``
    (benchmarks/brightness.py), and beside `folder` the final model in ``study-full`` with its ``architecture.json``
    (glyphfront layers) and the shipped model in ``shipped-balanced``.

    Args:
        folder: holds a folder of result files for each part of the source study, named as it.
        questions: of each part, in their order.
        title: heading of the page.
        readme: also put the first findings between its marks ``<!-- study:start -->`` and ``<!-- study:end -->``.

    Returns:
        The path of study.html.

    Raises:
        GlyphfrontError: no part has results, or a file is faulty.
    """
    parts = {name: part for name in questions if (part := make.read_part(folder / name))}
    if not parts:
        raise GlyphfrontError(
            f"{folder}: no results of the source study there; glyphfront study run baselines --scale laptop"
        )
    scale = folder.resolve().name.rpartition("-")[2]
    full = folder.resolve().parent / _FULL
    final = parts.get("final") if full == folder.resolve() else make.read_part(full / "final")
    pairs = [*make.pairs(parts.get("table9")), *make.pairs(final)]
    results = make.once(list(parts.values()))
    found = [
        *_orders(parts, scale),
        *_transfers(pairs, parts.get("table9")),
        *_final(final, folder.resolve().parent / _SHIPPED),
        *_brightness(parts.get("table6"), scale),
    ]
    tables = [make.part_table(part, questions[name]) for name, part in parts.items()]
    elsewhere = make.part_table(final, questions["final"]) if final and final not in parts.values() else None
    page = [
        make.summary(list(parts.values()), found),
        *tables,
        Section(f"At full settings. {elsewhere.title}", elsewhere.before, elsewhere.items) if elsewhere else None,
        make.transfer(pairs),
        make.brightness(folder),
        make.gradients(folder),
        make.architecture(full / "architecture.json"),
        make.front(results),
        make.not_run(parts, {n: q for n, q in questions.items() if n != "final" or not elsewhere}, scale),
        make.method(results),
    ]
    sections = [section for section in page if section]
    title = title or f"The source study, repeated: {folder.resolve().name}"
    for item in (item for section in sections for item in section.items):
        if item.figure:
            write_text(folder / item.figure.file, item.figure.svg)
    write_text(folder / TEXT, _markdown(title, sections))
    write_text(folder / PAGE, render_html("study.html", title=title, sections=sections))
    if readme:
        link = f"[The whole comparison]({(folder / TEXT).as_posix()})"
        first = [f"{n}. {escape_markdown(line)}" for n, line in enumerate(found[:_IN_README], 1)]
        put_between(readme, "study", [*first, "", link])
    return folder / PAGE


def _orders(parts: Mapping[str, Part], scale: str) -> list[str]:
    """How many of the study's differences are seen here."""
    told = [(part, label, make.verdict(part, label)) for part in parts.values() for label in part.rows]
    counted = [(part, label, kind) for part, label, kind in told if kind in (HOLDS, REVERSED, UNTOLD)]
    if not counted:
        return []
    same, other, untold = (sum(kind == k for _, _, kind in counted) for k in (HOLDS, REVERSED, UNTOLD))
    theirs = sum(make.told_by_the_study(part, label) for part, label, _ in counted)
    alone = sum(make.single(part, label) for part, label, _ in counted)
    sentence = (
        f"At {scale} scale: rows that the study set above or below their baseline, and that were run here: "
        f"{len(counted)}. Beyond chance in the same direction here: {same}; in the other: {other}; cannot be told: "
        f"{untold}. Beyond the chance of two draws of the study's own test images: {theirs}."
    )
    if alone:
        sentence += f" For {alone} of them one training stands on a side here, which is no word on other trainings."
    return [sentence]


def _transfers(pairs: Sequence[Pair], table9: Part | None) -> list[str]:
    """What the leak brings, and what transfer brings without it; that at full settings first, then transfer_2."""
    order = ("final", "transfer_2", "transfer_1", "transfer_3", "transfer_4")
    found = {pair.label: pair for pair in pairs}
    return [_transfer(found[label], table9) for label in order if label in found and found[label].seen.any()]


def _transfer(pair: Pair, table9: Part | None) -> str:
    whole, seen, others = (make.points(c) if c else "none" for c in pair.compared())
    base = pair.leaky[0].result.run
    scale = "at full settings" if not base.note else f"at {base.note.partition(':')[0]} scale"
    sentence = (
        f"Transfer, {pair.label}, {scale}: {pair.seen.mean():.0%} of the scored images stood in the training file of "
        f"the base as published. Accuracy with that leak less accuracy without: {whole}; on the images that leaked "
        f"{seen}, on the others {others}."
    )
    row: Row | None = table9.rows.get(f"{pair.label}_clean") if table9 else None
    if row:
        sentence += f" Without the leak, transfer brings {make.points(row.comparison)}."
    return f"{sentence} Seeds: {len(pair.leaky)} and {len(pair.clean)}."


def _final(part: Part | None, shipped_folder: Path) -> list[str]:
    """The final model at full settings, against what the study says of it and against the shipped model."""
    scored = part.scored.get("final") if part else None
    if not part or not scored or not (share := top1(scored[0].result)):
        return []
    result, theirs = scored[0].result, part.published["rows"]["final"]["test_acc"]
    sentence = (
        f"The study's final model at full settings, transferred without the leak: {percent(share.value)} % "
        f"({interval(share)}) on {data_label(result)}, one seed; the study, with the leak: {percent(theirs)} % on "
        f"{make.published()['images']:,} images."
    )
    files = {load_card(find(name)).sha256 for name in shipped()}
    groups = read_labels(shipped_folder) if shipped_folder.is_dir() else {}
    for label, group in groups.items():
        ours = group[0].result
        if ours.exported is None or ours.exported.sha256 not in files:
            continue
        if ours.data.report_fingerprint != result.data.report_fingerprint:
            continue
        sentence += f" {label}, which is shipped, less that: {make.points(compare_scored(scored[:1], group[:1]))}"
        if ours.latency and result.latency:
            sentence += f", in {ours.latency.ratio / result.latency.ratio:.0%} of the time for an image"
        if ours.run.logit_adjustment and not result.run.logit_adjustment:
            sentence += "; its training corrects for uneven classes, the study's does not"
        sentence += "."
    return [sentence]


def _brightness(table6: Part | None, scale: str) -> list[str]:
    if not table6 or not {"aug_4", "aug_5"} <= table6.scored.keys():
        return []
    four, five = (fmean(s.predictions.correct.mean() for s in table6.scored[label]) for label in ("aug_4", "aug_5"))
    theirs = table6.published["rows"]["aug_5"]["test_acc"]
    return [
        f"Brightness does not collapse: at {scale} scale aug_5 has {percent(five)} % where aug_4 has "
        f"{percent(four)} %; the study's aug_5 has {percent(theirs)} %."
    ]


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
