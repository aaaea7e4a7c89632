"""A folder of results: study.json, and each Run's result with its predictions in the folder of its part."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.measure.folder import STUDY, result_files
from glyphfront.measure.predictions import examples_path, load_predictions, predictions_path
from glyphfront.pipeline.scale import runs_by_folder
from glyphfront.result import Precision, Proportion, Result, load_result, save_result
from glyphfront.study import Study


def write_study(study: Study, out: Path) -> Study:
    """Write study.json: the study as it is carried out, at its scale, parts and all.

    Parts that the file of the same study has already, carried out by themselves before, stay in it.

    Returns:
        What was written.
    """
    whole = _with_parts_there(study, out)
    records.save(whole, out / STUDY)
    return whole


def _with_parts_there(study: Study, out: Path) -> Study:
    with contextlib.suppress(GlyphfrontError):  # none, or of an older version
        before = load_study(out / STUDY)
        if before.parts and study.parts and (before.name, before.scale) == (study.name, study.scale):
            return replace(study, parts={**before.parts, **study.parts})
    return study


def check_place(study: Study, out: Path) -> None:
    """Look whether `out` holds results of another study, or of this one on other data: their place would be taken.

    Raises:
        GlyphfrontError: they are.
    """
    if not any(out.rglob("*-seed*.json")):
        return
    try:
        before = load_study(out / STUDY)
    except GlyphfrontError:  # none, or of an older version
        return
    holds = before.name
    if Path(before.name).resolve() == Path(study.name).resolve():  # that of a file is written in several ways
        there, now = runs_by_folder(before), runs_by_folder(study)
        old, new = ({run.data.train for folder in there.keys() & now for run in one[folder]} for one in (there, now))
        if not old or old & new:
            return
        holds = f"{before.name} on {', '.join(sorted(old))}"
    raise GlyphfrontError(f"{out} holds results of {holds or 'another study'}; give these another folder: --out FOLDER")


def load_study(path: Path) -> Study:
    """Read a study.json; raises as `glyphfront.records.load`."""
    return records.load(Study, path, advice="run the study again, which writes it")


def results_in(out: Path, study: Study | None = None) -> dict[str, tuple[Path, Result]]:
    """By key, the results in a folder and where they lie; what is no result, or of an older version, is left out.

    Of two files of one Run it is the one that the page shows, and not a copy that lies further inside.

    Args:
        out: holds the results.
        study: whose results are looked for; by default that of study.json.
    """
    if study is not None:
        study = _with_parts_there(study, out)
    else:
        with contextlib.suppress(GlyphfrontError):  # none, or of an older version
            study = load_study(out / STUDY)
    found: dict[str, tuple[Path, Result]] = {}
    for path in result_files(out, study or Study("")):
        with contextlib.suppress(GlyphfrontError):
            result = load_result(path)
            found.setdefault(result.key, (path, result))
    return found


def is_whole(result: Result, path: Path) -> bool:
    """Whether the predictions of a result lie beside its file, and are its own: comparisons are made from them."""
    if result.accuracy is None:
        return True
    counted: dict[Precision, Proportion] = {file.precision: file.top1 for file in result.exported}
    counted["fp32"] = result.accuracy.top1  # those of the weights and of the fp32 file are the same
    for precision, share in counted.items():
        try:
            correct = load_predictions(predictions_path(path, precision)).correct
        except GlyphfrontError:
            return False
        if (correct.sum(), correct.size) != (share.correct, share.total):
            return False
    return True


def move_results(moves: Mapping[Path, Path]) -> None:
    """Give result files, with what lies beside them, other names, which may be those of each other."""
    held = list[tuple[Path, Path]]()
    for source, target in moves.items():
        for beside in (Path, predictions_path, functools.partial(predictions_path, precision="int8"), examples_path):
            if beside(source).exists():
                held.append((beside(source).replace(beside(source).with_suffix(".moved")), beside(target)))
    for aside, target in held:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.replace(target)


def keep(result: Result, folder: Path, path: Path, examples: bool) -> None:
    """Put a result to `path`, and beside it of its run's `folder` what a report needs."""
    beside = [(folder / "predictions.npz", predictions_path(path), True)]
    int8 = any(file.precision == "int8" for file in result.exported)
    beside.append((folder / "int8.predictions.npz", predictions_path(path, "int8"), int8))
    for source, target, wanted in (*beside, (folder / "examples.npz", examples_path(path), examples)):
        if wanted and source.exists() and result.status == "finished":
            write_atomically(target, functools.partial(shutil.copyfile, source))
        else:
            target.unlink(missing_ok=True)
    save_result(result, path)
