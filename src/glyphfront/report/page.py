"""The report: one HTML page that needs nothing else, the same as Markdown with its figures, and a README's table.

Everything is made from result files, what lies beside them, and the cards of the shipped models; the same files give
the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.measure.predictions import Examples, Predictions, load_examples
from glyphfront.records import to_plain
from glyphfront.report.figures import (
    COLOURS,
    FAINT,
    GRID,
    INK,
    MUTED,
    PAPER,
    curves_figure,
    front_figure,
    pairs_figure,
)
from glyphfront.report.pick import NothingFits, against_table, budget_table, load_folder, pick
from glyphfront.report.tables import (
    DASH,
    Table,
    by_test_set,
    confused_table,
    data_label,
    escape_markdown,
    front,
    interval,
    measured,
    microseconds,
    percent,
    render_markdown,
    results_table,
    seed_table,
    short_count,
    top1,
)
from glyphfront.result import Result
from glyphfront.run import Run
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find, shipped

_VARIABLES = dict(
    zip(
        (INK, MUTED, FAINT, GRID, PAPER, *COLOURS),
        ("ink", "muted", "faint", "grid", "paper", "blue", "vermilion", "green", "purple", "orange", "sky"),
        strict=True,
    )
)


@dataclass(frozen=True)
class PageFigure:
    """One figure of a page."""

    file: str
    svg: str
    alt: str

    @property
    def inline(self) -> Markup:
        """For inside the page: only ids that are referred to, unique there; the page's colours; no declarations."""
        svg = self.svg[self.svg.index("<svg") :]
        svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
        prefix = self.file.removesuffix(".svg")
        used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
        svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
        svg = re.sub(r'(href="|url\()#', rf"\g<1>#{prefix}-", svg)
        svg = re.sub("|".join(_VARIABLES), lambda m: f"var(--{_VARIABLES[m[0]]})", svg)
        return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{Markup.escape(self.alt)}"', 1))


@dataclass(frozen=True)
class _Part:
    """What is said about the Results of one test set."""

    label: str
    name: str
    facts: tuple[tuple[str, str, str], ...]
    bound: str
    certainty: str
    shipped: tuple[str, ...]
    budgets: Table | None
    front: PageFigure | None
    results: Table
    against: Table | None
    against_sentence: str
    diverged: tuple[tuple[str, str], ...]
    seeds: Table | None
    curves: PageFigure | None
    confused: Table | None
    confused_sentence: str
    examples: PageFigure | None
    method: tuple[str, ...]
    provenance: Table
    sources: tuple[tuple[str, str], ...]
    runs: tuple[str, ...]

    @property
    def figures(self) -> list[PageFigure]:
        return [f for f in (self.front, self.curves, self.examples) if f]


_NO_EXAMPLES = (
    "No example images lie beside the results: they are not kept with results whose data may not be passed on. "
    "Each Run's folder under runs/ has them as examples.npz; copied beside a result file NAME.json as "
    "NAME.examples.npz, they are shown by the next report."
)
_NO_SEEDS = "Every Run has one seed: how much another training of the same Run would differ is not known."
_REPEAT = "To repeat a row, save its line as run.json, then: glyphfront train run.json"
_BOLD = "Rows in bold are on the front: whatever is faster is less accurate."
_TEXTS = {"no_examples": _NO_EXAMPLES, "no_seeds": _NO_SEEDS, "repeat": _REPEAT, "bold": _BOLD}


def write_report(folder: Path, *, title: str | None = None, budget_us: float | None = None) -> Path:
    """Write report.html, report.md and their figures (front.svg, curves.svg, pairs.svg) into `folder`.

    Results scored on different images cannot be compared; each such set gets a part, figures and pick of its own.

    Args:
        folder: holds the result files ``<stem>.json``, their ``<stem>.predictions.npz`` (without them models are
            compared by their intervals alone) and, where example images may be kept, ``<stem>.examples.npz`` with
            `images` (K, 28, 28) uint8, `true` and `predicted` (K,) int64.
        title: heading of the page; by default from the folder's name, "glyphfront: quick on balanced" of
            quick-balanced.
        budget_us: the budget whose pick stands on top, in microseconds for one image; without it the most accurate.

    Returns:
        The path of report.html.

    Raises:
        GlyphfrontError: no result files, or a file is faulty.
    """
    title = title or f"glyphfront: {' on '.join(folder.resolve().name.split('-', 1))}"
    results, predictions = load_folder(folder)
    beside = [path.with_suffix(".examples.npz") for path in sorted(folder.glob("*.json"))]
    examples = {
        id(result): load_examples(path, len(result.classes))
        for result, path in zip(results, beside, strict=True)
        if path.exists()
    }
    parts = [
        _part([(r, examples.get(id(r))) for r in group], predictions, budget_us, "" if number == 1 else f"-{number}")
        for number, group in enumerate(by_test_set(results), 1)
    ]
    texts = {figure.file: figure.svg for part in parts for figure in part.figures}
    for path in folder.glob("*.svg"):
        if re.fullmatch(r"(front|curves|pairs)(-\d+)?\.svg", path.name) and path.name not in texts:
            path.unlink()
    texts["report.md"] = _markdown(title, parts)
    texts["report.html"] = render_html("template.html", title=title, parts=parts, **_TEXTS)
    for name, text in texts.items():
        write_text(folder / name, text)
    return folder / "report.html"


def update_readme(readme: Path, folder: Path) -> bool:
    """Put the results of `folder` between the two marks in `readme`; return whether that changed it.

    The marks are ``<!-- results:start -->`` and ``<!-- results:end -->``.

    Raises:
        GlyphfrontError: a mark is missing, or there are no result files.
    """
    lines = []
    results, predictions = load_folder(folder)
    for group in by_test_set(results):
        lines += [f"Measured on {escape_markdown(data_label(group[0]))}.", ""]
        if front(group):
            lines += [escape_markdown(pick(group, predictions).sentence), ""]
        lines += [render_markdown(results_table(group, compact=True))]
    link = os.path.relpath(folder / "report.md", readme.parent)
    lines += [f"{_BOLD} [The whole report]({Path(link).as_posix()})"]
    return put_between(readme, "results", lines)


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


def render_html(template: str, **values: object) -> str:
    """One page from a template beside this file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = _tight
    return environment.get_template(template).render(**values) + "\n"


def _tight(text: str) -> str:
    """No line break between a number and its unit."""
    return re.sub(r"(?<=\d) (?=[%µ×])|(?<=×) ", "\u00a0", text)


def _part(
    rows: Sequence[tuple[Result, Examples | None]],
    predictions: Mapping[Result, Predictions],
    budget_us: float | None,
    suffix: str,
) -> _Part:
    results = [result for result, _ in rows]
    best = front(results)
    chosen, bound, certainty = None, "", "No result here has both accuracy and latency, so there is nothing to choose."
    if best:
        try:
            choice = pick(results, predictions, budget_us=budget_us)
            chosen, bound, certainty = choice.result, choice.bound, choice.certainty
        except NothingFits as error:
            certainty = f"{str(error)[0].upper()}{str(error)[1:]}."
    scored = [r for r in (chosen, *reversed(best), *results) if r and r.accuracy]
    looked_at = scored[0] if scored else None
    confused = confused_table(looked_at, [r for r in best if r is not looked_at]) if looked_at else None
    with_examples = [(r, e) for r, e in sorted(rows, key=lambda row: row[0] is not looked_at) if e]
    label = data_label(results[0])
    against, against_sentence = against_table(results, chosen, predictions) if chosen else (None, "")
    return _Part(
        label=label,
        name=chosen.run.label if chosen else "",
        facts=_facts(chosen) if chosen else (),
        bound=bound,
        certainty=certainty,
        shipped=_shipped(results),
        budgets=budget_table(results, chosen, predictions) if best else None,
        front=_figure(f"front{suffix}.svg", front_figure(results, budget_us=budget_us), f"Accuracy by time, {label}"),
        results=results_table(results),
        against=against,
        against_sentence=against_sentence,
        diverged=tuple((r.run.label, r.message) for r in results if r.status == "diverged"),
        seeds=seed_table(results),
        curves=_figure(f"curves{suffix}.svg", curves_figure(results), f"Learning curves, {label}"),
        confused=confused,
        confused_sentence=_confused_sentence(looked_at) if looked_at and confused else "",
        examples=_figure(
            f"pairs{suffix}.svg",
            pairs_figure(*with_examples[0]) if with_examples else None,
            f"Wrongly recognised images, {label}",
        ),
        method=_method(results, predictions),
        provenance=_provenance(results),
        sources=_sources(results),
        runs=tuple(departures(r.run) for r in results),
    )


def _figure(file: str, svg: str | None, alt: str) -> PageFigure | None:
    return PageFigure(file, svg, alt) if svg else None


def _facts(result: Result) -> tuple[tuple[str, str, str], ...]:
    pair = measured(result)
    assert pair is not None
    share, latency = pair
    size = f"{result.exported.file_bytes / 1000:,.0f} KB" if result.exported else DASH
    return (
        ("accuracy", f"{percent(share.value)} %", f"95 % interval {interval(share)} %"),
        ("time for one image", f"{microseconds(latency.p50_us)} µs", f"p50, {latency.ratio:.2f} × {latency.reference}"),
        ("file", size, f"{short_count(result.cost.parameters_total)} parameters"),
    )


def _shipped(results: Sequence[Result]) -> tuple[str, ...]:
    """Of every shipped model whose name stands here: whether it is the one here."""
    lines = []
    for name in shipped():
        named = [r for r in results if name in (r.run.label, r.run.model.name)]
        if not named:
            continue
        card = load_card(find(name))
        if any(r.exported and r.exported.sha256 == card.sha256 for r in named):
            lines.append(f"The {name} here is the shipped one.")
            continue
        here = _several(f"{r.run.epochs} epochs on {r.run.data.train}" for r in named)
        line = (
            f"The shipped {name} is another training: {card.run.epochs} epochs on {card.run.data.train} (here: {here})"
        )
        if card.accuracy:
            same = card.data.test_fingerprint == results[0].data.test_fingerprint
            images = (
                "these images" if same else f"{card.run.data.test or card.run.data.train} ({card.data.test_source})"
            )
            line += f", {percent(card.accuracy.value)} % on {images}"
        lines.append(f"{line}.")
    return tuple(lines)


def _confused_sentence(result: Result) -> str:
    assert result.accuracy is not None
    top, pairs = result.accuracy.top1, result.accuracy.confused_pairs()
    inside = sum(n for *_, n in pairs)
    errors = top.total - top.correct
    return (
        f"These {len(pairs)} pairs are {100 * inside / errors:.0f} % of the {errors:,} errors of {result.run.label}. "
        f"Mix-ups inside them not counted, its accuracy would be {percent((top.correct + inside) / top.total)} %. "
        "The table counts images of either class taken for the other."
    )


def _method(results: Sequence[Result], predictions: Mapping[Result, Predictions]) -> tuple[str, ...]:
    """How the numbers came about, with what these Results themselves say about it."""
    total = max((share.total for share in map(top1, results) if share), default=0)
    leaky = ", ".join(r.run.label for r in results if not r.run.data.remove_leaks)
    lines = [
        f"Accuracy is top-1 over the whole test set, {total:,} images, which neither training nor early stopping "
        "sees. Training images that also stand there are left out of training"
        + (f", but not for {leaky}, whose accuracy may be too high. " if leaky else ". ")
        + "It is measured on the exported ONNX file where there is one; top-5, loss and confusions are of the weights.",
        "Intervals of accuracies are Wilson's at 95 %. They cover the draw of the images, not how trainings differ. "
        "Where two do not overlap, the difference is more than that draw explains; where they overlap, it may be or "
        "not, since all models are scored on the same images. Of several seeds the lowest, not the best, stands for "
        "all. For comparison: the study whose models are rebuilt here scored 1,024 images, about ±1.9 points at 89 %.",
    ]
    if predictions.keys() & set(results):
        lines.append(
            "Differences are on the same images, by the weights' predictions, with Tango's 95 % interval. McNemar's "
            "test, exact below 25 images that only one of the two recognises, decides whether they are beyond chance: "
            "at 5 % over a whole table, and of the pick and its runner-up by themselves."
        )
    exported = [(r, r.exported, r.accuracy) for r in results if r.exported and r.accuracy]
    if exported:
        parity = max(file.parity for _, file, _ in exported)
        changes = [(r.run.label, file.top1.correct - weights.top1.correct) for r, file, weights in exported]
        changed = ", ".join(f"{label} by {change:+,} images" for label, change in changes if change)
        lines.append(
            f"A probability of an exported file differs from that of its weights by at most {parity:.7f}. "
            + (f"Export changed the number of images right: {changed}." if changed else "Export changed no accuracy.")
        )
    latencies = [r.latency for r in results if r.latency]
    if latencies:
        units = [t.reference_p50_us for t in latencies]
        seconds, threads = _several(f"{t.seconds:g}" for t in latencies), _several(t.threads for t in latencies)
        lines.append(
            "Time is that of the exported file in ONNX Runtime, given one image after the other (MLPerf LoadGen, "
            f"SingleStream: p50, p90, p99) and many at once (Offline: images/s), for {seconds} s each; threads: "
            f"{threads}. The reference model is timed in the same call and took {microseconds(min(units))} to "
            f"{microseconds(max(units))} µs here. On a shared machine only the ratio to it compares: the front goes by "
            "the ratio, a budget in µs by the p50 as measured."
        )
    lines.append(
        "Parameters include batch norm's statistics; MACs are of one image; 1 KB is 1,000 bytes; images seen counts "
        "every epoch. Curves are of the validation set, which is carved out of the training images."
    )
    return tuple(lines)


_PROVENANCE: dict[str, Callable[[Result], str]] = {
    "run": lambda r: r.run.label,
    "key": lambda r: r.key,
    "commit": lambda r: r.provenance.commit or DASH,
    "finished": lambda r: r.provenance.finished,
    "device": lambda r: r.cost.device,
    "seed": lambda r: str(r.run.seed),
    "training images": lambda r: f"{r.data.train_images:,}",
    "validation images": lambda r: f"{r.data.validation_images:,}",
    "leaks left out": lambda r: f"{r.data.leaks_removed:,}",
    "evaluation, s": lambda r: f"{r.accuracy.evaluation_seconds:.2f}" if r.accuracy else DASH,
    "inference, s": lambda r: f"{r.accuracy.inference_seconds:.2f}" if r.accuracy else DASH,
}


def _provenance(results: Sequence[Result]) -> Table:
    rows = tuple(tuple(cell(r) for cell in _PROVENANCE.values()) for r in results)
    return Table(tuple(_PROVENANCE), rows, text_columns=5)


def _sources(results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    trained = ((r.run.data.train, r.data.train_source, r.data.train_fingerprint) for r in results)
    timed = (f"{r.latency.machine}, ONNX Runtime {r.latency.onnxruntime}" for r in results if r.latency)
    made = [r.provenance for r in results]
    versions = ((f"glyphfront=={p.glyphfront}", f"Python {p.python}", *p.libraries) for p in made)
    return (
        ("Trained on", _several(f"{name} ({source}), fingerprint {print_}" for name, source, print_ in trained)),
        ("Scored on", f"{data_label(results[0])}, fingerprint {results[0].data.test_fingerprint}"),
        ("Training machine", _several(p.machine for p in made)),
        ("Timing machine", _several(timed) or DASH),
        ("Versions", _several(", ".join(names) for names in versions)),
    )


def _several(values: Iterable[object]) -> str:
    """Each different value once, in order."""
    return "; ".join(dict.fromkeys(str(value) for value in values))


def departures(run: Run) -> str:
    """`run` as JSON without what equals the defaults; reading it back gives the same Run."""

    def differing(plain: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
        return {k: differing(v, default[k]) if isinstance(v, dict) else v for k, v in plain.items() if v != default[k]}

    return json.dumps(differing(to_plain(run), to_plain(Run())), ensure_ascii=False).replace("`", "\\u0060")


def _markdown(title: str, parts: Sequence[_Part]) -> str:
    text = escape_markdown
    lines = [f"# {text(title)}", ""]
    for part in parts:
        lines += [f"Measured on {text(part.label)}.", ""]
        if part.name:
            lines += [f"## {text(part.bound)}, take {text(part.name)}", ""]
            lines += [f"- {text(name)}: **{text(value)}**, {text(more)}" for name, value, more in part.facts] + [""]
        else:
            lines += ["## No pick", ""]
        lines += [text(part.certainty), ""]
        for line in part.shipped:
            lines += [text(line), ""]
        if part.budgets:
            lines += ["### For your budget", "", render_markdown(part.budgets)]
        lines += _markdown_figure(part.front)
        lines += ["## All results", "", render_markdown(part.results), _BOLD, ""]
        if part.against_sentence:
            lines += ["### Against the pick", ""]
            lines += [render_markdown(part.against)] if part.against else []
            lines += [text(part.against_sentence), ""]
        if part.diverged:
            lines += ["Diverged:", "", *(f"- {text(name)}: {text(why)}" for name, why in part.diverged), ""]
        lines += ["### Spread over seeds", "", render_markdown(part.seeds) if part.seeds else _NO_SEEDS + "\n"]
        if part.curves:
            lines += ["## Learning curves", "", *_markdown_figure(part.curves)]
        lines += ["## What it confuses", ""]
        if part.confused:
            lines += [text(part.confused_sentence), "", render_markdown(part.confused)]
        lines += _markdown_figure(part.examples) if part.examples else [_NO_EXAMPLES, ""]
        lines += ["## How this is measured", "", *(f"- {text(line)}" for line in part.method), ""]
        lines += ["## Where it comes from", "", *(f"- {text(name)}: {text(value)}" for name, value in part.sources), ""]
        lines += [render_markdown(part.provenance), _REPEAT, "", "```json", *part.runs, "```", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _markdown_figure(figure: PageFigure | None) -> list[str]:
    return [f"![{escape_markdown(figure.alt)}]({figure.file})", ""] if figure else []
