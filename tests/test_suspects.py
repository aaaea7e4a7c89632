from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import fingerprints, load_listed
from glyphfront.data.splits import prepare
from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.suspects import Suspect, find_suspects, save_suspects
from glyphfront.report.document import render_markdown
from glyphfront.report.suspects import suspects_document, suspects_sheet
from glyphfront.run import Data
from glyphfront.ship import recognizer

pytest.importorskip("cleanlab")


@pytest.fixture(scope="module")
def swapped() -> tuple[Dataset, set[int]]:
    """40 drawings each of eight characters, of which six are labelled as the next one; and which these are."""
    whole = draw(40, seed=5)
    chosen = [whole.classes.index(name) for name in "2347ABEK"]
    kept = whole.take(np.isin(whole.labels, chosen))
    labels = np.searchsorted(chosen, kept.labels)
    wrong = {3, 50, 101, 160, 222, 301}
    for index in wrong:
        labels[index] = (labels[index] + 1) % 8
    return replace(kept, labels=labels, classes=tuple("2347ABEK")), wrong


def test_labels_that_were_changed_are_found_and_few_others(swapped):
    dataset, wrong = swapped
    found = find_suspects(dataset, recognizer.load("glyphnet-s", precision="fp32"))
    assert len({one.index for one in found} & wrong) >= 5
    assert len(found) <= 2 * len(wrong)


def test_what_the_image_shows_is_suggested(swapped):
    dataset, wrong = swapped
    named = {one.index: one for one in find_suspects(dataset, recognizer.load("glyphnet-s", precision="fp32"))}
    for index in wrong & set(named):
        assert dataset.classes.index(named[index].suggested) == (dataset.labels[index] - 1) % 8


def test_classes_that_no_model_knows_are_judged_by_their_pixels(swapped):
    dataset, wrong = swapped
    strange = replace(dataset, classes=tuple("αβγδεζηθ"))
    found = find_suspects(strange, recognizer.load("glyphnet-s", precision="fp32"))
    assert len({one.index for one in found} & wrong) >= 4


def test_a_zero_called_o_is_a_suspect_only_where_look_alikes_are_asked_for():
    whole = draw(40, seed=5)
    chosen = [whole.classes.index(name) for name in "0OAK"]
    kept = whole.take(np.isin(whole.labels, chosen))
    labels = np.array([chosen.index(label) for label in kept.labels])
    dataset = replace(kept, labels=labels, classes=tuple("0OAK"))
    other = np.where(labels < 2, 1 - labels, labels)  # O for 0 and 0 for O
    mixed = replace(dataset, labels=np.where(np.arange(len(labels)) % 5 == 0, other, labels))
    plain, all_of_them = (
        find_suspects(mixed, recognizer.load("glyphnet-s", precision="fp32"), look_alikes=on) for on in (False, True)
    )
    assert not [one for one in plain if {one.given, one.suggested} == {"0", "O"}]
    assert [one for one in all_of_them if {one.given, one.suggested} == {"0", "O"}]


def test_a_class_with_one_image_is_refused():
    dataset = Dataset("mine", "all", np.zeros((3, 28, 28), np.uint8), np.array([0, 0, 1]), ("a", "b"), "made by a test")
    with pytest.raises(GlyphfrontError, match="a class needs two images"):
        find_suspects(dataset, recognizer.load("glyphnet-s", precision="fp32"))


SUSPECTS = [Suspect(2, "b", "a", 0.01, ("A", 0.5)), Suspect(0, "a", "b", 0.25, ("B", 0.75))]


@pytest.fixture
def three() -> Dataset:
    images = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    return Dataset(
        "mine", "all", images, np.array([0, 1, 1]), ("a", "b"), "made by a test", files=np.array(["x", "y", "z"])
    )


def test_the_list_names_each_suspect_by_fingerprint_and_file(three, tmp_path):
    save_suspects(SUSPECTS, three, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["given"], row["suggested"]) for row in rows] == [("z", "b", "a"), ("x", "a", "b")]
    assert load_listed(tmp_path / "s.csv").tolist() == fingerprints(three.images)[[2, 0]].tolist()


def test_a_list_that_somebody_has_edited_is_kept_beside_the_new_one(three, tmp_path):
    path = tmp_path / "s.csv"
    assert save_suspects(SUSPECTS, three, path) is None
    assert save_suspects(SUSPECTS, three, path) is None
    edited = "".join(path.read_text().splitlines(keepends=True)[:2])
    for kept in ("s.1.csv", "s.2.csv"):
        path.write_text(edited)
        assert save_suspects(SUSPECTS, three, path) == tmp_path / kept
        assert (tmp_path / kept).read_text() == edited
    assert len(load_listed(path)) == 2


def test_the_table_says_what_each_one_says(three):
    text = render_markdown(suspects_document(SUSPECTS, three, "m"))
    assert "2 of 3 labels of mine" in text
    assert "| z | b | a | A (50%) | 1.00% |" in text


def test_the_sheet_is_a_picture(three, tmp_path):
    assert suspects_sheet(SUSPECTS, three, tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_leaves_the_images_of_a_list_out_of_training(tmp_path):
    data = Data(train="strokes", limit=4)
    before = prepare(data).training
    save_suspects([Suspect(3, "a", "b", 0.0, ("a", 1.0))], before.train, tmp_path / "s.csv")
    after = prepare(replace(data, leave_out=str(tmp_path / "s.csv"))).training
    gone = fingerprints(before.train.images[3:4])[0]
    assert gone not in fingerprints(np.concatenate([after.train.images, after.validation.images]))
    assert after.used.train_source.endswith("1 left out by a list")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "fingerprint\nxyz\n", ""])
def test_a_list_without_fingerprints_is_refused(tmp_path, text):
    (tmp_path / "s.csv").write_text(text + ("" if text else "a,b\n1,2\n"))
    with pytest.raises(GlyphfrontError, match="no CSV file with a column fingerprint"):
        load_listed(tmp_path / "s.csv")


def test_a_missing_list_is_one_line(tmp_path: Path):
    with pytest.raises(GlyphfrontError, match="no such file; glyphfront data suspects writes one"):
        load_listed(tmp_path / "s.csv")


def test_one_wrong_label_in_a_set_of_few_classes_is_named_more_often_than_not():
    whole, model, named = draw(30, seed=9), recognizer.load("glyphnet-s", precision="fp32"), 0
    for number, names in enumerate(("CTX", "27A", "EKW", "3BN", "4H", "MQ6")):
        chosen = sorted(whole.classes.index(name) for name in names)
        kept = whole.take(np.isin(whole.labels, chosen))
        labels = np.searchsorted(chosen, kept.labels)
        classes = tuple(whole.classes[c] for c in chosen)
        moved = 7 * number + 5
        labels[moved] = (labels[moved] + 1) % len(classes)
        named += moved in {one.index for one in find_suspects(replace(kept, labels=labels, classes=classes), model)}
    assert named >= 4
