"""emnist_study/page.py: what only the source study's page says; and that glyphfront does not know of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glyphfront
from emnist_study import study as source_study
from emnist_study.page import sections
from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import read_folder
from glyphfront.measure.gradients import GradientRecord, Gradients
from glyphfront.measure.layers import Architecture, Layer
from glyphfront.models import MODELS
from glyphfront.records import to_plain
from glyphfront.report.document import Document, render_markdown
from glyphfront.ship import DEFAULT
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find
from glyphfront.study import Claim, Pair, Published, Study
from results_factory import keep, keep_study, keep_timings, make_predictions, make_result


def declare(folder: Path, parts: dict[str, Study], scale: str = "laptop") -> None:
    keep_study(folder, Study("?", name="emnist-study", parts=parts, scale=scale))


def part(*labels: str, **more: Any) -> Study:
    return Study("A part.", rows={label: make_result(label).run for label in labels}, **more)


def text_of(folder: Path) -> str:
    return render_markdown(Document("", tuple(sections(read_folder(folder)))))


def line(text: str, label: str) -> list[str]:
    return next(
        [c.strip() for c in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith(f"| {label} |")
    )


def test_transfer_is_told_with_its_leak_and_without(tmp_path: Path) -> None:
    """Of 400 images layer_4_1 has 240 right, transfer_2 250 clean; as published 100 more images, all of them seen."""
    rows = part(
        *("layer_4_1", "transfer_2_published", "transfer_2_clean"),
        baseline="layer_4_1",
        pairs=(Pair("transfer_2", "transfer_2_published", "transfer_2_clean"),),
    )
    declare(tmp_path, {"table9": rows})
    seen = np.arange(400) < 100
    for seed in (0, 1):
        kept = {
            "layer_4_1": make_predictions(240),
            "transfer_2_clean": make_predictions(250, shift=100),
            "transfer_2_published": replace(make_predictions(350), seen=seen),
        }
        for label, predictions in kept.items():
            result = make_result(label, correct=int(predictions.correct.sum()), seed=seed)
            keep(tmp_path / "table9", result, predictions)
    text = text_of(tmp_path)
    first = "layer_4_1 trained on ByMerge first, without our test images (transfer_2), gains +2.50 points ("
    assert f"Transfer helps, without the leak too: {first}" in text
    assert "25 % of the test images stand in ByMerge's training file, which the study trained on whole." in text
    assert "The leak itself brings +100.00 points (" in text  # 100 of 100 against 0 of 100; 250 of 300 on both sides


@pytest.mark.parametrize("seeds", [1, 2])
def test_what_transfer_and_leak_bring_on_all_images_is_told_of_several_trainings(tmp_path: Path, seeds: int) -> None:
    folder, full = tmp_path / "emnist-study-laptop", tmp_path / "emnist-study-full"
    declare(folder, {"table3": part("ReLU")})
    keep(folder / "table3", make_result("ReLU"), make_predictions(300))
    pairs = (Pair("final_bf16", "final_bf16_published", "final_bf16", "transferred"),)
    labels = ("layer_4_1_bf16", "final_bf16", "final_bf16_published")
    claims = (Claim("final_bf16", "layer_4_1_bf16", "better"),)
    short = part(*labels, pairs=pairs, claims=claims)
    declare(full, {"final_bf16": short}, scale="full")
    seen = np.arange(400) < 100
    for seed in range(seeds):
        for label, predictions in (
            ("layer_4_1_bf16", make_predictions(240)),
            ("final_bf16", make_predictions(250, shift=100)),
            ("final_bf16_published", replace(make_predictions(350), seen=seen)),
        ):
            result = make_result(label, correct=int(predictions.correct.sum()), seed=seed)
            keep(full / "final_bf16", result, predictions)
    text = text_of(folder)
    told = "5 epochs after the transfer: the leak itself brings +100.00 points ("
    assert (told in text) == (") to the final network (p \\< 0.001, 2 and 2 trainings)." in text) == (seeds > 1)
    epochs = short.rows["layer_4_1_bf16"].epochs
    told = f"chance: final_bf16 against layer_4_1_bf16, the same network in at most {epochs} epochs without it."
    assert ("On all images transfer brings +2.50 points (" in text) == (told in text) == (seeds > 1)


def full_scale(root: Path) -> Path:
    """The final model with 340 of 400 images right; the shipped one with 360, and one that is not shipped."""
    folder, full, front = (root / name for name in ("emnist-study-laptop", "emnist-study-full", "front"))
    declare(folder, {"table3": part("ReLU")})
    keep(folder / "table3", make_result("ReLU"), make_predictions(300))
    final = part("final", baseline="final", published={"final": Published(test_accuracy=0.9072, parameters=3136)})
    declare(full, {"final": final}, scale="full")
    keep(full / "final", make_result("final", correct=340), make_predictions(340))
    ours = make_result("ours", correct=360)
    file = replace(ours.exported[0], sha256=load_card(find(DEFAULT)).sha256)
    keep(front, replace(ours, exported=(file,)), make_predictions(360))
    keep(front, make_result("another", correct=360), make_predictions(360))
    return folder


def test_the_final_model_stands_beside_the_published_and_the_shipped_one(tmp_path: Path) -> None:
    folder = full_scale(tmp_path)
    assert "of the time for an image" not in text_of(folder)
    keep_timings(folder, {"final": 800})
    keep_timings(tmp_path / "front", {"ours": 200})
    text = text_of(folder)
    assert "The final model at full settings, transferred without the leak, reaches 85.00 % (83.00–87.00) on" in text
    assert "The study has 90.72 %, with the leak, on 1,024 images." in text
    assert "The shipped ours is better than the study's final network by +5.00 points (" in text
    assert "in 25 % of the time for an image." in text
    assert "shipped another" not in text
    assert "## A part." in text


def test_the_layers_of_the_final_model_are_listed(tmp_path: Path) -> None:
    folder = full_scale(tmp_path)
    net = Architecture("final", (1, 32, 32), (Layer("0", "Conv2d 7×7", (64, 16, 16), 3136),), 3000, 3136)
    records.save(net, tmp_path / "emnist-study-full" / "architecture.json")
    text = text_of(folder)
    assert line(text, "0") == ["0", "Conv2d 7×7", "64×16×16", "3,136"]
    assert "The study counts 3,136." in text


def brightness_file(folder: Path, **more: Any) -> None:
    one = {"name": "Keras X", "aug_4_greatest": 1.0, "aug_4_mean": 0.17, "aug_5_greatest": 255.0, "aug_5_mean": 44.0}
    figures = {
        "generators": [one],
        "label": "aug_5",
        "key": make_result("aug_5").key,
        "test_source": "made up",
        "images": 400,
        "classes": 47,
        "correct_at_the_scale_of_training": 340,
        "correct_at_a_255th": 8,
        "provenance": to_plain(make_result().provenance),
        **more,
    }
    (folder / "brightness.json").write_text(json.dumps(figures))


@pytest.fixture
def augmented(tmp_path: Path) -> Path:
    declare(tmp_path, {"table6": part("aug_4", "aug_5", published={"aug_5": Published(test_accuracy=0.0273)})})
    for label, correct in (("aug_4", 320), ("aug_5", 310)):
        keep(tmp_path / "table6", make_result(label, correct=correct), make_predictions(correct))
    return tmp_path


def test_why_brightness_collapsed_is_told_from_what_was_measured(augmented: Path) -> None:
    brightness_file(augmented)
    text = text_of(augmented)
    assert line(text, "as in training")[1] == "85.00"
    assert line(text, "a 255th of it")[1] == "2.00"
    assert "| Keras X | aug_5 | 255 | 44 |" in text
    assert "Chance is 2.13 %. The study's row has 2.73 %." in text
    assert "aug_5 has 77.50 % where aug_4 has 80.00 %; the study's aug_5 has 2.73 %." in text


def test_brightness_of_another_network_is_refused(augmented: Path) -> None:
    brightness_file(augmented, key="0" * 12)
    with pytest.raises(GlyphfrontError, match="of another aug_5 than table6's"):
        text_of(augmented)


def test_a_faulty_file_beside_the_results_is_named(augmented: Path) -> None:
    brightness_file(augmented, images="many")
    with pytest.raises(GlyphfrontError, match=r"brightness\.json: .*images"):
        text_of(augmented)


def test_gradients_that_lie_there_are_drawn(augmented: Path) -> None:
    record = GradientRecord("a net of three", ("a", "b"), (28, 1), ((0.5, 1.0), (0.25, 2.0)), (0.0, 0.9), (3.0, 2.0))
    found = Gradients("balanced (made up)", 64, 0.01, (record,), make_result().provenance)
    records.save(found, augmented / "gradients-28.json")
    figures = Document("", tuple(sections(read_folder(augmented)))).figures
    assert [figure.file for figure in figures] == ["gradients-28.svg"]
    assert "a net of three" in figures[0].svg


def names(study: Study) -> Iterator[str]:
    """Of the study, its parts, rows and pairs; models and data sets are glyphfront's own."""
    yield study.name
    yield from study.parts
    yield from study.rows
    yield from (pair.name for pair in study.pairs)
    for one in study.parts.values():
        yield from names(one)


WORDS = {"dropout", "schedule", "activation", "augmentation", "comparison", "final", "baselines", "candidates"}
"""Rows and parts that are called by words of the field, which code has uses of its own for."""


def test_no_name_of_the_studys_parts_rows_or_folders_stands_in_glyphfront() -> None:
    guests = {name for name in names(source_study()) if name and name not in MODELS} - WORDS
    guests |= {"emnist_study", "emnist-study", "study-laptop", "study-full"}
    guests -= {"ReLU", "LeakyReLU", "ELU", "Swish", "LeNet-5", "ResNet-50"}  # what everybody calls them
    guests -= {"vgg16", "mobilenet", "shufflenet", "efficientnet_b1", "wide_resnet", "dpn", "resnet50"}
    assert {"table3", "transfer_2_clean", "aug_5", "dropout_1_1", "nesterov_0.001"} <= guests
    found = {}
    for path in sorted(Path(glyphfront.__file__).parent.rglob("*")):
        if path.suffix in (".py", ".html", ".css"):
            text = path.read_text(encoding="utf-8")
            here = {name for name in guests if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)}
            found |= {path.name: here} if here else {}
    assert found == {}
