"""measure/timings.py and its verb: networks timed in turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.timings import FILE, computation, load_timings, save_timings, time_networks
from glyphfront.result import save_result
from glyphfront.run import Model
from results_factory import make_result


def test_networks_are_told_apart_by_what_changes_their_computation() -> None:
    assert computation(Model("layer_4_1", act="relu", dropout=0.3)) == computation(Model("layer_4_1"))
    assert computation(Model("layer_4_1", act="elu")) != computation(Model("layer_4_1"))


def test_networks_are_timed_each_turn_beside_the_reference_and_read_back(tmp_path: Path) -> None:
    networks = {computation(model): (model, 10) for model in (Model("lenet5_new"), Model("glyphnet-xs"))}
    timings = time_networks(networks, seconds=0.02, repeats=3)
    assert [(one.model, one.act) for one in timings.networks] == list(networks)
    for one in timings.networks:
        assert len(one.ratios) == 3
        assert 0 < one.latency.p50_us < 1e6
        assert one.latency.machine
    save_timings(timings, tmp_path / FILE)
    assert load_timings(tmp_path / FILE) == timings


def test_no_file_is_no_timings_and_a_faulty_one_is_named(tmp_path: Path) -> None:
    assert load_timings(tmp_path / FILE) is None
    (tmp_path / FILE).write_text('{"networks": 3}')
    with pytest.raises(GlyphfrontError, match=r"timings.json: no timings .*glyphfront study time"):
        load_timings(tmp_path / FILE)


def test_cli_times_each_network_of_a_study_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part, label, seed in (("baselines", "lenet5_old", 0), ("baselines", "lenet5_old", 1), ("table8", "again", 0)):
        (tmp_path / part).mkdir(exist_ok=True)
        result = make_result(label, seed=seed, model="lenet5_old")
        save_result(result, tmp_path / part / f"{label}-seed{seed}.json")
    assert main(["study", "time", str(tmp_path), "--seconds", "0.02", "--repeats", "1"]) == 0
    assert "lenet5_old" in capsys.readouterr().out
    timings = load_timings(tmp_path / FILE)
    assert timings is not None
    assert [one.model for one in timings.networks] == ["lenet5_old"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the folder of a study"),
        (["none"], "none: no result files there"),
        ([".", "--seconds", "0"], "--seconds is above 0"),
        ([".", "--repeats", "0"], "--repeats is 1 or more"),
    ],
)
def test_cli_says_what_cannot_be_timed(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save_result(make_result("lenet5_old"), tmp_path / "lenet5_old-seed0.json")
    assert main(["study", "time", *arguments]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert message in told
