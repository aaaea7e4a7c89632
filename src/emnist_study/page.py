"""What only the source study's page says: its final model, why brightness collapsed, what gradient its candidates get.

Read besides the results: in the study's folder ``gradients-*.json`` (glyphfront gradients) and ``brightness.json``
(benchmarks/brightness.py); beside it the folder of full scale with ``architecture.json`` (glyphfront layers), and that
of the shipped model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import compare_evaluated
from glyphfront.measure.folder import Evaluated, Part, Reading, read_folder
from glyphfront.measure.gradients import load_gradients
from glyphfront.measure.judge import Judgement, Leak, judge, leak_p_values, mean_accuracy
from glyphfront.measure.layers import load_architecture
from glyphfront.measure.statistics import single
from glyphfront.report.document import Item, PageFigure, Section, Table
from glyphfront.report.front import data_label, files_of
from glyphfront.report.gradients import gradients_figure
from glyphfront.report.page import not_run
from glyphfront.report.parts import leaks_section, part_section, points
from glyphfront.report.tables import p_value, percent
from glyphfront.result import Provenance, Timings
from glyphfront.ship import DEFAULT
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find

_FULL, _FRONT = "emnist-study-full", "front"  # folders beside that of the study
_IMAGES = 1024


def sections(reading: Reading) -> list[Section]:
    """What was found besides the claims; then the sections that only this study has.

    Raises:
        GlyphfrontError: a file is faulty.
    """
    beside = reading.folder.resolve().parent
    elsewhere = beside / _FULL
    full = read_folder(elsewhere) if elsewhere != reading.folder.resolve() and elsewhere.is_dir() else None
    final = (full or reading).part("final")
    found = [
        *_transfer(reading),
        *_final(final, beside / _FRONT, reading.timings),
        *_at_full_settings_in_several_trainings((full or reading).part("final_bf16")),
        *_brightness_found(reading),
    ]
    made = [
        Section("What was found", tuple(found)) if found else None,
        *(_at_full_settings(full, reading.timings) if full else ()),
        _brightness(reading),
        _gradients(reading.folder),
        _architecture(elsewhere / "architecture.json", final),
        _wording(),
    ]
    return [section for section in made if section]


def _transfer(reading: Reading) -> list[str]:
    """What transfer brings from a clean base, and what the leak adds, of the network that became the final model."""
    part = reading.part("table9")
    if not part:
        return []
    (one,) = judge([part])
    leak = next((leak for leak in one.leaks if leak.pair.name == "transfer_2" and leak.seen.any()), None)
    row = one.rows.get("transfer_2_clean")
    if not leak or not row:
        return []
    changed = next((c.claim.at_scale for c in one.claims if c.claim.row == row.label and c.claim.at_scale), "")
    return [
        f"Transfer helps, without the leak too: {one.baseline(row.label)} trained on ByMerge first, without our test "
        f"images (transfer_2), gains {points(row.comparison)} over {one.baseline(row.label)} alone at "
        f"{part.study.scale} scale{f', where {changed}' if changed else ''}. "
        f"{_leak_brings(leak, leak_p_values(one.leaks))}"
    ]


def _leak_brings(leak: Leak, p_values: dict[str, float]) -> str:
    if leak.effect is None or leak.least is None:
        return ""
    if single(leak.effect):
        return f"The leak itself brings {points(leak.effect)}; with one training on a side that is no verdict."
    told = "beyond" if p_values[leak.pair.name] < 0.05 else "within"
    return (
        f"{100 * leak.seen.mean():.0f} % of the test images stand in ByMerge's training file, which the study trained "
        f"on whole. The leak itself brings {points(leak.effect)}, {told} chance; a leak below {100 * leak.least:.1f} "
        "points may be missed."
    )


_WHICH = {"bases": "to a base", "transferred": "to the final network"}


def _at_full_settings_in_several_trainings(part: Part | None) -> list[str]:
    """What transfer brings, and what its leak adds, where several trainings on a side tell it."""
    if not part:
        return []
    (one,) = judge([part])
    return [*_transfer_brings(one), *_leaks_bring(one)]


def _transfer_brings(one: Judgement) -> list[str]:
    told = []
    for found in one.claims:
        if found.ours and found.verdict in ("holds", "does not hold", "cannot be told"):
            alone, chance = one.part.study.rows[found.claim.than], "beyond" if found.ours.differs else "within"
            told.append(
                f"On all images transfer brings {points(found.ours.comparison)}, {chance} chance: {found.claim.row} "
                f"against {found.claim.than}, the same network in at most {alone.epochs} epochs without it."
            )
    return told


def _leaks_bring(one: Judgement) -> list[str]:
    p_values = leak_p_values(one.leaks)
    told = []
    for leak in one.leaks:
        if leak.effect is None or single(leak.effect):
            continue
        trainings = f"{len(leak.published)} and {len(leak.clean)} trainings"
        to = _WHICH[leak.pair.group]
        told.append(f"{points(leak.effect)} {to} (p {p_value(p_values[leak.pair.name])}, {trainings})")
    if not told:
        return []
    return [
        "Trained several times on all images, with 5 epochs after the transfer: the leak itself brings "
        f"{' and '.join(told)}."
    ]


def _final(part: Part | None, front: Path, timings: Timings | None) -> list[str]:
    """The final model at full settings, beside what was published of it and beside the default one of the shipped."""
    group = part.compared.get("final") if part else None
    mean = mean_accuracy(group) if group else None
    if not part or not group or mean is None:
        return []
    result = group[0].result
    low, high = Judgement(part).interval("final") or (0.0, 1.0)
    theirs = part.study.published["final"].test_accuracy if "final" in part.study.published else None
    reached = (
        f"The final model at full settings, transferred without the leak, reaches {percent(mean)} % "
        f"({percent(low)}–{percent(high)}) on {data_label(result)}, trainings: {len(group)}."
    )
    if theirs is not None:
        reached += (
            f" The study has {percent(theirs)} %, with the leak, on {_IMAGES:,} images. The two differ in their "
            "training and test images too, so the difference is not what the leak brings."
        )
    return [" ".join((*_beside_shipped(group, front, timings), reached))]


def _beside_shipped(group: Sequence[Evaluated], front: Path, timings: Timings | None) -> list[str]:
    """A sentence about the shipped model that is the default, if it was tested on the same images."""
    if not front.is_dir():
        return []
    ours, shipped = read_folder(front), load_card(find(DEFAULT)).sha256
    sentences, result = [], group[0].result
    for one in ours.evaluated:
        if one.predictions is None or shipped not in {file.sha256 for file in one.result.exported}:
            continue
        if one.result.data.test_fingerprint != result.data.test_fingerprint:
            continue
        better = points(compare_evaluated(group, [one]))
        sentence = f"The shipped {one.result.run.label} is better than the study's final network by {better}"
        time = files_of([one], ours.timings)[0].latency
        alike = files_of([group[0]], ours.timings)[0].latency  # in the same call, if its graph was timed there
        longer = alike or files_of([group[0]], timings)[0].latency
        if time and longer:
            sentence += f", in {100 * time.ratio / longer.ratio:.0f} % of the time for an image"
        if one.result.run.logit_adjustment and not result.run.logit_adjustment:
            sentence += "; its training corrects for uneven classes, the study's does not"
        sentences.append(f"{sentence}.")
    return sentences


def _brightness_found(reading: Reading) -> list[str]:
    part = reading.part("table6")
    if not part or not {"aug_4", "aug_5"} <= part.compared.keys():
        return []
    four, five = (mean_accuracy(part.compared[label]) or 0.0 for label in ("aug_4", "aug_5"))
    theirs = part.study.published["aug_5"].test_accuracy or 0.0
    return [
        f"Brightness does not collapse: at {part.study.scale} scale aug_5 has {percent(five)} % where aug_4 has "
        f"{percent(four)} %; the study's aug_5 has {percent(theirs)} %."
    ]


def _at_full_settings(full: Reading, timings: Timings | None) -> list[Section | None]:
    """The parts of full scale, which were carried out elsewhere, with their leaks and what of them was not run."""
    judged = judge(full.parts)
    made = [part_section(one, timings or full.timings) for one in judged]
    made.append(leaks_section(judged, "At full settings: what the leak brings"))
    if missing := not_run(full):
        made.append(replace(missing, title="At full settings: not run"))
    return made


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


def _brightness(reading: Reading) -> Section | None:
    path, part = reading.folder / "brightness.json", reading.part("table6")
    if not path.exists():
        return None
    found = records.load(_Brightness, path, advice="write it again: benchmarks/brightness.py")
    keys = {one.result.key for one in part.compared.get(found.label, ())} if part else set()
    if keys and found.key not in keys:
        raise GlyphfrontError(
            f"{path}: of another {found.label} than table6's; write it again: benchmarks/brightness.py"
        )
    returned = []
    for g in found.generators:
        returned.append((g.name, "aug_4", f"{g.aug_4_greatest:.3g}", f"{g.aug_4_mean:.2g}"))
        returned.append((g.name, "aug_5", f"{g.aug_5_greatest:.3g}", f"{g.aug_5_mean:.2g}"))
    scales = (
        ("as in training", percent(found.correct_at_the_scale_of_training / found.images)),
        ("a 255th of it", percent(found.correct_at_a_255th / found.images)),
    )
    theirs = part.study.published["aug_5"].test_accuracy if part and "aug_5" in part.study.published else None
    published = f" The study's row has {percent(theirs)} %." if theirs is not None else ""
    return Section(
        "Why the study's row with brightness collapsed",
        (
            "Keras' ImageDataGenerator was given images of 0 to 1, with and without brightness. One version returns 0 "
            "to 255: a network trained on that sees all but black in test images of 0 to 1. Another returns next to "
            "nothing but 0 and leaves nothing to learn from. Which of the two the study had is not known.",
            f"Our network of {found.label} was trained with brightness on one scale. It was tested on {found.images:,} "
            f"test images at two scales. Chance is {percent(1 / found.classes)} %.{published}",
        ),
        (
            Item("What the generator returns", Table(("generator", "row", "greatest", "mean"), tuple(returned), 2)),
            Item("What the scale does to the accuracy", Table(("scale of the images", "accuracy, %"), scales)),
        ),
    )


def _gradients(folder: Path) -> Section | None:
    items = []
    for path in sorted(folder.glob("gradients-*.json")):
        figure = PageFigure(
            f"{path.stem}.svg", gradients_figure(load_gradients(path)), f"Gradients by layer, {path.stem}"
        )
        items.append(Item(f"Images of {path.stem.partition('-')[2]} pixels", figure=figure))
    if not items:
        return None
    return Section(
        "What gradient reaches the candidates' layers",
        (
            "The study says that most of the candidates lost their gradient. A gradient has vanished where its norm "
            "falls by orders of magnitude from layer to layer. A map of one pixel has nothing left to look at: eight "
            "of the nine weights of a 3×3 kernel on it never get a gradient. VGG16 and DenseNet121 end in an empty map "
            "with 28 pixels, and stand at 32 only. A few steps say what reaches the layers, not what a net learns in "
            "the end; for that see the candidates' rows.",
        ),
        tuple(items),
    )


def _architecture(path: Path, final: Part | None) -> Section | None:
    if not path.exists():
        return None
    net = load_architecture(path)
    rows = [(r.name, r.kind, "×".join(map(str, r.output)), f"{r.parameters:,}") for r in net.layers]
    published = final.study.published.get("final") if final else None
    theirs = f" The study counts {published.parameters:,}." if published and published.parameters else ""
    return Section(
        "The final model, layer by layer",
        (
            f"Input {'×'.join(map(str, net.input))}. {net.parameters_total:,} parameters, of which "
            f"{net.parameters_trainable:,} are trained; the others are batch norm's running statistics.{theirs} A "
            "DenseLayer is norm, activation, 1×1 convolution, norm, activation, 3×3 convolution; its output is "
            "appended to its input.",
        ),
        (Item("Layers", Table(("layer", "kind", "output", "parameters"), tuple(rows), 2), folded=True),),
    )


def _wording() -> Section:
    return Section(
        "What to know of this study",
        (
            f"The study's accuracies are of one batch of {_IMAGES:,} test images and of one training. Its times are of "
            "four A5000 GPUs and its losses of validation images, so neither is to be compared with ours.",
            "Claims are read out of what the study concluded and of what it took on for its next rows.",
            "Clean is said of the test set. The training file of Balanced stands in ByMerge's and ByClass' training "
            "files, and with it the images that a transferred network selects its epoch and its rate by. Its base has "
            "been trained on many of them, with the leak and without, so its validation accuracy is too good. Its test "
            "accuracy, when clean, is of images that neither it nor its base has seen.",
            "The reference of all times is a LeNet-5 with one input channel. The study's networks have three, as its "
            "counts of parameters show. layer_4_1 to layer_4_3 have one; so has layer_4_1 where it stands in "
            "DenseNet121's place at laptop scale.",
        ),
    )
