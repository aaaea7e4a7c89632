"""Verbs for models: what there is, what one is made of, what it is worth, what it takes."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from glyphfront.cli.answer import DataDir, Json, RunsDir, print_json, show, show_table
from glyphfront.errors import GlyphfrontError


def models(json: Json = False) -> None:
    """List every model with its size and cost.

    Example: glyphfront models --json

    Args:
        json: an object for machines (docs/json.md).
    """
    from glyphfront.models import describe
    from glyphfront.report.document import Table
    from glyphfront.ship.recognizer import shipped

    ships, found = set(shipped()), describe()
    if json:
        print_json(models=[{**vars(one), "shipped": one.name in ships} for one in found])
        return
    rows = [
        (
            one.name,
            one.description,
            "shipped" if one.name in ships else "",
            "×".join(map(str, one.input_shape)),
            f"{one.parameters_trainable:,}",
            f"{one.parameters_total:,}",
            f"{one.macs:,}",
        )
        for one in found
    ]
    header = ("name", "what it is", "weights", "input", "trainable", "total", "MACs")
    show_table(Table(header, tuple(rows), text_columns=3), "timm:NAME and torchvision:NAME make any model of those.")


def layers(model: Positional[str], classes: int | None = None, out: Path | None = None, json: Json = False) -> None:
    """Show a model layer by layer: output shapes and parameters.

    Example: glyphfront layers layer_4_1

    Args:
        model: a name, see glyphfront models, or the result file of a run.
        classes: outputs, by default 47; a result file says its own.
        out: also write the table here, as JSON for a report.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.measure.layers import architecture_of, save_architecture
    from glyphfront.report.document import Table

    found = architecture_of(model, classes)
    if out is not None:
        save_architecture(found, out)
    if json:
        print_json(**vars(found))
        return
    rows = [(one.name, one.kind, "×".join(map(str, one.output)), f"{one.parameters:,}") for one in found.layers]
    show_table(
        Table(("name", "layer", "output", "parameters"), tuple(rows), text_columns=3),
        f"input {'×'.join(map(str, found.input))}; one image at a time",
        f"parameters {found.parameters_total:,}, trainable {found.parameters_trainable:,}",
        *([str(out)] if out else []),
    )


def evaluate(
    model: Positional[str],
    data: str | None = None,
    labels_from: str | None = None,
    beside: str | None = None,
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure the accuracy of a run, or of an exported model, on a test set or own pictures, without what it has seen.

    Example: glyphfront evaluate glyphnet-s --data folder:shots --out page

    Args:
        model: folder of a run, an .onnx with its card, or the name of a shipped model.
        data: any set of which the model knows two classes or more: all pictures of a folder, or the test images of
            another set; by default the test set that the model was made for.
        labels_from: how the names of a folder's files tell what they show, such as img_{label}_*.png.
        beside: another model, scored on the same images, without what either was trained on; needs --data.
        out: folder for a page with the mistakes, own.html; needs --data.
        data_dir: where EMNIST files lie.
        json: an object for machines (docs/json.md).
    """
    if data is not None:
        data = data if labels_from is None else f"{data}?labels={labels_from}"
        _evaluate_on(model, data, beside, out, data_dir, json)
        return
    if (out, labels_from, beside) != (None, None, None):
        raise GlyphfrontError(
            "--out, --labels-from and --beside go with own pictures; say which with --data folder:PATH"
        )
    from glyphfront.pipeline.evaluate import evaluate_model

    found = evaluate_model(model, None, data_dir)
    if json:
        print_json(**vars(found))
        return
    accuracy, top1 = found.accuracy, found.accuracy.top1
    print(f"accuracy {top1.value:.2%} ({top1.low:.2%} to {top1.high:.2%}), top-5 {accuracy.top5.value:.2%}")
    seen = "which of them the model was trained on is not known"
    if found.left_out is not None:
        seen = f"{found.left_out:,} left out because the model was trained on them"
    print(f"on {top1.total:,} images ({found.source}); {seen}")
    print(f"evaluation {accuracy.evaluation_seconds:.2f} s, inference {accuracy.inference_seconds:.2f} s")


def _evaluate_on(
    model: str, data: str, beside: str | None, out: Path | None, data_dir: Path | None, json: bool
) -> None:
    from glyphfront.data import load_all
    from glyphfront.measure.overlap import evaluate_beside, evaluate_overlap
    from glyphfront.report.own import own_document, write_own_page
    from glyphfront.ship.recognizer import load

    recognizer, other = load(model), None
    if beside is None:
        found = evaluate_overlap(recognizer, load_all(data, folder=data_dir))
    else:
        found, other = evaluate_beside(recognizer, load(beside), load_all(data, folder=data_dir))
    page = None if out is None else write_own_page(found, recognizer.card.name, out, other)
    if json:
        told = {"html": page} if page else {}
        print_json(**found.plain(), **told, **({"beside": other.plain()} if other else {}))
        return
    show(own_document(found, recognizer.card.name, beside=other))
    if page is not None:
        print(page)


def gradients(
    models: Positional[tuple[str, ...]],
    data: str = "strokes",
    out: Path = Path("gradients.svg"),
    steps: int = 20,
    lr: float = 0.05,
    batch_size: int = 64,
    data_dir: DataDir = None,
) -> None:
    """Draw what gradient reaches each layer in the first steps of training.

    Example: glyphfront gradients glyphnet-s layer_4_1 timm:efficientnet_b1@28 torchvision:vgg16@32

    Args:
        models: names, see glyphfront models; @SIDE sets the side in pixels that images are resized to.
        data: set whose training images are drawn from.
        out: the figure, an .svg; its numbers go beside it, as .json.
        steps: of training.
        lr: learning rate of SGD with Nesterov momentum.
        batch_size: images a step.
        data_dir: where EMNIST files lie.
    """
    from statistics import fmean

    from glyphfront.data import load
    from glyphfront.files import write_text
    from glyphfront.measure.gradients import compare_gradients, save_gradients
    from glyphfront.report.gradients import gradients_figure

    if out.suffix != ".svg":
        raise GlyphfrontError(f"{out}: the figure is SVG; take a name that ends in .svg")
    train_set = load(data, "train", folder=data_dir)
    found = compare_gradients(models, train_set, steps=steps, lr=lr, batch_size=batch_size)
    for record in found.records:
        first, last = (fmean(step[layer] for step in record.norms) for layer in (0, -1))
        print(
            f"{record.label}: gradient norm {first:.3g} in the first layer, {last:.3g} in the last; "
            f"loss {record.losses[0]:.2f}, after {steps} steps {record.losses[-1]:.2f}"
        )
    write_text(out, gradients_figure(found))
    save_gradients(found, out.with_suffix(".json"))
    print(out)


def _files_of(model: str) -> list[tuple[str, Path]]:
    """What a model is called when it is timed, and its file; of a name or folder that has both, also the int8 file."""
    from glyphfront.ship.recognizer import find

    path = find(model)
    int8 = path.with_suffix(".int8.onnx")
    both = int8.is_file() and not model.endswith(".onnx")
    return [(model, path), *([(f"{model}, int8", int8)] if both else [])]


def latency(
    models: Positional[tuple[str, ...]] = (),
    study: Path | None = None,
    seconds: float = 1.0,
    turns: int = 3,
    threads: int = 1,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Time exported models with the MLPerf load generator, all in turns, with a reference model among them.

    Example: glyphfront latency glyphnet-s --seconds 60

    Args:
        models: folders of runs, .onnx files, or names of shipped models.
        study: instead, a folder of results: every file of that study is timed again, and its latency.json written.
        seconds: how long each turn lasts; MLPerf asks for 600, which takes about 1 kB of memory a query.
        turns: how many each file has.
        threads: that ONNX Runtime uses.
        runs_dir: where the files of a study are looked for; those that are gone are made again with random weights,
            which take as long as trained ones.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.measure.latency import time_files
    from glyphfront.report.document import Table
    from glyphfront.report.tables import pauses

    if bool(models) == (study is not None):
        raise GlyphfrontError("name models to time, or a folder of results with --study")
    files: dict[str, Path] = {}
    if study is not None:
        from glyphfront.pipeline.latency import time_study

        found = time_study(study, runs_dir=runs_dir, seconds=seconds, turns=turns, threads=threads)
    else:
        files = {name: path for model in models for name, path in _files_of(model)}
        found = time_files(files, seconds=seconds, turns=turns, threads=threads)
    if json:
        print_json(**vars(found))
        return
    rows = [
        (
            one.name,
            f"{one.latency.p50_us:,.0f}",
            f"{one.latency.p90_us:,.0f}",
            f"{one.latency.p99_us:,.0f}",
            f"{one.latency.ratio:.2f}",
            f"{min(one.ratios):.2f} to {max(one.ratios):.2f}",
            pauses(one.latency),
            f"{one.latency.images_per_second:,.0f}",
        )
        for one in found.files
    ]
    header = (
        "model",
        "p50, µs",
        "p90, µs",
        "p99, µs",
        "× reference",
        "over the turns",
        "after pauses, µs",
        "images/s in bulk",
    )
    first = found.files[0].latency
    same = [name for name in files if name not in {one.name for one in found.files}]
    show_table(
        Table(header, tuple(rows)),
        f"The reference is {first.reference}: {first.reference_p50_us:.0f} µs (p50) in the same call. {first.machine}, "
        f"{first.threads} {'thread' if first.threads == 1 else 'threads'}. Images follow one another without a break, "
        f"but for those after pauses of {' and '.join(f'{one.pause_ms:g}' for one in first.paused)} ms.",
        *([f"Not timed again, as they compute the same as one of these: {', '.join(same)}."] if same else []),
    )
    if study is not None:
        print(study / "latency.json")
