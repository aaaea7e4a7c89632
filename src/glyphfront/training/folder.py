"""The folder of a run: its lock, what lies in it before the training, what the training leaves."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import itertools
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock
import numpy as np

from glyphfront.data.leakage import load_seen, save_seen
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models.weights import save_weights, shipped_seen
from glyphfront.result import DataUsed, Epoch, Trained, load_trained, save_result
from glyphfront.run import Run, save_run
from glyphfront.training.distill import check_classes
from glyphfront.training.needs import needs_changed
from glyphfront.training.state import State, read_state


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`; the lock goes with the process, however that ends.

    Within one process it may be held several times.

    Raises:
        GlyphfrontError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / "lock", timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise GlyphfrontError(f"{folder}: another process trains this Run; wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()


def prepare_folder(run: Run, data: TrainingData, folder: Path) -> Trained | None:
    """Make `folder` ready for the training; returns what it holds if that is finished.

    Raises:
        GlyphfrontError: see `check_needs`.
    """
    for left in folder.glob("*.partial"):  # by a process that was killed while it wrote
        left.unlink()
    move_aside_other_images(run, folder, data.used)
    save_run(run, folder / "run.json")
    if (folder / "trained.json").exists():
        trained = load_trained(folder / "trained.json")
        if trained.status == "diverged" or (folder / "weights.safetensors").exists():
            return trained
    check_needs(run, data, folder)
    return None


def check_needs(run: Run, data: TrainingData, folder: Path) -> None:
    """Look at what `run` needs: Runs, whose folders are beside `folder`, and a shipped model.

    Raises:
        GlyphfrontError: one is not trained; `run` removes leaks, and one, or the shipped model that it starts from,
            has seen images of its test set; or a teacher, or a Run whose head is kept, tells other classes apart.
    """
    for key in run.needs:
        needed = folder.parent / key
        what = "the Run it starts from" if key == run.init_from else "its teacher"
        if not (needed / "weights.safetensors").exists():
            raise GlyphfrontError(f"{run.label}: {what}, {key}, is not trained in {folder.parent}; train that first")
        if not run.data.remove_leaks:
            continue
        if leaked := _seen_of_test(data, needed / "model.seen.npz"):
            raise GlyphfrontError(
                f"{run.label}: {what} was trained on {leaked:,} images of the test set; train that "
                f"with --data.clear-of {run.data.test_set}, or say --data.no-remove-leaks"
            )
    if run.base and run.data.remove_leaks and (leaked := _seen_of_test(data, shipped_seen(run.base))):
        raise GlyphfrontError(
            f"{run.label}: {run.base} was trained on {leaked:,} images of the test set; name another --data.test, or "
            "say --data.no-remove-leaks"
        )
    check_classes(run, data.train.classes, folder)


def _seen_of_test(data: TrainingData, seen: Path) -> int:
    return int(np.isin(data.test_fingerprints, load_seen(seen)).sum())


def leave_trained(data: TrainingData, folder: Path, trained: Trained, state: State) -> Trained:
    """Write what a training that has ended leaves; trained.json, the last of it, says that it has."""
    run = state.run
    write_curve(state.curve, folder / "curve.csv")
    if trained.status == "finished":
        save_weights(state.evaluated.state_dict(), folder / "weights.safetensors")
    before = [load_seen(folder.parent / key / "model.seen.npz") for key in run.needs]
    before += [load_seen(shipped_seen(run.base))] if run.base else []
    images = data.train.images, data.validation.images
    save_seen(folder / "model.seen.npz", *images, more=[*before, data.left_out])
    save_result(trained, folder / "trained.json")
    (folder / "state.pt").unlink(missing_ok=True)
    return trained


def move_aside_other_images(run: Run, folder: Path, used: DataUsed) -> None:
    """The same Run on other images is another training: what it left is kept, under another name.

    So is one whose base or teachers have been trained on other images since. What was kept before stays.
    """
    if (folder / "trained.json").exists():
        trained = load_trained(folder / "trained.json")
        before, needed = trained.data, trained.needed_images
    elif (folder / "state.pt").exists():
        saved = read_state(folder / "state.pt")
        before, needed = DataUsed(**saved["data"]), saved.get("needed_images")  # older states have none
    else:
        return
    if not before.same_images(used):
        why = "was trained on other images"
    elif needs_changed(run, needed, folder.parent):
        why = "was trained with a base or teacher that has seen other images since"
    else:
        return
    name = f"{folder.name}.{before.train_fingerprint[:6]}{before.test_fingerprint[:6]}"
    names = itertools.chain([name], (f"{name}.{number}" for number in itertools.count(2)))
    aside = next(path for path in map(folder.with_name, names) if not path.exists())
    warnings.warn(f"{folder} {why}; it is kept as {aside}", stacklevel=2)
    aside.mkdir()
    for path in folder.iterdir():
        if path.name != "lock":
            path.replace(aside / path.name)


def write_curve(curve: Sequence[Epoch], path: Path) -> None:
    """The learning curve as CSV, a line an epoch, atomically."""

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow([f.name for f in dataclasses.fields(Epoch)])
            lines.writerows(dataclasses.astuple(epoch) for epoch in curve)

    write_atomically(path, write)
