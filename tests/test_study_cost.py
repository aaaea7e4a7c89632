"""pipeline/cost.py: images, rates, hours on many devices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.cost import (
    Rate,
    Rates,
    cost_of_study,
    cost_table,
    images_to_train,
    load_rates,
    makespan,
    measure_rates,
    rates_of,
)
from glyphfront.pipeline.scale import trainings
from glyphfront.run import Augment, Data, Model, Run
from glyphfront.studies import find
from glyphfront.study import Study
from glyphfront.training import loop
from results_factory import make_result

RUN = Run(data=Data("balanced"), model=Model("a"), epochs=10)
HOURS_2 = 141.0  # images a second at which RUN's 1,015,200 images take 2 hours


def rates(**images_per_second: float) -> Rates:
    each = tuple(Rate(name, rate) for name, rate in images_per_second.items())
    return Rates("a made-up device", 64, each, make_result().provenance)


def rows(*runs: Run, seeds: int = 1) -> Study:
    return Study("?", rows={f"row{number}": run for number, run in enumerate(runs)}, seeds=seeds)


def elapsed(study: Study, devices: Sequence[int], **more: float) -> tuple[float, ...]:
    return cost_of_study(study, rates(a=HOURS_2), devices, **more)[1].elapsed  # type: ignore[arg-type]


def test_a_run_goes_through_nine_tenths_of_the_official_file_in_each_epoch() -> None:
    """Balanced has 112,800 training images, 2,400 a class."""
    assert images_to_train(replace(RUN, epochs=100)) == 100 * 101_520
    assert images_to_train(replace(RUN, data=Data("balanced", limit=400), epochs=5)) == 5 * 16_920


def test_sets_of_ones_own_are_counted_by_reading() -> None:
    """Strokes: 47 classes, 10 a class."""
    assert images_to_train(replace(RUN, data=Data("strokes", limit=10), epochs=2)) == 2 * 423


def test_a_rate_is_that_of_whole_training_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that sleeps 50 ms with 8 images cannot train more than 160 a second."""
    real = loop.set_rate
    monkeypatch.setattr(loop, "set_rate", lambda *args: time.sleep(0.05) or real(*args))
    run = Run(model=Model("glyphnet-xs"), augment=Augment(rotation=10))
    (rate,) = measure_rates([run], batch_size=8, seconds=0.1).rates
    assert 0 < rate.images_per_second <= 160


def test_a_run_that_starts_from_another_and_sees_rare_shapes_has_a_rate() -> None:
    run = Run(data=Data("balanced", rare_shapes=0.03), model=Model("glyphnet-xs"), init_from="0" * 12, keep_head=True)
    (rate,) = measure_rates([run], batch_size=8, seconds=0.01).rates
    assert rate.images_per_second > 0


def test_each_network_is_measured_once_and_kept_in_a_file(tmp_path: Path) -> None:
    runs = [Run(model=Model(name), batch_size=size) for name in ("glyphnet-xs", "lenet5_new") for size in (64, 32)]
    said: list[str] = []
    found = rates_of(rows(*runs), tmp_path / "rates.json", batch_size=8, seconds=0.01, say=said.append)
    assert [rate.network for rate in found.rates] == ["glyphnet-xs", "lenet5_new"]
    assert len(said) == 2
    assert all(rate.images_per_second > 0 for rate in found.rates)
    assert rates_of(rows(*runs), tmp_path / "rates.json", batch_size=8, seconds=0.01, say=said.append) == found
    assert len(said) == 2  # nothing is measured where a file is


def test_a_network_without_a_rate_and_a_faulty_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match=r"b \(bf16\) is not among the rates"):
        rates(a=1.0).of(replace(RUN, model=Model("b"), precision="bf16"))
    (tmp_path / "rates.json").write_text("[]")
    with pytest.raises(GlyphfrontError, match="holds no Rates"):
        load_rates(tmp_path / "rates.json")
    with pytest.raises(GlyphfrontError, match="no such file"):
        load_rates(tmp_path / "none.json")
    records.save(rates(a=0.0), tmp_path / "rates.json")
    with pytest.raises(GlyphfrontError, match="no images a second: a"):
        load_rates(tmp_path / "rates.json")


def test_networks_of_one_model_have_rates_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """A narrow and a wide one used to have one rate; and the pictures made up for it were said to be few."""
    narrow, wide = (Run(model=Model("glyphnet-xs", widths=(width,) * 6)) for width in (4, 32))
    found = measure_rates([narrow, wide, replace(wide, seed=1)], batch_size=8, seconds=0.05)
    assert [rate.network for rate in found.rates] == [
        "glyphnet-xs (widths 4-4-4-4-4-4)",
        "glyphnet-xs (widths 32-32-32-32-32-32)",
    ]
    assert [found.of(narrow), found.of(wide)] == [rate.images_per_second for rate in found.rates]
    assert capsys.readouterr().err == ""


def test_what_was_not_timed_goes_by_the_name_of_its_model_and_is_told() -> None:
    """As in files of rates that know names alone."""
    form = replace(RUN, model=Model("a", act="elu", dropout=0.1, input_size=64), precision="bf16")
    known = rates(a=500.0)
    assert known.of(form) == 500
    (name,) = known.untimed([RUN, form, form])
    assert name == "a (act elu, dropout 0.1, input_size 64, bf16)"
    assert known.sentence(1, [name]).endswith(
        f"a 500. They are also taken for a form that was not timed apart, {name}."
    )
    assert known.sentence(1, [name, "b (bf16)"]).endswith(
        f"2 forms of these models that were not timed apart, such as {name}."
    )
    exact = Rates(known.device, 64, (*known.rates, Rate(name, 100.0)), known.provenance)
    assert (exact.of(form), exact.untimed([RUN, form])) == (100, [])


def test_the_committed_rates_have_one_for_every_run_of_the_source_study() -> None:
    found = load_rates(Path(__file__).parents[1] / "results" / "emnist-study-full" / "rates.json")
    assert all(found.of(run) > 0 for run in trainings(find("emnist-study")))


def test_the_rates_say_where_they_were_taken_and_what_is_taken_for_other_devices() -> None:
    told = rates(a=1000.4, b=2.0).sentence(4)
    assert "measured on a made-up device" in told
    assert told.endswith("64 images a step: a 1,000, b 2; here taken 4 times.")


def test_runs_fill_the_devices_and_wait_for_what_they_need() -> None:
    alone = dict.fromkeys("abcd", ())
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 1) == 10
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 2) == 5  # 4 + 1, 3 + 2
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 64) == 4
    chain = {"base": (), "next": ("base",), "other": ()}
    assert makespan({"base": 1, "next": 3, "other": 2}, chain, 64) == 4
    assert makespan({"next": 3}, {"next": ("elsewhere",)}, 1) == 3
    taught = {"one": (), "other": (), "student": ("one", "other")}
    assert makespan({"student": 1, "one": 2, "other": 5}, taught, 64) == 6
    assert makespan({}, {}, 3) == 0


def test_a_device_does_not_wait_for_a_base_while_other_runs_are_ready() -> None:
    """Two devices: base and a, then next and b; nobody idles."""
    chain = {"base": (), "next": ("base",), "a": (), "b": ()}
    assert makespan({"base": 5, "next": 5, "a": 5, "b": 5}, chain, 2) == 10
    assert makespan({"base": 5, "next": 5, "a": 4, "b": 4}, chain, 2) == 10


def test_longer_chains_are_followed_and_rings_refused() -> None:
    assert makespan({"c": 5, "b": 2, "a": 1}, {"a": (), "b": ("a",), "c": ("b",)}, 8) == 8
    with pytest.raises(GlyphfrontError, match="need each other"):
        makespan({"a": 1, "b": 1}, {"a": ("b",), "b": ("a",)}, 2)


def test_cost_counts_each_run_once_a_seed_and_shares_the_devices() -> None:
    """Two Runs of 2 hours each with 3 seeds, the third row is one of them again."""
    study = rows(RUN, replace(RUN, batch_size=32), RUN, seeds=3)
    _, total = cost_of_study(study, rates(a=HOURS_2), (1, 4))
    assert (total.runs, total.images) == (6, 6 * 1_015_200)
    assert total.elapsed == pytest.approx((12, 4))
    assert elapsed(replace(study, seeds=1), (1,)) == pytest.approx((4,))


def test_runs_of_the_same_images_are_counted_with_the_epochs_of_each() -> None:
    """By hand, 423 images: 1,500 / sqrt(423) is 73 epochs, and half of it 36 from a shipped model."""
    new = replace(RUN, data=Data("strokes", limit=10), epochs=None)
    further = replace(new, init_from="glyphnet-s@0123abcd")
    _, total = cost_of_study(rows(further, new), rates(a=HOURS_2), (1,))
    assert total.images == (36 + 73) * 423


def test_a_faster_device_and_what_giving_out_takes_are_reckoned_with() -> None:
    """2 hours at 4 times the speed, and a quarter of an hour to give a Run out, where there are several devices."""
    assert elapsed(rows(RUN), (1, 4), speedup=4, overhead_seconds=900) == pytest.approx((0.5, 0.75))


def test_a_run_of_two_parts_is_counted_in_the_first_and_free_devices_begin_the_next() -> None:
    """By hand, 2 hours a Run, 2 devices: a part of 3 Runs takes 4 hours, one of 1 Run takes 2; together 4."""
    first = rows(RUN, replace(RUN, batch_size=32), replace(RUN, batch_size=16))
    study = Study("?", parts={"first": first, "second": rows(RUN, replace(RUN, batch_size=8))})
    each, total = cost_of_study(study, rates(a=HOURS_2), (2,))
    assert {name: (one.runs, one.elapsed) for name, one in each.items()} == {
        "first": (3, pytest.approx((4,))),
        "second": (1, pytest.approx((2,))),
    }
    assert (total.runs, total.elapsed) == (4, pytest.approx((4,)))


def test_the_table_has_a_row_a_part_and_the_seeds_that_each_is_to_have() -> None:
    study = find("emnist-study")
    networks = {run.model.name for part in study.parts.values() for run in part.rows.values()}
    table = cost_table(*cost_of_study(study, rates(**dict.fromkeys(networks, 500.0)), (1, 8)), (1, 8))
    found = {name: cells for name, *cells in table.rows}
    assert table.header == ("part", "Runs", "million images", "hours on 1", "hours on 8")
    assert list(found) == [*study.parts, "all"]
    # table 8: layer_4_1 with 6 seeds, 2 rows with 2, 100 epochs of 101,520 images at 500 a second; layer_4 is counted
    # with its 4 seeds in table 7
    assert found["table8"] == ["10", "101.5", "56.4", "11.3"]
    assert (found["baselines"][0], found["table7"][0], found["table1"][0]) == ("10", "12", "21")


def test_a_study_without_parts_is_one_row() -> None:
    table = cost_table(*cost_of_study(rows(RUN), rates(a=HOURS_2), (1,)), (1,))
    assert table.rows == (("the study", "1", "1.0", "2.0"),)
