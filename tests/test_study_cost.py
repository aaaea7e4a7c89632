"""studies/cost.py: images, rates, hours on many devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Epoch, Result, save_result
from glyphfront.run import Data, Model, Run
from glyphfront.studies.cost import Cost, Rates, cost, images_to_train, makespan, rates
from results_factory import make_result


def trained(model: str, *images_per_second: float, macs: int = 1000, device: str = "cpu") -> Result:
    result = make_result(model, model=model)
    curve = tuple(Epoch(n, 0.1, 1.0, 0.5, 1.0, 0.5, rate, 10.0) for n, rate in enumerate(images_per_second, 1))
    return replace(result, curve=curve, cost=replace(result.cost, macs=macs, device=device))


def test_a_run_goes_through_nine_tenths_of_the_official_file_in_each_epoch() -> None:
    """Balanced has 112,800 training images, 2,400 a class."""
    assert images_to_train(Run(data=Data("balanced"), epochs=100)) == 100 * 101_520
    assert images_to_train(Run(data=Data("balanced", limit=400), epochs=5)) == 5 * 16_920
    with pytest.raises(GlyphfrontError, match="how many images strokes has"):
        images_to_train(Run(data=Data("strokes")))


def test_a_networks_rate_is_the_median_of_its_fastest_training() -> None:
    slow, fast, other = trained("a", 10, 20, 30), trained("a", 100, 300, 200), trained("b", 50)
    assert rates([slow, fast, other]).measured == {"a": 200, "b": 50}


def test_rates_need_epochs_and_one_kind_of_device() -> None:
    with pytest.raises(GlyphfrontError, match="run a row first"):
        rates([trained("a")])
    with pytest.raises(GlyphfrontError, match="cpu, cuda"):
        rates([trained("a", 1), trained("b", 1, device="cuda")])


def test_a_network_that_was_not_trained_works_as_fast_as_the_one_next_to_it_in_size() -> None:
    found = Rates({"small": 1000.0, "large": 50.0}, {"small": 10, "large": 1000})
    assert found.of("small", 10) == 1000
    assert found.of("unknown", 20) == 1000 * 10 / 20
    assert found.of("unknown", 500) == 50 * 1000 / 500


def test_runs_fill_the_devices_and_wait_for_what_they_start_from() -> None:
    alone = dict.fromkeys("abcd", None)
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 1) == 10
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 2) == 5  # 4 + 1, 3 + 2
    assert makespan({"a": 4, "b": 3, "c": 2, "d": 1}, alone, 64) == 4
    chain = {"base": None, "next": "base", "other": None}
    assert makespan({"base": 1, "next": 3, "other": 2}, chain, 64) == 4
    assert makespan({"next": 3}, {"next": "elsewhere"}, 1) == 3
    assert makespan({}, {}, 3) == 0


def test_cost_counts_each_run_once_a_seed_and_shares_the_devices() -> None:
    """Two Runs of 1,015,200 images, at 141 a second 2 hours each; the third row is one of them again."""
    one = Run(label="one", data=Data("balanced"), model=Model("a"), epochs=10)
    two = replace(one, label="two", batch_size=32)
    found = cost([one, two, replace(one, label="again")], 3, Rates({"a": 141.0}, {"a": 10}), {"a": 10}, (1, 4))
    assert (found.rows, found.runs, found.images) == (3, 6, 6 * 1_015_200)
    assert found.hours == pytest.approx(12)
    assert found.elapsed == pytest.approx((12, 4))
    faster = cost([one], 1, Rates({"a": 141.0}, {"a": 10}), {"a": 10}, (1, 4), speedup=4, efficiency=0.5)
    assert isinstance(faster, Cost)
    assert faster.elapsed == pytest.approx((0.5, 1.0))


def test_study_cost_prints_a_row_a_part_and_puts_it_into_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_result(trained("layer_4_1", 500.0, macs=21_886_844), tmp_path / "part" / "layer_4_1-seed0.json")
    page = tmp_path / "cost.md"
    page.write_text("<!-- cost:start -->\n<!-- cost:end -->\n")
    given = ["study", "cost", "--results", str(tmp_path), "--seeds", "2", "--devices", "1", "8"]
    assert main([*given, "--page", str(page)]) == 0
    out = capsys.readouterr().out
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in out.splitlines() if line.startswith("|")}
    runs, images, on_one, on_eight = rows["table8"]
    assert (runs.strip(), images.strip()) == ("8", "81.2")  # 4 rows, 2 seeds, 100 epochs of 101,520 images
    assert float(on_one) < 8 * 0.94 * float(on_eight)  # its longest Run is longer than an eighth
    assert "measured: layer_4_1 500" in out
    assert "| table8 |" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--results", "."], "no results in ."),
        (["--seeds", "0"], "--seeds are 1 or more"),
        (["--devices", "0"], "--devices and"),
        (["--speedup", "0"], "--speedup is above 0"),
        (["--efficiency", "1.5"], "--efficiency in"),
        (["--scale", "huge"], "no scale 'huge'"),
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
    if arguments[0] != "--results":
        save_result(trained("layer_4_1", 500.0), tmp_path / "results" / "study-full" / "a-seed0.json")
    assert main(["study", "cost", *arguments]) == 2
    assert told in capsys.readouterr().err
