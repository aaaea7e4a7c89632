from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.result import (
    Accuracy,
    Epoch,
    Proportion,
    Trained,
    load_result,
    load_timings,
    load_trained,
    save_result,
)
from results_factory import make_latency, make_result, make_timings


@pytest.mark.parametrize("result", [make_result(), make_result(diverged="diverged: why")])
def test_a_result_survives_its_file(tmp_path: Path, result: object) -> None:
    save_result(result, tmp_path / "result.json")  # type: ignore[arg-type]
    assert load_result(tmp_path / "result.json") == result


def test_timings_survive_their_file(tmp_path: Path) -> None:
    timings = make_timings({"a": 120.0, "b": 60.0})
    records.save(timings, tmp_path / "latency.json")
    assert load_timings(tmp_path / "latency.json") == timings


def test_what_training_leaves_survives_its_file(tmp_path: Path) -> None:
    full = make_result()
    trained = Trained(**{f.name: getattr(full, f.name) for f in fields(Trained)})
    save_result(trained, tmp_path / "trained.json")
    assert load_trained(tmp_path / "trained.json") == trained


@pytest.mark.parametrize("text", ["],", "},", '],"', '\\],"\n', "ä€😀", "[red]"])
def test_no_label_message_or_class_name_breaks_the_file(tmp_path: Path, text: str) -> None:
    result = make_result(label=text, diverged=text)
    result = replace(result, classes=(text, *result.classes[1:]))
    save_result(result, tmp_path / "result.json")
    assert load_result(tmp_path / "result.json") == result


def test_losses_that_are_no_numbers_survive_the_file(tmp_path: Path) -> None:
    curve = (
        Epoch(1, 0.1, math.nan, 0.5, math.inf, 0.0, 100.0, 10.0),
        Epoch(2, 0.1, -math.inf, 0.5, 1.0, 0.0, 100.0, 10.0),
    )
    save_result(replace(make_result(diverged="the loss is not finite"), curve=curve), tmp_path / "result.json")
    first, second = load_result(tmp_path / "result.json").curve
    assert math.isnan(first.train_loss)
    assert (first.validation_loss, second.train_loss) == (math.inf, -math.inf)


def test_a_result_file_has_lines_that_can_be_compared(tmp_path: Path) -> None:
    for name, seconds in (("a", 10.0), ("b", 11.0)):
        result = make_result()
        save_result(replace(result, cost=replace(result.cost, train_seconds=seconds)), tmp_path / name)
    a, b = ((tmp_path / name).read_text().splitlines() for name in "ab")
    assert sum(x != y for x, y in zip(a, b, strict=True)) == 1
    assert len(a) > 10


def _accuracy(confusion: tuple[tuple[int, ...], ...]) -> Accuracy:
    whole = Proportion(1, 1, 0.0, 1.0)
    return Accuracy(whole, whole, 0.0, (), confusion, 0.0, 0.0)


def test_confused_pairs_are_counted_both_ways_the_most_confused_first() -> None:
    accuracy = _accuracy(
        (
            (90, 1, 0, 4),
            (2, 80, 5, 0),
            (0, 1, 70, 0),
            (2, 0, 0, 60),
        )
    )
    assert accuracy.confused_pairs() == ((0, 3, 6), (1, 2, 6), (0, 1, 3))
    assert accuracy.confused_pairs(2) == ((0, 3, 6), (1, 2, 6))


def test_a_faultless_model_confuses_no_pair() -> None:
    assert _accuracy(((3, 0), (0, 4))).confused_pairs() == ()


def test_the_share_of_nothing_is_no_number() -> None:
    assert math.isnan(Proportion(0, 0, 0.0, 1.0).value)
    assert Proportion(3, 4, 0.0, 1.0).value == 0.75


def test_latency_ratio_is_over_the_reference() -> None:
    assert make_latency(p50_us=120.0, reference_us=48.0).ratio == 2.5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', "\xff"])
def test_a_file_that_holds_no_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(GlyphfrontError, match=r"result\.json: holds no Result"):
        load_result(path)


def test_a_missing_file_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="no such file; run a study first"):
        load_result(tmp_path / "result.json")
    with pytest.raises(GlyphfrontError, match="no such file; train the Run first"):
        load_trained(tmp_path / "trained.json")
