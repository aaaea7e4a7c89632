"""pipeline/cost.py and training/speed.py: images, rates, hours on many devices."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from glyphfront.training.speed import training_rate

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.cost import (
    Rate,
    Rates,
    StudyCost,
    cost_of_study,
    cost_table,
    images_to_train,
    load_rates,
    makespan,
    measure_rates,
    rates_of,
)
from glyphfront.run import Augment, Data, Model, Run
from glyphfront.study import Study
from glyphfront.training import loop
from results_factory import make_result


def rates(**images_per_second: float) -> Rates:
    each = tuple(Rate(name, rate) for name, rate in images_per_second.items())
    return Rates("a made-up device", 64, each, make_result().provenance)


def test_a_run_goes_through_nine_tenths_of_the_official_file_in_each_epoch() -> None:
    """Balanced has 112,800 training images, 2,400 a class."""
    assert images_to_train(Run(data=Data("balanced"), epochs=100)) == 100 * 101_520
    assert images_to_train(Run(data=Data("balanced", limit=400), epochs=5)) == 5 * 16_920


def test_images_of_a_set_of_ones_own_are_counted_by_reading_it() -> None:
    """Strokes draw 5 of each of 47 classes; a tenth of the 235 is for validation."""
    assert images_to_train(Run(data=Data("strokes", limit=5), epochs=3)) == 3 * 212


def test_a_rate_is_that_of_whole_training_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that sleeps 50 ms with 8 images cannot train more than 160 a second."""
    real = loop.augment
    monkeypatch.setattr(loop, "augment", lambda *args: time.sleep(0.05) or real(*args))
    run = Run(model=Model("glyphnet-xs"), augment=Augment(rotation=10), batch_size=8)
    assert 0 < training_rate(run, seconds=0.1) <= 160


def test_measuring_leaves_a_rate_for_each_network_and_a_file_that_comes_back(tmp_path: Path) -> None:
    runs = [Run(model=Model(name), batch_size=size) for name in ("glyphnet-xs", "lenet5_new") for size in (64, 32)]
    said: list[str] = []
    found = measure_rates(runs, batch_size=8, seconds=0.01, say=said.append)
    assert [rate.network for rate in found.rates] == ["glyphnet-xs", "lenet5_new"]
    assert len(said) == 2
    assert all(rate.images_per_second > 0 for rate in found.rates)
    records.save(found, tmp_path / "rates.json")
    assert load_rates(tmp_path / "rates.json") == found


def test_a_network_without_a_rate_and_a_faulty_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="b is not among the rates"):
        rates(a=1.0).of("b")
    (tmp_path / "rates.json").write_text("[]")
    with pytest.raises(GlyphfrontError, match="holds no Rates"):
        load_rates(tmp_path / "rates.json")
    with pytest.raises(GlyphfrontError, match="no such file"):
        load_rates(tmp_path / "none.json")


def test_runs_fill_the_devices_and_wait_for_what_they_start_from() -> None:
    alone = dict.fromkeys("abcd", None)
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 1) == 10
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 2) == 5  # 4 + 1, 3 + 2
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 64) == 4
    chain = {"base": None, "next": "base", "other": None}
    assert makespan({"base": 1, "next": 3, "other": 2}, chain, 64) == 4
    assert makespan({"next": 3}, {"next": "elsewhere"}, 1) == 3
    assert makespan({}, {}, 3) == 0


def test_a_device_does_not_wait_for_a_base_while_other_runs_are_ready() -> None:
    """Two devices: base and a, then next and b; nobody idles."""
    chain = {"base": None, "next": "base", "a": None, "b": None}
    assert makespan({"base": 5, "next": 5, "a": 5, "b": 5}, chain, 2) == 10
    assert makespan({"base": 5, "next": 5, "a": 4, "b": 4}, chain, 2) == 10


def test_longer_chains_are_followed_and_rings_refused() -> None:
    assert makespan({"c": 5, "b": 2, "a": 1}, {"a": None, "b": "a", "c": "b"}, 8) == 8
    with pytest.raises(GlyphfrontError, match="start from each other"):
        makespan({"a": 1, "b": 1}, {"a": "b", "b": "a"}, 2)


def of_parts(**parts: Study) -> Study:
    return Study("?", name="whole", parts=parts)


ONE = Run(data=Data("balanced"), model=Model("a"), epochs=10)
"""1,015,200 images: at 141 a second 2 hours."""
TWO = replace(ONE, batch_size=32)


def test_cost_counts_each_run_once_a_seed_and_shares_the_devices() -> None:
    study = Study("?", name="whole", rows={"one": ONE, "two": TWO, "again": ONE})
    each, total = cost_of_study(study, rates(a=141.0), (1, 4), seeds=3)
    assert total == StudyCost(6, 6 * 1_015_200, total.elapsed)
    assert total.elapsed == pytest.approx((12, 4))
    assert list(each.values()) == [total]


def test_faster_devices_take_less_and_giving_out_takes_time_where_there_are_several() -> None:
    study = Study("?", name="whole", rows={"one": ONE})
    _, total = cost_of_study(study, rates(a=141.0), (1, 4), speedup=4, overhead_seconds=900)
    assert total.elapsed == pytest.approx((0.5, 0.75))


def test_a_run_of_several_parts_is_counted_in_the_first_with_the_seeds_of_each() -> None:
    first = Study("first?", rows={"one": ONE}, seeds=2)
    second = Study("second?", rows={"one": ONE, "two": TWO}, seeds=3)
    each, total = cost_of_study(of_parts(first=first, second=second), rates(a=141.0), (1,))
    assert {name: part.runs for name, part in each.items()} == {"first": 2, "second": 4}  # one with seed 2, two thrice
    assert total.elapsed == pytest.approx((12,))
    assert cost_of_study(of_parts(first=first, second=second), rates(a=141.0), (1,), seeds=1)[1].runs == 2


def test_a_table_of_costs_ends_with_all_where_there_are_several_parts() -> None:
    part = StudyCost(2, 3_000_000, (1.5, 0.2))
    alone, several = cost_table({".": part}, part, (1, 8)), cost_table({"a": part, "b": part}, part, (1, 8))
    assert [row[1:] for row in alone.rows] == [("2", "3.0", "1.5", "0.2")]
    assert [row[0] for row in several.rows] == ["a", "b", "all"]


def test_rates_are_measured_where_there_is_no_file_of_them_and_kept(tmp_path: Path) -> None:
    study = Study("?", name="s", rows={"a": Run(model=Model("glyphnet-xs"))})
    said: list[str] = []
    path = tmp_path / "rates.json"
    found = rates_of(study, path, batch_size=8, seconds=0.01, say=said.append)
    assert "glyphnet-xs" in said[-1]
    assert load_rates(path) == found
    before = list(said)
    assert rates_of(study, path, batch_size=16, seconds=9.0, say=said.append) == found
    assert said == before  # nothing was measured again
