"""The sections about the results of one test set: what to take, all figures, what it confuses, how it was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from glyphfront.measure.predictions import examples_path, load_examples
from glyphfront.report.calibration import calibration_section
from glyphfront.report.document import Item, PageFigure, Section, Table
from glyphfront.report.figures import curves_figure, front_figure, pairs_figure
from glyphfront.report.front import File, data_label, front
from glyphfront.report.pick import Choice, NothingFits, against_table, budget_table, pick
from glyphfront.report.tables import (
    DASH,
    MORE,
    confused_table,
    interval,
    microseconds,
    percent,
    results_table,
    seed_table,
    short_count,
)
from glyphfront.result import Result, rise_at_the_end
from glyphfront.run import departures
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find, shipped

BOLD = "Rows in bold are on the front: whatever is faster is less accurate."
_NO_EXAMPLES = (
    "No example images lie beside the results. They are not kept with results whose data may not be passed on. Each "
    "Run's folder under runs/ has them as examples.npz; the next report shows them if they lie beside NAME.json as "
    "NAME.examples.npz."
)
_ONE_SEED = "Every Run has one seed: how much another training of the same Run would differ is not known."


def results_sections(files: Sequence[File], *, budget_us: float | None = None, suffix: str = "") -> list[Section]:
    """All sections about the files of one test set.

    Args:
        files: all tested on the same images.
        budget_us: whose pick stands on top, in microseconds for one image; without it the most accurate.
        suffix: of the figures' names, where the page has several test sets.
    """
    chosen, answer = _answer(files, budget_us)
    results = list({file.result.key: file.result for file in files}.values())
    label = data_label(results[0])
    figures = [
        ("front", front_figure(files, budget_us=budget_us), f"Accuracy by time, {label}"),
        ("curves", curves_figure([file.evaluated for file in _one_a_result(files)]), f"Learning curves, {label}"),
    ]
    drawn = {name: PageFigure(f"{name}{suffix}.svg", svg, alt) for name, svg, alt in figures if svg}
    sections = [
        answer,
        Section("The front", items=(Item(figure=drawn["front"]),)) if "front" in drawn else None,
        _all_results(files, chosen),
        Section("Learning curves", _rising(results), (Item(figure=drawn["curves"]),)) if "curves" in drawn else None,
        _confusions(files, chosen, suffix, label),
        calibration_section(files, chosen, suffix),
        Section("How this is measured", _method(files, results)),
        _origin(files, results),
    ]
    return [section for section in sections if section]


def _rising(results: Sequence[Result]) -> tuple[str, ...]:
    """Which rows a longer training would have made better: their accuracy is not all that they can."""
    rising: dict[str, str] = {}
    for result in results:
        if rise := rise_at_the_end(result.curve, result.data.validation_images):
            gained = f"{result.run.label} ({100 * rise.before:.1f} %, then {100 * rise.last:.1f})"
            rising.setdefault(result.run.label, gained)
    if not rising:
        return ()
    return (f"Still rising when training ended, so a longer one may help: {', '.join(rising.values())}.",)


def _one_a_result(files: Sequence[File]) -> list[File]:
    return list({file.result.key: file for file in reversed(files)}.values())[::-1]


def _choose(files: Sequence[File], budget_us: float | None) -> Choice | str:
    """The pick, or why there is none."""
    if not front(files):
        return "No result here has both accuracy and latency, so there is nothing to choose."
    try:
        return pick(files, budget_us=budget_us)
    except NothingFits as error:
        return f"{str(error)[0].upper()}{str(error)[1:]}."


def _answer(files: Sequence[File], budget_us: float | None) -> tuple[File | None, Section]:
    choice = _choose(files, budget_us)
    measured = f"Measured on {data_label(files[0].result)}."
    chosen = None if isinstance(choice, str) else choice.file
    budgets = budget_table(files, chosen)
    items = (Item("For your budget", budgets),) if budgets.rows else ()
    if isinstance(choice, str):
        return None, Section("No pick", (choice, measured), items)
    share, latency = choice.file.accuracy, choice.file.latency
    assert share
    assert latency
    size = f"{choice.file.exported.file_bytes / 1000:,.0f} KB" if choice.file.exported else DASH
    facts = (
        ("accuracy", f"{percent(share.value)} %", f"95 % interval {interval(share)} %"),
        ("time for one image", f"{microseconds(latency.p50_us)} µs", f"p50, {latency.ratio:.2f} × {latency.reference}"),
        ("file", size, f"{short_count(choice.file.result.cost.parameters_total)} parameters"),
    )
    before = (measured, choice.certainty, *_shipped(files))
    return chosen, Section(f"{choice.bound}, take {choice.file.name}", before, items, facts)


def _shipped(files: Sequence[File]) -> list[str]:
    """Of every shipped model whose name stands here: whether it is the one here."""
    lines, same_files = [], []
    for name in shipped():
        named = [f for f in files if name in (f.result.run.label, f.result.run.model.name)]
        if not named:
            continue
        card = load_card(find(name))
        if any(f.exported and f.exported.sha256 == card.sha256 for f in named):
            same_files.append(name)
            continue
        line = f"The shipped {name} is another training"
        if card.accuracy:
            same = card.data.test_fingerprint == files[0].result.data.test_fingerprint
            images = "these images" if same else f"{card.run.data.test_set} ({card.data.test_source})"
            line += f": {percent(card.accuracy.value)} % on {images}"
        lines.append(f"{line}.")
    if len(same_files) == 1:
        lines.insert(0, f"The {same_files[0]} here is the shipped one.")
    elif same_files:
        lines.insert(0, f"{', '.join(same_files[:-1])} and {same_files[-1]} here are the shipped ones.")
    return lines


def _all_results(files: Sequence[File], chosen: File | None) -> Section:
    items = [
        Item(table=results_table(files), notes=(BOLD,)),
        Item("More figures of each", results_table(files, MORE), folded=True),
    ]
    if chosen:
        table, sentence = against_table(files, chosen)
        items += [Item("Against the pick", table, notes=(sentence,))] if sentence else []
    lost = [f"{f.name}: {f.result.message}" for f in files if f.result.status == "diverged"]
    items += [Item("Diverged", notes=tuple(lost))] if lost else []
    seeds = seed_table(files)
    items.append(Item("Spread over seeds", seeds, notes=() if seeds else (_ONE_SEED,)))
    return Section("All results", items=tuple(items))


def _confusions(files: Sequence[File], chosen: File | None, suffix: str, label: str) -> Section:
    best = [point.file for point in front(files)]
    with_accuracy = [f for f in (chosen, *reversed(best), *files) if f and f.result.accuracy]
    looked_at = with_accuracy[0].result if with_accuracy else None
    others = [r for r in dict.fromkeys(f.result.key for f in best) if looked_at and r != looked_at.key]
    by_key = {f.result.key: f.result for f in files}
    table = confused_table(looked_at, [by_key[key] for key in others]) if looked_at else None
    items = [Item(table=table)] if looked_at and table else []
    for file in sorted(_one_a_result(files), key=lambda f: f.result is not looked_at):
        if (path := examples_path(file.evaluated.path)).exists():
            svg = pairs_figure(file.result, load_examples(path, len(file.result.classes)))
            figure = PageFigure(f"pairs{suffix}.svg", svg, f"Wrongly recognised images, {label}") if svg else None
            items.append(Item(figure=figure))
            break
    else:
        items.append(Item(notes=(_NO_EXAMPLES,)))
    return Section("What it confuses", (_confused(looked_at),) if looked_at and table else (), tuple(items))


def _confused(result: Result) -> str:
    assert result.accuracy
    top, pairs = result.accuracy.top1, result.accuracy.confused_pairs()
    inside = sum(n for *_, n in pairs)
    errors = top.total - top.correct
    return (
        f"These {len(pairs)} pairs are {100 * inside / errors:.0f} % of the {errors:,} errors of {result.run.label}. "
        f"Without them its accuracy would be {percent((top.correct + inside) / top.total)} %. "
        "The table counts images of either class taken for the other."
    )


def _method(files: Sequence[File], results: Sequence[Result]) -> tuple[str, ...]:
    """How the numbers came about, with what these results themselves say about it."""
    total = max((f.accuracy.total for f in files if f.accuracy), default=0)
    leaky = ", ".join(r.run.label for r in results if not r.run.data.remove_leaks)
    lines = [
        f"Accuracy is top-1 over the whole test set, {total:,} images. Neither training nor early stopping sees them. "
        "Training images that stand in the test set too are left out of training"
        + (f", but not for {leaky}, whose accuracy may be too high. " if leaky else ". ")
        + "Accuracy is that of the exported ONNX file, where there is one; top-5, loss and confusions are of the "
        "weights.",
        "Intervals of accuracies are Wilson's at 95 %. They cover the draw of the images, not how trainings differ. "
        "Where two do not overlap, the difference is more than that draw explains. Where they overlap, it may be or "
        "not, since all models are tested on the same images. Of several seeds the lowest, not the best, stands for "
        "all.",
    ]
    if any(f.evaluated.predictions for f in files):
        lines.append(
            "Differences are on the same images, by the weights' predictions, with Tango's 95 % interval. McNemar's "
            "test decides whether they are beyond chance; it is exact below 25 images that only one of the two "
            "recognises. The level is 5 % over a whole table, and 5 % for the pick and its runner-up by themselves."
        )
    exported = [(f.name, f.exported, f.result.accuracy) for f in files if f.exported and f.result.accuracy]
    if exported:
        parity = max(file.parity for _, file, _ in exported)
        changes = [(name, file.top1.correct - weights.top1.correct) for name, file, weights in exported]
        changed = ", ".join(f"{name} by {change:+,} images" for name, change in changes if change)
        lines.append(
            f"A probability of an exported file differs from that of its weights by at most {parity:.7f}. "
            + (f"Export changed the number of images right: {changed}." if changed else "Export changed no accuracy.")
        )
    if latencies := [f.latency for f in files if f.latency]:
        units = [t.reference_p50_us for t in latencies]
        seconds, threads = several(f"{t.seconds:g}" for t in latencies), several(t.threads for t in latencies)
        lines.append(
            "Time is that of the exported file in ONNX Runtime, given one image after the other (MLPerf LoadGen, "
            f"SingleStream: p50, p90, p99) and many at once (Offline: images/s), for {seconds} s each; threads: "
            f"{threads}. The reference model is timed in the same call and took {microseconds(min(units))} to "
            f"{microseconds(max(units))} µs here. On a shared machine only the ratio to it compares: the front goes by "
            "the ratio, a budget in µs by the p50 as measured."
        )
    lines.append(
        "Parameters include batch norm's statistics. MACs are of one image. 1 KB is 1,000 bytes. Images seen counts "
        "every epoch. Curves are of the validation set, which is carved out of the training images."
    )
    return tuple(lines)


_ORIGIN: dict[str, Callable[[Result], str]] = {
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


def _origin(files: Sequence[File], results: Sequence[Result]) -> Section:
    trained = ((r.run.data.train, r.data.train_source, r.data.train_fingerprint) for r in results)
    timed = (f"{f.latency.machine}, ONNX Runtime {f.latency.onnxruntime}" for f in files if f.latency)
    made = [r.provenance for r in results]
    versions = ((f"glyphfront=={p.glyphfront}", f"Python {p.python}", *p.libraries) for p in made)
    lines = {
        "Trained on": several(f"{name} ({source}), fingerprint {print_}" for name, source, print_ in trained),
        "Tested on": f"{data_label(results[0])}, fingerprint {results[0].data.test_fingerprint}",
        "Training machine": several(p.machine for p in made),
        "Timing machine": several(timed) or DASH,
        "Versions": several(", ".join(names) for names in versions),
    }
    rows = tuple(tuple(cell(r) for cell in _ORIGIN.values()) for r in results)
    runs = tuple(departures(r.run) for r in results)
    repeat = "To repeat a row, save its line as run.json, then: glyphfront train run.json"
    return Section(
        "Where it comes from",
        tuple(f"{name}: {value}" for name, value in lines.items()),
        (
            Item("Each training", Table(tuple(_ORIGIN), rows, text_columns=5), folded=True),
            Item("Each Run, to be repeated", code=runs, notes=(repeat,), folded=True),
        ),
    )


def several(values: Iterable[object]) -> str:
    """Each different value once, in order."""
    return "; ".join(dict.fromkeys(str(value) for value in values))
