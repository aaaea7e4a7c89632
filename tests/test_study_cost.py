"""studies/cost.py and measure/speed.py: images, rates, hours on many devices."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.speed import training_rate
from glyphfront.pipeline.cost import (
    Cost,
    Rate,
    Rates,
    cost,
    images_to_train,
    load_rates,
    makespan,
    measure_rates,
    save_rates,
)
from glyphfront.run import Augment, Data, Model, Run
from glyphfront.studies import SOURCE
from glyphfront.training import loop
from results_factory import make_result


def rates(**images_per_second: float) -> Rates:
    each = tuple(Rate(name, rate) for name, rate in images_per_second.items())
    return Rates("a made-up device", 64, each, make_result().provenance)


def test_a_run_goes_through_nine_tenths_of_the_official_file_in_each_epoch() -> None:
    """Balanced has 112,800 training images, 2,400 a class."""
    assert images_to_train(Run(data=Data("balanced"), epochs=100)) == 100 * 101_520
    assert images_to_train(Run(data=Data("balanced", limit=400), epochs=5)) == 5 * 16_920
    with pytest.raises(GlyphfrontError, match="how many images strokes has"):
        images_to_train(Run(data=Data("strokes")))


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
    save_rates(found, tmp_path / "rates.json")
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


def test_cost_counts_each_run_once_a_seed_and_shares_the_devices() -> None:
    """Two Runs of 1,015,200 images, at 141 a second 2 hours each; the third row is one of them again."""
    one = Run(label="one", data=Data("balanced"), model=Model("a"), epochs=10)
    two = replace(one, label="two", batch_size=32)
    found = cost([one, two, replace(one, label="again")], 3, rates(a=141.0), (1, 4))
    assert found == Cost(6, 6 * 1_015_200, found.elapsed)
    assert found.elapsed == pytest.approx((12, 4))
    assert cost([one, two], 3, rates(a=141.0), (1,), done=[one.key]).elapsed == pytest.approx((6,))
    slower = cost([one], 1, rates(a=141.0), (1, 4), speedup=4, overhead_seconds=900)
    assert slower.elapsed == pytest.approx((0.5, 0.75))  # a quarter of an hour to give it out, where there are several


def test_study_cost_prints_a_row_a_part_and_puts_it_into_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {run.model.name for study in SOURCE.values() for run in study()}
    save_rates(rates(**dict.fromkeys(names, 500.0)), tmp_path / "rates.json")
    page = tmp_path / "cost.md"
    page.write_text("<!-- cost:start -->\n<!-- cost:end -->\n")
    given = ["study", "cost", "--rates", str(tmp_path / "rates.json"), "--seeds", "2", "--devices", "1", "8"]
    assert main([*given, "--page", str(page)]) == 0
    out = capsys.readouterr().out
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in out.splitlines() if line.startswith("|")}
    # the other 3 rows of table 8 with 2 seeds, 100 epochs of 101,520 images: layer_4 is counted in table 7
    assert [cell.strip() for cell in rows["table8"]] == ["6", "60.9", "33.8", "5.6"]  # 60.912e6 / 500 / 3600; one Run
    assert "layer_4_1 500" in out
    assert "| table8 |" in page.read_text()


def test_study_cost_reckons_with_the_seeds_that_each_part_is_to_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {run.model.name for study in SOURCE.values() for run in study()}
    save_rates(rates(**dict.fromkeys(names, 500.0)), tmp_path / "rates.json")
    assert main(["study", "cost", "--rates", str(tmp_path / "rates.json")]) == 0
    rows = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    runs = {name.strip(): cell.strip() for name, cell in rows}
    assert (runs["baselines"], runs["table7"], runs["table1"]) == ("10", "10", "21")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0"], "--devices and --seeds are 1 or more"),
        (["--devices", "0"], "--devices and --seeds are 1 or more"),
        (["--batch-size", "1"], "--batch-size is 2 or more"),
        (["--speedup", "0"], "--speedup and --seconds are above 0"),
        (["--scale", "huge"], "no scale 'huge'"),
        (["--rates", "rates.json"], "rates.json: holds no Rates"),
        (["--page", "nowhere.md"], "nowhere.md: No such file"),
        (["--page", "rates.json"], "rates.json: needs the line <!-- cost:start -->"),
    ],
)
def test_bad_arguments_are_one_line_and_status_2(
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rates.json").write_text("{}")
    assert main(["study", "cost", *arguments]) == 2
    assert told in capsys.readouterr().err
