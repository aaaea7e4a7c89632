from __future__ import annotations

import re

import numpy as np
import pytest

from glyphfront.data.dataset import Dataset
from glyphfront.measure.accuracy import accuracy_of, proportion
from glyphfront.measure.overlap import Beside, Overlap
from glyphfront.measure.statistics import compare
from glyphfront.report.document import render_markdown
from glyphfront.report.own import own_document, write_own_page


def found(predicted: list[int]) -> Overlap:
    """Four pictures, two of 0, one of 1 and one of A, read as `predicted` with a confidence of 3/4."""
    labels = np.array([0, 0, 1, 2])
    probabilities = np.full((4, 3), 0.125, np.float32)
    probabilities[np.arange(4), predicted] = 0.75
    files = np.array(["0/x.png", "0/y.png", "1/z.png", "A/w.png"])
    images = np.full((4, 28, 28), 200, np.uint8)
    dataset = Dataset("folder:mine", "all", images, labels, ("0", "1", "A"), "own pictures, 4 images", files=files)
    accuracy = accuracy_of(probabilities, labels, evaluation_seconds=1.0, inference_seconds=1.0)
    return Overlap(
        classes=dataset.classes,
        accuracy=accuracy,
        free=proportion(1, 4),
        look_alikes=proportion(4, 4),
        unknown=("ß",),
        unknown_images=2,
        seen=3,
        dataset=dataset,
        predicted=np.array(predicted),
        confidence=probabilities.max(1),
    )


def test_the_document_says_how_good_on_what_and_without_what():
    text = render_markdown(own_document(found([0, 1, 1, 2]), "m"))
    assert "Accuracy: **75.00%**" in text
    assert "30.06% to 95.44%" in text  # Wilson 1927 of 3 in 4, by hand
    assert "Left out: 2 images of classes that m does not know: ß." in text
    assert "Left out: 3 images that m was trained on." in text


def test_what_another_model_makes_of_the_same_images_stands_beside():
    """Of 4 images m reads 4 and other 2 right: the exact binomial test of 2 against 0 gives 0.5."""
    ours, others = found([0, 0, 1, 2]), found([1, 1, 1, 2])
    beside = Beside("other", others, 5, compare(others.right, ours.right))
    text = render_markdown(own_document(ours, "m", beside=beside))
    assert "Beside it other, on the same 4 images: 50.00%" in text
    assert "m less other: +50.00 points" in text
    assert "McNemar's p 0.500), so the two cannot be told apart on them." in text
    assert "Left out: 5 images that one of them was trained on" in text


def test_classes_stand_in_the_order_of_how_ill_they_are_read():
    (table,) = [item.table for s in own_document(found([0, 1, 1, 2]), "m").sections for item in s.items][:1]
    assert [row[:3] for row in table.rows] == [("0", "1", "2"), ("1", "1", "1"), ("A", "1", "1")]


def test_a_confused_pair_is_named_with_its_files():
    text = render_markdown(own_document(found([1, 1, 1, 2]), "m"))
    assert re.search(r"\| 0 and 1 \| 0/x\.png, 0/y\.png \| 2 \|", text)


def test_the_page_shows_each_mistake_with_what_it_is_and_what_it_was_read_as(tmp_path):
    page = write_own_page(found([1, 0, 1, 2]), "m", tmp_path / "new")
    html = page.read_text(encoding="utf-8")
    assert html.count("<image") == 1
    assert (tmp_path / "new" / "mistakes.svg").exists()


@pytest.mark.parametrize("part", ["mistakes.svg", "What is taken for what"])
def test_without_mistakes_there_are_none_to_show(tmp_path, part):
    html = write_own_page(found([0, 0, 1, 2]), "m", tmp_path).read_text(encoding="utf-8")
    assert part not in html
    assert not (tmp_path / "mistakes.svg").exists()
