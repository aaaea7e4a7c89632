from __future__ import annotations

from pathlib import Path

import pytest

from glyphfront.data.emnist import read_split
from glyphfront.data.leakage import fingerprints, load_seen
from glyphfront.data.splits import prepare
from glyphfront.measure.accuracy import evaluate_recognizer
from glyphfront.pipeline.scale import trainings
from glyphfront.ship.recognizer import find, load, shipped
from glyphfront.studies.front import front


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_reaches_on_real_images_what_its_card_says(name: str, emnist_folder: Path) -> None:
    recognizer = load(name)
    card = recognizer.card
    report = read_split(card.run.data.test or card.run.data.train, "test", emnist_folder)
    if report.fingerprint() != card.data.test_fingerprint:
        pytest.skip("the folder holds other test images than the ones the card speaks of")
    assert card.accuracy is not None
    assert evaluate_recognizer(recognizer, report).top1.correct == pytest.approx(card.accuracy.correct, abs=2)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_carries_the_fingerprints_of_all_its_training_images(name: str, emnist_folder: Path) -> None:
    card = load(name).card
    assert card.seen is not None
    seen = load_seen(find(name).with_name(card.seen))
    runs, known = [card.run], {run.key: run for run in trainings(front())}
    for run in runs:  # grows by what each needs
        runs += [known[key] for key in run.needs if known[key] not in runs]
    shaped = set[int]()
    for data in {run.data for run in runs}:
        training = prepare(data, emnist_folder).training
        shaped.update(fingerprints(training.train.images), fingerprints(training.validation.images))
    assert shaped == set(seen)
    assert len(seen) > card.data.train_images + card.data.validation_images
