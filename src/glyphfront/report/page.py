"""The report on a folder of results: one HTML page, the same as Markdown with its figures, and a part of a README.

Everything is made from what lies in the folder and from the cards of the shipped models; the same files give the same
bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.measure.folder import Evaluated, Part, Reading, read_folder
from glyphfront.measure.judge import judge
from glyphfront.report.claims import claims_sections
from glyphfront.report.document import (
    Document,
    Item,
    PageFigure,
    Section,
    Table,
    escape_markdown,
    markdown_table,
    render_html,
    render_markdown,
)
from glyphfront.report.figures import flat_figure, front_figure, size_figure
from glyphfront.report.front import File, by_test_set, data_label, files_of, front
from glyphfront.report.images import images_section
from glyphfront.report.parts import leaks_section, part_section
from glyphfront.report.pick import level_with_best, pick
from glyphfront.report.results import BOLD, results_sections
from glyphfront.report.study_figures import times_figure
from glyphfront.report.tables import DASH, microseconds, rows_table, short_count

GROUP = "glyphfront.pages"
"""The entry-point group through which packages add sections to the pages of their studies: by the study's name,
callables that take a Reading and return Sections. The first of them says what was found; a README shows it too."""

HTML, TEXT = "report.html", "report.md"
_FINDINGS = 3  # that a README has room for
_FIGURES = "front|flat|sizes|times|images|claims|differences|curves|pairs|leaks|part|gradients|calibration"
_OURS = re.compile(rf"({_FIGURES})(-.+)?\.svg")


def write_report(
    folder: Path, *, title: str | None = None, budget_us: float | None = None, readme: Path | None = None
) -> Path:
    """Write report.html, report.md and their figures into a folder of results.

    Args:
        folder: see `glyphfront.measure.folder.read_folder`; besides, where example images may be kept,
            ``NAME.examples.npz`` beside ``NAME.json``.
        title: heading of the page; by default the study's question.
        budget_us: the budget whose pick stands on top, in microseconds for one image; without it the most accurate.
        readme: also put what was found between the marks ``<!-- results:start -->`` and ``<!-- results:end -->``; of a
            study with claims in its parts between ``<!-- study:start -->`` and ``<!-- study:end -->``.

    Returns:
        The path of report.html.

    Raises:
        GlyphfrontError: there are no results, a file is faulty, a budget is given for a study with parts, or the marks
            are missing.
    """
    reading = read_folder(folder)
    whole = bool(reading.study.parts) or len(reading.parts) > 1
    if whole and budget_us is not None:
        raise GlyphfrontError(
            f"{folder}: a study with parts has no pick: leave the budget out, or name one of its parts"
        )
    question = reading.parts[0].study.question if len(reading.parts) == 1 else reading.study.question
    title = title or question or f"glyphfront: {' on '.join(folder.resolve().name.split('-', 1))}"
    sections, found = _study_sections(reading) if whole else _rows_sections(reading, budget_us)
    document = Document(title, tuple(sections))
    texts = {figure.file: figure.svg for figure in document.figures}
    for name in _figures_of_the_page_before(folder) - texts.keys():
        (folder / name).unlink(missing_ok=True)
    texts |= {TEXT: render_markdown(document), HTML: render_html(document)}
    for name, text in texts.items():
        write_text(folder / name, text)
    if readme:
        link = Path(os.path.relpath(folder.resolve() / TEXT, readme.resolve().parent)).as_posix()
        found = [*found, "", f"[The whole report]({link})"]
        put_between(readme, "study" if any(part.study.claims for part in reading.parts) else "results", found)
    return folder / HTML


def _figures_of_the_page_before(folder: Path) -> set[str]:
    """Those that the report.md there shows; other figures in the folder are somebody's own."""
    try:
        text = (folder / TEXT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return {name for name in re.findall(r"\]\(([^()/\\]+\.svg)\)", text) if _OURS.fullmatch(name)}


def _rows_sections(reading: Reading, budget_us: float | None) -> tuple[list[Section], list[str]]:
    """Of a study of rows: what to take, and all about its results; of each test set by itself."""
    judged = judge(reading.parts)
    sections = claims_sections(judged, reading.study.scale)
    found: list[str] = []
    for number, files in enumerate(by_test_set(files_of(reading.evaluated, reading.timings)), 1):
        suffix = "" if number == 1 else f"-{number}"
        same_test = list({file.result.key: file.evaluated for file in files}.values())
        if grows := images_section(same_test, suffix):  # what a study of such rows asks
            sections.append(grows)
        sections += results_sections(files, budget_us=budget_us, suffix=suffix)
        found += _what_was_found(files)
    if lacking := [label for part in reading.parts for label in _lacking(part)]:
        again = "The command that the study was run with, given again, runs what is missing."
        sections.append(
            Section("Not run", (f"Rows without a result, or with too few trainings: {', '.join(lacking)}. {again}",))
        )
    if any(one.study.published or one.study.baseline for one in judged):
        sections += [section for one in judged if (section := part_section(one, reading.timings))]
    more = (_busy(reading), leaks_section(judged), *_guests(reading))
    return [*sections, *(section for section in more if section)], found


def _what_was_found(files: Sequence[File]) -> list[str]:
    """The pick and a row for each file, for a README; all tested on the same images."""
    measured = f"Measured on {data_label(files[0].result)}."
    return [
        escape_markdown(pick(files).sentence if front(files) else measured),
        "",
        markdown_table(rows_table(files)),
        "",
        BOLD,
    ]


def _study_sections(reading: Reading) -> tuple[list[Section], list[str]]:
    """Of a study with parts: which claims hold, each part, the leaks, the front of all rows, the times.

    Without claims, and sections of its package, the front comes first: it is what such a study asks for.
    """
    judged = judge(reading.parts)
    claims, guests = claims_sections(judged, reading.study.scale), _guests(reading)
    asked = not claims and not guests
    fronts = front_sections(reading, answer=asked)
    sections = [
        *claims,
        *guests[:1],
        *(fronts if asked else ()),
        *(part_section(one, reading.timings) for one in judged),
        leaks_section(judged),
        *guests[1:],
        *(() if asked else fronts),
        _busy(reading),
        not_run(reading),
        _how_to_read(reading),
    ]
    counted = [section.before[0] for section in claims if section.before]
    found = [*counted, *(line for section in guests[:1] for line in section.before)][:_FINDINGS]
    sentences = [re.split(r"(?<=\.) (?=[A-Z])", line)[0] for line in found]  # a README has room for one of each
    numbered = [f"{number}. {escape_markdown(line)}" for number, line in enumerate(sentences, 1)]
    return [section for section in sections if section], numbered or _what_was_found(_comparable(reading))


def _guests(reading: Reading) -> list[Section]:
    """The sections that the package of the study adds."""
    sections: list[Section] = []
    for entry in entry_points(group=GROUP):
        if entry.name == reading.study.name:
            add: Callable[[Reading], list[Section]] = entry.load()
            sections += add(reading)
    return sections


def front_sections(reading: Reading, *, answer: bool = False) -> list[Section]:
    """Accuracy against time, size and work of all rows of the test set that most were tested on; and all times.

    Rows whose network was trained on some of the test images are not drawn.

    Args:
        reading: of a study with parts.
        answer: say first which model to take.
    """
    common = _comparable(reading)
    unseen = [file for file in common if not _leaky(file.evaluated)]
    kinds = len({file.same_row for file in common}) - len({file.same_row for file in unseen})
    chosen = (pick(unseen).sentence,) if answer and front(unseen) else ()
    drawn = "Rows tested on the same images, each with its lowest seed; the lines are the fronts."
    if kinds:
        drawn += f" Left out: rows whose network, or its base, was trained on some of these images ({kinds})."
    figures = [
        ("The front", "front.svg", front_figure(unseen), "Accuracy by time for one image"),
        (
            "From where on it is flat",
            "flat.svg",
            flat_figure(unseen, level_with_best(unseen)),
            "Accuracy by multiply-accumulates and by time, shaded from where on more of them brings nothing",
        ),
        ("Size and work", "sizes.svg", size_figure(unseen), "Accuracy by parameters and by multiply-accumulates"),
    ]
    items = tuple(Item(caption, figure=PageFigure(name, svg, alt)) for caption, name, svg, alt in figures if svg)
    sections = [Section("Accuracy against time, size and work", (*chosen, drawn), items)] if items else []
    times = _times(reading)
    return [*sections, times] if times else sections


def _comparable(reading: Reading) -> list[File]:
    """The files of the test set that most were tested on."""
    return max(by_test_set(files_of(reading.evaluated, reading.timings)), key=len)


def _leaky(one: Evaluated) -> bool:
    return one.predictions is not None and bool(one.predictions.seen.any())


def _times(reading: Reading) -> Section | None:
    files: dict[str, File] = {}
    for file in files_of(reading.evaluated, reading.timings):
        if file.timing:
            files.setdefault(file.timing.graph, file)
    ordered = sorted(files.values(), key=lambda file: file.result.cost.macs)
    timed = [file.timing for file in ordered if file.timing]
    if not timed or not reading.timings:
        return None
    rows = []
    for file, timing in zip(ordered, timed, strict=True):
        cost, latency, ratios = file.result.cost, timing.latency, timing.ratios
        size = (f"{cost.parameters_total:,}", short_count(cost.macs), str(len(file.result.classes)))
        took = (microseconds(latency.p50_us), f"{latency.ratio:.1f}", f"{min(ratios):.1f}–{max(ratios):.1f}")
        rows.append((timing.name, *size, *took, str(len(ratios))))
    header = ("network", "parameters", "MACs", "classes", "p50, µs", "× reference", "least to most", "turns")
    figure = PageFigure("times.svg", times_figure(timed), "Time for one image of each network")
    return Section(
        "How long an image takes",
        (
            f"All files were timed in turns within one call, on {reading.timings.provenance.machine}. Rows whose files "
            "compute the same, their weights apart, share a time.",
        ),
        (Item(figure=figure), Item("Times in numbers", Table(header, tuple(rows)), folded=True)),
    )


def _busy(reading: Reading) -> Section | None:
    """That the times are of a machine on which something else ran."""
    if reading.timings is None or not reading.timings.busy:
        return None
    return Section(
        "The times are of a busy machine",
        (
            f"Other programs took {reading.timings.others:.0%} of its CPU time while the files were timed. All files "
            "met the same, but their times are uncertain. Time them again when nothing else runs: glyphfront latency "
            "--study FOLDER.",
        ),
    )


def _lacking(part: Part) -> list[str]:
    """Rows without a result, by label, and then those with too few trainings, with how many there are."""
    seeds = {label: len({one.result.run.seed for one in part.rows[label]}) for label in part.study.rows}
    few = {label: n for label, n in seeds.items() if 0 < n < part.study.seeds_for(label)}
    missing = [label for label, n in seeds.items() if not n]
    return [*missing, *(f"{label} ({n} of {part.study.seeds_for(label)} trainings)" for label, n in few.items())]


def not_run(reading: Reading) -> Section | None:
    """Rows without a result, rows with too few trainings, what their parts cost, and the commands that run them."""
    rows = []
    root, scale = reading.study.name, reading.study.scale
    for part in reading.parts:
        if lacking := _lacking(part):
            what = "all" if lacking == list(part.study.rows) else ", ".join(lacking)
            name = f"{root}:{part.name}" if part.name else root
            command = f"glyphfront study run {name} --scale {scale}"
            rows.append((part.name or root, what, part.study.cost or DASH, command))
    header = (
        *("part", "rows without a result, or with too few trainings"),
        *("what one training of every row of the part takes", "the command that runs what is missing"),
    )
    table = Table(header, tuple(rows), text_columns=4)
    note = "Give --data, --seeds and --out too, if the study was run with them."
    return Section("Not run", items=(Item(table=table, notes=(note,)),)) if rows else None


def _how_to_read(reading: Reading) -> Section:
    results = [one.result for one in reading.evaluated]
    made = sorted({r.provenance.commit for r in results if r.provenance.commit})
    machines = sorted({r.provenance.machine for r in results})
    return Section(
        "How to read this",
        (
            "A published accuracy is taken to be of one training. Its interval is that of the images it was measured "
            "on and leaves out how trainings differ. Our accuracies are of the whole test set and of the exported "
            "file. With one training the interval is that of this network on other images. With several it is that of "
            "their mean, on other images and with other seeds.",
            "Rows are compared with their baseline on the same images. Two networks are compared by McNemar's test "
            "and Tango's interval; rows with several trainings by Student's t, with the variance of the images and "
            "the seed variance. The seed variance is pooled over parts of one family, whose rows are changes of one "
            "network trained by one recipe. Other rows have each their own, which of two trainings is hardly known and "
            "leaves wide intervals; a row of one training is taken to have that of the other, if that has three or "
            "more. Otherwise it is left out, and networks are compared, not kinds of them.",
            "Beyond chance is at 5 %, corrected by Holm over all comparisons that a part declares. Each part is "
            "corrected by itself, so over all parts one or the other may be found by chance. Intervals are not "
            "corrected: one may leave 0 out and not be beyond chance.",
            "A row that stands in several parts has the same trainings in each. Its interval may differ, as each part "
            "has its own seed variance. glyphfront compare does not know of families: for a study the verdicts of "
            "this page are the ones to take.",
            f"Trained on {'; '.join(machines)}, by the code of {', '.join(made) or DASH}.",
        ),
    )


def put_between(readme: Path, name: str, lines: Sequence[str]) -> bool:
    """Put `lines` between the marks ``<!-- NAME:start -->`` and ``<!-- NAME:end -->``; return whether that changed it.

    Raises:
        GlyphfrontError: the file or a mark is missing.
    """
    before, between, after = split_at_marks(readme, name)
    new = "\n" + "\n".join(lines) + "\n"
    if new == between:
        return False
    write_text(readme, before + new + after)
    return True


def split_at_marks(readme: Path, name: str) -> tuple[str, str, str]:
    """A file's text up to ``<!-- NAME:start -->`` with that, from there to ``<!-- NAME:end -->``, and from that on.

    Raises:
        GlyphfrontError: the file or a mark is missing.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise GlyphfrontError(f"{readme}: {error.strerror}") from None
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise GlyphfrontError(f"{readme}: needs the line {start} and after it the line {end}, each once")
    before, _, rest = text.partition(start)
    between, _, after = rest.partition(end)
    return before + start, between, end + after
