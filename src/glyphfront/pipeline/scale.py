"""A study at a smaller scale, and its Runs repeated over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from glyphfront.data.splits import count_training_images
from glyphfront.errors import GlyphfrontError
from glyphfront.run import Run, with_needs
from glyphfront.study import Scale, Study

_RATE_SCALES_STEPS = ("momentum", "nesterov")  # others scale each step themselves and keep their rate (see LOG.md)


def at_scale(study: Study, name: str) -> Study:
    """`study` with every Run made smaller as its Scale of that name says; at full scale the study itself.

    A part has its own Scale of the name, or that of the study it is a part of. Parts that make sense at another scale
    only are left out.

    Args:
        study: at full scale.
        name: full, or that of one of its scales.

    Raises:
        GlyphfrontError: there is no such scale, nothing is left at it, or the study is at another already.
    """
    if study.scale == name:
        return study
    if study.scale != "full":
        raise GlyphfrontError(f"{study.name} is at {study.scale} scale already; make it {name} from full scale")
    found = _at(study, name, study.scales, {})
    if found is None:
        raise GlyphfrontError(f"{study.name}, {', '.join(study.parts)}: carried out at another scale than {name} only")
    return found


def _at(study: Study, name: str, scales: Sequence[Scale], keys: dict[str, str]) -> Study | None:
    if study.only and study.only != name:
        return None
    scale = next((one for one in (*study.scales, *scales) if one.name == name), None)
    if scale is None and study.rows:
        known = dict.fromkeys(["full", *(one.name for one in (*study.scales, *scales))])
        raise GlyphfrontError(f"{study.name}: no scale {name!r}; there are {', '.join(known)}")
    rows, changed = {}, {}
    if scale is not None and study.rows:
        rows = derive(study.rows, lambda run: smaller(run, scale), keys)
        changed = {label: in_words(study.rows[label], run) for label, run in rows.items()}
    smaller_parts = {label: _at(part, name, study.scales or scales, keys) for label, part in study.parts.items()}
    parts = {label: part for label, part in smaller_parts.items() if part is not None}
    if study.parts and not parts:
        return None
    return replace(study, scale=name, rows=rows, parts=parts, changed=changed)


def smaller(run: Run, scale: Scale) -> Run:
    """A Run at a scale: fewer images, epochs and images a step; perhaps another network.

    The rate of SGD is multiplied by what the number of steps is divided by, so that rate times steps stays constant.

    Raises:
        GlyphfrontError: a set that must be counted cannot be read.
    """
    whole = run.epochs
    if whole is None:  # they follow from the number of images, and are divided as if they had been given
        whole = run.epochs_for(round(count_training_images(run.data) * (1 - run.data.validation_fraction)))
    limited = run.data.train in scale.limited and scale.limit is not None
    model = run.model
    if model.name in scale.models:
        model = replace(model, name=scale.models[model.name], in_channels=1)
    epochs = math.ceil(whole / scale.epochs_divisor)
    small = replace(
        run,
        data=replace(run.data, limit=scale.limit) if limited else run.data,
        model=model,
        epochs=epochs,
        batch_size=max(2, run.batch_size // scale.batch_divisor),
        schedule=replace(run.schedule, patience=math.ceil(run.schedule.patience / scale.epochs_divisor)),
    )
    if run.optimizer.name not in _RATE_SCALES_STEPS:
        return small
    factor = (whole / run.batch_size) / (epochs / small.batch_size)
    if limited:
        factor *= count_training_images(run.data) / count_training_images(small.data)
    return replace(small, optimizer=replace(run.optimizer, lr=float(f"{run.optimizer.lr * factor:.3g}")))


def in_words(run: Run, small: Run) -> str:
    """What a scale changed of a Run."""
    changes = [f"{small.data.limit} images a class" if small.data.limit else "all images"]
    numbers = {
        "epochs": (run.epochs or "by the number of images", small.epochs),
        "batch": (run.batch_size, small.batch_size),
        "learning rate": (f"{run.optimizer.lr:g}", f"{small.optimizer.lr:g}"),
        "patience": (run.schedule.patience, small.schedule.patience) if run.schedule.name == "plateau" else (0, 0),
    }
    changes += [f"{name} {before} → {after}" for name, (before, after) in numbers.items() if before != after]
    if small.model.name != run.model.name:
        changes.append(f"{small.model.name} instead of {run.model.name}")
    return ", ".join(changes)


def with_seeds(study: Study, seeds: int) -> Study:
    """`study` with so many trainings of each row, in its parts too."""
    parts = {name: with_seeds(part, seeds) for name, part in study.parts.items()}
    return replace(study, seeds=seeds, seeds_of={}, parts=parts)


def runs_by_folder(study: Study) -> dict[str, list[Run]]:
    """The Runs of a study and its parts, by the folder of their results within that of the study.

    Args:
        study: the rows of its parts may need rows of parts before them.

    Returns:
        By folder (``"."`` of the study's own rows, ``"PART"``), in order, all rows with seed 0, then with seed 1, and
        so on. A Run that needs a row, to start from or as a teacher, needs that row with its own seed, where it
        has one.
    """
    folders: dict[str, list[Run]] = {}
    keys: list[dict[str, str]] = []

    def visit(study: Study, folder: PurePosixPath) -> None:
        keys.extend({} for _ in range(max(map(study.seeds_for, study.rows), default=0) - len(keys)))
        if study.rows:
            folders[str(folder)] = _seeded(study, keys)
        for name, part in study.parts.items():
            visit(part, folder / name)

    visit(study, PurePosixPath("."))
    return folders


def trainings(study: Study) -> list[Run]:
    """The Runs of a study and its parts, each once, in order; see `runs_by_folder`."""
    runs: dict[str, Run] = {}
    for run in (run for each in runs_by_folder(study).values() for run in each):
        runs.setdefault(run.key, run)
    return list(runs.values())


def _seeded(study: Study, keys: Sequence[dict[str, str]]) -> list[Run]:
    runs: list[Run] = []
    for seed in range(max(map(study.seeds_for, study.rows))):
        rows = {label: run for label, run in study.rows.items() if seed < study.seeds_for(label)}
        runs += derive(rows, lambda run, seed=seed: replace(run, seed=seed), keys[seed]).values()  # type: ignore[misc]
    return runs


def derive(rows: Mapping[str, Run], change: Callable[[Run], Run], keys: dict[str, str] | None = None) -> dict[str, Run]:
    """Every row changed and labelled; one that needs another needs that one's changed form.

    Args:
        rows: a row comes after those that it needs.
        change: gives the changed Run.
        keys: of rows changed before, by their key before that; receives those of `rows`.
    """
    keys = {} if keys is None else keys
    derived = {}
    for label, run in rows.items():
        new = replace(change(run), label=label)
        new = with_needs(new, lambda key: keys.get(key, key))
        keys[run.key] = new.key
        derived[label] = new
    return derived
