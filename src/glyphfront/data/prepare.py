"""From a Run's `data` to the images that are fitted, selected on and reported on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from glyphfront.data import load
from glyphfront.data.dataset import Dataset, split_fit_select
from glyphfront.data.leakage import remove_leaks
from glyphfront.errors import GlyphfrontError
from glyphfront.result import DataUsed
from glyphfront.run import Data


@dataclass(frozen=True)
class TrainingData:
    """All that training may see."""

    fit: Dataset
    select: Dataset
    used: DataUsed


@dataclass(frozen=True)
class Splits:
    """The three sets of one Run, disjoint unless the Run says otherwise."""

    training: TrainingData
    report: Dataset


def prepare(data: Data, folder: Path | None = None) -> Splits:
    """Read the sets, take the leaks out of training, apply the limit, carve out *select*.

    Args:
        data: what to read.
        folder: where EMNIST files lie; see `glyphfront.data.emnist.find_folder`.

    Raises:
        GlyphfrontError: data is missing or faulty, or the two sets have different classes.
    """
    report = load(data.report or data.train, "test", folder=folder, seed=data.seed)
    per_class = data.limit if data.train == "strokes" else None
    train = load(data.train, "train", folder=folder, seed=data.seed, per_class=per_class)
    if train.classes != report.classes:
        raise GlyphfrontError(
            f"{train.name} has {len(train.classes)} classes and {report.name} {len(report.classes)}: "
            "a report split needs the classes of the training set"
        )
    leaks = 0
    if data.remove_leaks:
        train, leaks = remove_leaks(train, report)
    if data.clear_of is not None:
        train, more = remove_leaks(train, load(data.clear_of, "test", folder=folder, seed=data.seed))
        leaks += more
    if data.limit is not None and data.train != "strokes":
        train = replace(train.limit(data.limit, data.seed), source=f"{train.source}, at most {data.limit} a class")
    fit, select = split_fit_select(train, data.select_fraction, data.seed)
    fit, _ = remove_leaks(fit, select)
    if not len(report):
        raise GlyphfrontError(f"{report.name}: its test part holds no images, so nothing can be reported on")
    if not len(select):
        raise GlyphfrontError(f"{train.name}: no class has two training images, so nothing is left to select on")
    if not len(fit):
        raise GlyphfrontError(
            f"{train.name}: every training picture has a copy to be selected on; nothing is left to fit"
        )
    used = DataUsed(
        train_source=train.source,
        report_source=report.source,
        fit_images=len(fit),
        select_images=len(select),
        report_images=len(report),
        leaks_removed=leaks,
        train_fingerprint=train.fingerprint(),
        report_fingerprint=report.fingerprint(),
    )
    return Splits(TrainingData(fit, select, used), report)
