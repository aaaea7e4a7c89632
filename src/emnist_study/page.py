"""The page that sets the source study's figures beside ours: read what lies there, find, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.measure.compare import compare_scored, read_labels
from glyphfront.measure.statistics import single
from glyphfront.measure.timings import FILE as TIMINGS
from glyphfront.measure.timings import Timings, computation, load_timings
from glyphfront.report import sections as make
from glyphfront.report.page import put_between, render_html
from glyphfront.report.parts import (
    DIVERGED,
    FAILS,
    HOLDS,
    UNTOLD,
    Part,
    Question,
    once,
    published,
    read_part,
    read_parts,
    study_claims,
    timings,
)
from glyphfront.report.sections import Section
from glyphfront.report.tables import ONE, data_label, escape_markdown, percent, render_markdown
from glyphfront.report.transfer import Pair, adjusted, pairs, transfer
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find, shipped

PAGE, TEXT = "study.html", "study.md"
_FULL, _SHIPPED = "study-full", "shipped-balanced"  # folders beside that of a smaller scale


def write_study(
    folder: Path, questions: Mapping[str, Question], *, title: str | None = None, readme: Path | None = None
) -> Path:
    """Write study.html, study.md and their figures into `folder` from the results in its subfolders.

    What else lies there is shown too: ``gradients-*.json`` (glyphfront gradients), ``brightness.json``
    (benchmarks/brightness.py), ``timings.json`` (glyphfront study time), and beside `folder` the final model in
    ``study-full`` with its ``architecture.json`` (glyphfront layers) and the shipped model in ``shipped-balanced``.

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
    parts = read_parts(folder, questions)
    if not parts:
        raise GlyphfrontError(
            f"{folder}: no results of the source study there; glyphfront study run baselines --scale laptop"
        )
    full = folder.resolve().parent / _FULL
    final = parts.get("final")
    if full != folder.resolve() and "final" in questions:
        final = read_part(full / "final", questions["final"]) or final
    found_pairs = [*pairs(parts.get("table9")), *pairs(final)]
    everything = [result for part in parts.values() for result in part.results]
    scale = next((result.run.note.partition(":")[0] for result in everything if result.run.note), "full")
    in_turns = load_timings(folder / TIMINGS)
    timed = timings(everything, in_turns)
    leaky = {one.result.key for part in parts.values() for one in part.finished if one.predictions.seen.any()}
    results = once(everything, timed)
    unseen = [result for result in results if result.key not in leaky]
    transfers = _transfers(found_pairs, parts.get("table9"))
    first = [*_claims(parts, scale), *transfers[:1], *_final(final, folder.resolve().parent / _SHIPPED, in_turns)]
    elsewhere = (
        make.part_table(final, timings(final.results, in_turns)) if final and final not in parts.values() else None
    )
    page = [
        make.claims(list(parts.values()), [*first, *transfers[1:], *_brightness(parts.get("table6"), scale)]),
        *(make.part_table(part, timed) for part in parts.values()),
        Section(f"At full settings. {elsewhere.title}", elsewhere.before, elsewhere.items) if elsewhere else None,
        transfer(found_pairs),
        make.brightness(folder, parts.get("table6")),
        make.gradients(folder),
        make.architecture(full / "architecture.json"),
        make.front(results, unseen, timed, in_turns),
        make.not_run({**parts, "final": final} if final else parts, questions, scale),
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
        lines = [f"{n}. {escape_markdown(line)}" for n, line in enumerate(first, 1)]
        put_between(readme, "study", [*lines, "", link])
    return folder / PAGE


def _claims(parts: Mapping[str, Part], scale: str) -> list[str]:
    """How many of the study's claims hold here; those that rest on a fault, or were not its own, are not counted."""
    tested = [c for part in parts.values() for c in part.claims if c.verdict and not c.fault and not c.added]
    everything = study_claims()
    if not tested:
        return []
    count = Counter(claim.verdict for claim in tested)
    told = [
        f"{count[HOLDS]} {'holds' if count[HOLDS] == 1 else 'hold'}",
        f"{count[FAILS]} {'does' if count[FAILS] == 1 else 'do'} not hold",
        f"{count[UNTOLD]} cannot be told",
        *([f"{count[ONE]} have one training on a side so far and get no verdict"] if count[ONE] else []),
        *([f"of {count[DIVERGED]} a training diverged"] if count[DIVERGED] else []),
    ]
    sentence = (
        f"{len(everything)} claims of which row is better, or as good, can be read out of the study; {len(tested)} "
        f"were put to the test at {scale} scale: {', '.join(told)}."
    )
    figures = [(text, beyond) for text, beyond in everything if beyond is not None]
    larger = [text for text, beyond in figures if beyond]
    sentence += (
        f" In the study's own figures {len(larger)} of the {len(figures)} that rest on two test accuracies "
        f"({', '.join(larger)}) are larger than equal models would differ by on a draw of {published()['images']:,} "
        "images for each, at 5 %."
    )
    return [sentence]


def _transfers(pairs: Sequence[Pair], table9: Part | None) -> list[str]:
    """What the leak brings, and what transfer brings without it; that at full settings first, then transfer_2."""
    order = ("final", "transfer_2", "transfer_1", "transfer_3", "transfer_4")
    found = {pair.label: pair for pair in pairs}
    p_values = adjusted(pairs)
    return [_transfer(found[n], p_values.get(n, 1.0), table9) for n in order if n in found and found[n].seen.any()]


def _transfer(pair: Pair, p_value: float, table9: Part | None) -> str:
    whole, seen, others, leak = (make.points(c) if c else "none" for c in pair.compared)
    note = pair.leaky[0].result.run.note
    scale = f"at {note.partition(':')[0]} scale" if note else "at full settings"
    sentence = f"Transfer, {pair.label}, {scale} (trainings: {len(pair.leaky)} as published, {len(pair.clean)} clean):"
    row = table9.rows.get(f"{pair.label}_clean") if table9 else None
    if table9 and row:
        changed = [c.at_scale for c in table9.claims if c.row == row.label and c.at_scale]
        sentence += f" from a clean base it brings {make.points(row.comparison)}"
        sentence += f", where {changed[0]}." if changed else "."
    sentence += (
        f" {pair.seen.mean():.0%} of the scored images stood in the file that the base is trained on as published. A "
        f"base with them changes the accuracy by {whole}: by {seen} on those images, by {others} on the others. What "
        f"the leak itself brings is the difference of these two: {leak}"
    )
    if pair.leak and single(pair.leak):
        return f"{sentence}, with one training on a side no verdict."
    if pair.least is None:
        return f"{sentence}."
    told = "beyond" if p_value < 0.05 else "within"
    return f"{sentence}, {told} chance; a leak below {100 * pair.least:.1f} points may be missed."


def _final(part: Part | None, shipped_folder: Path, in_turns: Timings | None) -> list[str]:
    """The final model at full settings, against what the study says of it and against the shipped model."""
    scored = part.scored.get("final") if part else None
    if not part or not scored:
        return []
    result, theirs = scored[0].result, part.published["rows"]["final"]["test_acc"]
    ours = fmean(one.predictions.correct.mean() for one in scored)
    low, high = part.interval("final")
    sentence = (
        f"The study's final model at full settings, transferred without the leak: {percent(ours)} % "
        f"({percent(low)}–{percent(high)}) on {data_label(result)}, trainings: {len(scored)}; the study, with the "
        f"leak: {percent(theirs)} % on {published()['images']:,} images. The two also differ in what they were trained "
        "and scored on, so the difference is not what the leak brings."
    )
    timed = timings([], in_turns)
    files = {load_card(find(name)).sha256 for name in shipped()}
    groups = read_labels(shipped_folder) if shipped_folder.is_dir() else {}
    for label, group in groups.items():
        small = group[0].result
        if small.exported is None or small.exported.sha256 not in files:
            continue
        if small.data.test_fingerprint != result.data.test_fingerprint:
            continue
        sentence += f" The shipped {label} less that: {make.points(compare_scored(scored, group))}"
        time, longer = (timed.get(computation(r.run.model)) for r in (small, result))
        if time and longer:
            sentence += f", in {time.latency.ratio / longer.latency.ratio:.0%} of the time for an image"
        if small.run.logit_adjustment and not result.run.logit_adjustment:
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
