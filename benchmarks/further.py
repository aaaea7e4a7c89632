"""What training a shipped model further brings on genuine pictures: new alphabets, a small set of digits, one writer.

Usage: GLYPHFRONT_REAL=folder GLYPHFRONT_CASES=folder python benchmarks/further.py [measure | table]
measure goes on where it was stopped, and keeps results/further/further.json; table puts it into docs/own-data.md.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from glyphfront.data import load_all
from glyphfront.data.dataset import Dataset, split_validation
from glyphfront.data.leakage import fingerprints
from glyphfront.data.splits import TrainingData
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.picture.normalize import normalize
from glyphfront.provenance import provenance
from glyphfront.records import from_plain, to_plain
from glyphfront.report.document import Table, markdown_table
from glyphfront.report.page import put_between
from glyphfront.result import DataUsed
from glyphfront.run import Optimizer, Run
from glyphfront.ship.recognizer import load
from glyphfront.training import loop
from glyphfront.training.further import further

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "results" / "further" / "further.json"
NEEDS_DATA = 77  # exit status of a benchmark that finds none of the data it needs
BASE = "glyphnet-s"
ALPHABETS = {"greek": 24, "katakana": 47, "korean": 40}
SPLITS = 5
HOW = (
    "digits10: ten digits, 15 pictures each, five splits; greek, katakana, korean: of Omniglot, 20 people, one drawing "
    "each of a class, trained on 15 people (one or two of them to validate on) and tested on 5, five splits; writers: "
    "62 classes, trained on two drawings of each and tested on the third, three turns, without regard to case"
)


def runs() -> dict[str, Run]:
    """Both start: the recipe, and the same from new weights, at the rate and for the epochs of a new model."""
    recipe = further(BASE)
    new = replace(recipe, init_from=None, frozen_norms_below=None, optimizer=Optimizer())
    return {"shipped weights": recipe, "new weights": new}


def predicted(run: Run, train: Dataset, validation: Dataset, test: Dataset) -> NDArray[np.int64]:
    """(N,) what a model trained on `train` says of the test images; the last epoch's weights, none is chosen."""
    used = DataUsed(
        train.source, test.source, len(train), len(validation), len(test), 0, train.fingerprint(), test.fingerprint()
    )
    data = TrainingData(train, validation, used, fingerprints(test.images))
    with tempfile.TemporaryDirectory() as runs_dir:
        folder = Path(runs_dir) / run.key
        trained = loop.train(run, data, folder)
        if trained.status != "finished":
            raise SystemExit(trained.message)
        logits = predict_logits(load_classifier(folder), torch.from_numpy(test.images))
    return logits.argmax(1).numpy()


def folds(dataset: Dataset) -> NDArray[np.int64]:
    """(N,) the split that tests on each image: whole people where they are known, else as many of each class."""
    rng = np.random.default_rng(0)
    if dataset.writers is not None:
        people, number = np.unique(dataset.writers, return_inverse=True)
        return (rng.permutation(len(people)) % SPLITS)[number]
    split = np.empty(len(dataset), np.int64)
    for label in range(len(dataset.classes)):
        index = rng.permutation(np.flatnonzero(dataset.labels == label))
        split[index] = np.arange(len(index)) % SPLITS
    return split


def cross_validated(dataset: Dataset, run: Run, number: int) -> list[int]:
    """[right, all] of one split."""
    split = folds(dataset)
    test = dataset.take(split == number, "test")
    train, validation = split_validation(dataset.take(split != number, "train"), run.data.validation_fraction, 0)
    return [int((predicted(run, train, validation, test) == test.labels).sum()), len(test)]


def people() -> dict[str, Dataset]:
    """The four of unipen: 62 classes, three drawings of each; `writers` is the number of the drawing."""
    place = real_folder()
    found: dict[str, list[tuple[Path, str]]] = {}
    with (place / "labels.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if row["source"] == "unipen":
                path = place / row["path"]
                found.setdefault(path.stem.split("_")[0], []).append((path, row["label"]))
    sets = {}
    for person, pictures in sorted(found.items()):
        classes = tuple(sorted({label for _, label in pictures}))
        images = np.stack([normalize(path) for path, _ in pictures])
        labels = np.array([classes.index(label) for _, label in pictures])
        turns = np.array([int(path.stem.split("_")[-1]) for path, _ in pictures])
        sets[person] = Dataset(person, "all", images, labels, classes, "own pictures", writers=turns)
    return sets


def one_writer(person: Dataset, run: Run, turn: int) -> list[int]:
    """[right, all], without regard to case, of the drawings of one turn by a model trained on the other two.

    Of two pictures a class none is kept back to validate on: nothing is chosen by it.
    """
    assert person.writers is not None
    test, train = person.take(person.writers == turn, "test"), person.take(person.writers != turn, "train")
    said = predicted(run, train, train, test)
    upper = np.array([name.upper() for name in person.classes])
    return [int((upper[said] == upper[test.labels]).sum()), len(test)]


def of_shipped(dataset: Dataset, alphabet: str | None) -> list[int]:
    """[right, all], without regard to case, by the shipped model as it is."""
    recognizer = load(BASE, precision="fp32")
    characters = recognizer.alphabet(alphabet).characters
    said = recognizer.probabilities(dataset.images, alphabet).argmax(1)
    right = [characters[a].upper() == dataset.classes[b].upper() for a, b in zip(said, dataset.labels, strict=True)]
    return [sum(right), len(right)]


def real_folder() -> Path:
    """The folder that GLYPHFRONT_REAL names."""
    return _folder("GLYPHFRONT_REAL")


def _folder(variable: str) -> Path:
    if not os.environ.get(variable):
        print(f"{variable} names no folder", file=sys.stderr)
        raise SystemExit(NEEDS_DATA)
    return Path(os.environ[variable])


def cells() -> Iterator[tuple[str, str, str, Callable[[], list[int]]]]:
    """All there is to measure: set, start, split, and what measures it; those from shipped weights first."""
    digits = load_all(f"folder:{_folder('GLYPHFRONT_CASES') / 'folders' / 'digits10'}")
    alphabets = {name: load_all(f"folder:{real_folder() / name}") for name in ALPHABETS}
    writers = people()
    yield "digits10", "shipped model", "all", partial(of_shipped, digits, "digits")
    for name, person in writers.items():
        yield f"writer {name}", "shipped model", "all", partial(of_shipped, person, None)
    for start, run in runs().items():
        for name, dataset in {"digits10": digits, **alphabets}.items():
            for number in range(SPLITS):
                yield name, start, str(number), partial(cross_validated, dataset, run, number)
        for name, person in writers.items() if start == "shipped weights" else ():
            for turn in range(3):
                yield f"writer {name}", start, str(turn), partial(one_writer, person, run, turn)


def measure() -> None:
    """Train what is not yet in the result file."""
    torch.set_num_threads(1)
    before = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    recipe = {start: to_plain(run) for start, run in runs().items()}
    keys = {start: from_plain(Run, plain).key for start, plain in before.get("runs", {}).items()}
    same = keys == {start: run.key for start, run in runs().items()}  # the key also tells the base's weights
    found: dict[str, Any] = before["right of all"] if same else {}
    for name, start, split, make in cells():
        of_start = found.setdefault(name, {}).setdefault(start, {})
        if split in of_start:
            continue
        of_start[split] = make()
        print(name, start, split, *of_start[split], flush=True)
        record = {
            "how": HOW,
            "runs": recipe,
            "right of all": found,
            **to_plain(provenance()),
        }
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")


def share(splits: dict[str, list[int]] | None, wanted: int) -> str:
    """Accuracy over all splits, with the standard deviation over them where there are several."""
    if not splits or len(splits) < wanted:
        return "not measured"
    right, total = np.array(list(splits.values())).sum(0)
    spread = np.std([100 * a / b for a, b in splits.values()], ddof=1) if wanted > 1 else 0
    return f"{right / total:.1%}" + (f" ± {spread:.1f}" if wanted > 1 else "")


def lines(found: dict[str, Any]) -> list[str]:
    """The tables of docs/own-data.md."""
    rows = [
        (
            {"digits10": "digits"}.get(name, name.capitalize()),
            str(ALPHABETS.get(name, 10)),
            "12" if name == "digits10" else "15",
            share(found[name].get("shipped model"), 1) if name == "digits10" else "–",
            share(found[name].get("new weights"), SPLITS),
            share(found[name].get("shipped weights"), SPLITS),
        )
        for name in ("digits10", *ALPHABETS)
        if name in found
    ]
    header = ("set", "classes", "pictures a class", "shipped model as it is", "from new weights", "trained further")
    writers = {name: of for name, of in found.items() if name.startswith("writer ")}
    of_people = [
        (str(number), share(of.get("shipped model"), 1), share(of.get("shipped weights"), 3))
        for number, of in enumerate(writers.values(), 1)
    ]
    return [
        markdown_table(Table(header, tuple(rows))),
        "",
        markdown_table(Table(("writer", "shipped model as it is", "trained further"), tuple(of_people))),
    ]


def main() -> None:
    if sys.argv[1:] == ["table"]:
        put_between(
            ROOT / "docs" / "own-data.md", "further", lines(json.loads(RESULT.read_text("utf-8"))["right of all"])
        )
    else:
        measure()


if __name__ == "__main__":
    main()
