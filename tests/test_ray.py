from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.predictions import load_predictions, predictions_path
from glyphfront.pipeline import ray as cluster
from glyphfront.pipeline.execute import execute
from glyphfront.pipeline.keep import results_in
from glyphfront.pipeline.ray import on_ray, pack, unpack
from glyphfront.pipeline.scale import trainings
from glyphfront.result import load_timings
from glyphfront.run import Data, Model, Optimizer, Run
from glyphfront.ship.card import load_card
from glyphfront.study import Study
from glyphfront.training import keeper

RUN = Run(
    data=Data(train="strokes", limit=8),
    model=Model("glyphnet-xs"),
    optimizer=Optimizer("nesterov", lr=0.1),
    epochs=1,
    batch_size=64,
)
OTHER = replace(RUN, batch_size=32)
PARTS = {
    "first": {"tiny": RUN, "other": OTHER, "from-other": replace(RUN, init_from=OTHER.key)},
    "second": {"again": RUN},
}
STUDY = Study("?", name="made up", parts={name: Study("?", rows=rows) for name, rows in PARTS.items()})
LABELS = ["from-other", "other", "tiny"]


ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",  # with one of its own, so that none is left in the home folder
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_health_check_period_ms": "500",
}


class Machines:
    """A Ray cluster of two nodes with a core each, which have their own folders as two machines would."""

    def __init__(self, folder: Path) -> None:
        self.folders = folder / "first", folder / "second"
        before = dict(os.environ)
        os.environ.update(ENVIRONMENT)
        try:
            from ray.cluster_utils import Cluster  # reads the environment

            os.environ["XDG_CACHE_HOME"] = str(self.folders[0])
            self.cluster = Cluster(True, head_node_args={"num_cpus": 1, "include_dashboard": False})
            os.environ["XDG_CACHE_HOME"] = str(self.folders[1])
            self.second = self.cluster.add_node(num_cpus=1)
        finally:
            os.environ.clear()
            os.environ.update(before)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def states(self, *machines: int) -> list[Path]:
        """Where Runs stand that are being trained on these machines."""
        return [path for i in machines for path in self.folders[i].glob("glyphfront/cluster/*/*/state.pt")]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    machines = Machines(tmp_path_factory.mktemp("machines"))
    yield machines
    machines.cluster.shutdown()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as this machine alone leaves it: folders runs and out."""
    base = tmp_path_factory.mktemp("serial")
    execute(STUDY, runs_dir=base / "runs", out=base / "out", latency_seconds=0.02)
    return base


@pytest.fixture(scope="module")
def spread(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study as the cluster leaves it, with what its workers logged."""
    base = tmp_path_factory.mktemp("spread")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(cluster, "on_worker", logging(base / "log"))
        on(machines, STUDY, base)
    return base


def logging(log: Path, after_save: Callable[[], None] = lambda: None) -> Callable[..., Any]:
    """What workers do, with a line in `log` when a Run is begun and when its training is; it travels by value."""

    def on_worker(run: Run, *rest: Any, **more: Any) -> Any:
        from glyphfront.pipeline import ray as cluster
        from glyphfront.training import keeper, loop

        def note(what: str) -> None:
            with log.open("a") as file:
                file.write(f"{what} {run.label}\n")

        if not hasattr(keeper, "plain_save_state"):
            keeper.plain_save_state, loop.plain_train = keeper.save_state, loop._train  # type: ignore[attr-defined]

        def save_state(*arguments: Any) -> None:
            keeper.plain_save_state(*arguments)  # type: ignore[attr-defined]
            after_save()

        def train(*arguments: Any) -> Any:
            trained = loop.plain_train(*arguments)  # type: ignore[attr-defined]
            note("trained")
            return trained

        keeper.save_state, loop._train = save_state, train
        note("begun")
        files = cluster.on_worker(run, *rest, **more)
        note("done")
        return files

    return on_worker


def on(machines: Machines, study: Study, base: Path) -> Any:
    runs_dir, out = base / "runs", base / "out"
    return execute(study, runs_dir=runs_dir, out=out, latency_seconds=0.02, do=on_ray(machines.address))


def rows(**runs: Run) -> Study:
    return Study("?", rows=runs)


def lines(base: Path, word: str) -> list[str]:
    return [line.split()[1] for line in (base / "log").read_text().splitlines() if line.startswith(word)]


def assert_same(study: Study, one: Path, other: Path) -> None:
    """All that does not tell the time is the same."""
    left, right = results_in(one / "out"), results_in(other / "out")
    assert set(left) == set(right) == {run.key for run in trainings(study)}
    for key, (path, a) in left.items():
        beside, b = right[key]
        assert path.relative_to(one) == beside.relative_to(other)
        assert a.accuracy is not None
        assert b.accuracy is not None
        timed = {"evaluation_seconds": 0.0, "inference_seconds": 0.0}
        assert replace(a.accuracy, **timed) == replace(b.accuracy, **timed)
        assert (a.run, a.key, a.data, a.classes, a.exported) == (b.run, b.key, b.data, b.classes, b.exported)
        assert [(e.train_loss, e.validation_loss) for e in a.curve] == [
            (e.train_loss, e.validation_loss) for e in b.curve
        ]
        x, y = (load_predictions(predictions_path(file)) for file in (path, beside))
        assert all(np.array_equal(getattr(x, name), getattr(y, name)) for name in vars(x))


def test_the_cluster_leaves_what_this_machine_alone_leaves(serial: Path, spread: Path) -> None:
    assert_same(STUDY, serial, spread)
    for part in ("runs", "out"):
        files = [sorted(str(p.relative_to(base / part)) for p in (base / part).rglob("*")) for base in (serial, spread)]
        assert files[0] == files[1]
    for run in trainings(STUDY):
        paths = [base / "runs" / run.key / "model.onnx" for base in (serial, spread)]
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert load_card(paths[0]).name == load_card(paths[1]).name
    timed = [load_timings(base / "out" / "latency.json").files for base in (serial, spread)]
    assert [one.graph for one in timed[0]] == [one.graph for one in timed[1]]


def test_a_run_of_two_parts_is_trained_once_and_a_base_before_what_starts_from_it(spread: Path) -> None:
    assert sorted(lines(spread, "trained")) == LABELS
    log = (spread / "log").read_text().splitlines()
    assert log.index("done other") < log.index("begun from-other")


def test_workers_leave_nothing_behind(machines: Machines, spread: Path) -> None:
    left = [path for folder in machines.folders for path in folder.glob("glyphfront/**/*") if path.is_file()]
    assert {path.suffix for path in left} <= {".lock"}


def test_what_is_finished_is_not_given_out_again(
    machines: Machines, spread: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "on_worker", logging(spread / "again"))
    before = {path: path.read_bytes() for path in (spread / "out").rglob("*.json")}
    results = on(machines, STUDY, spread)
    assert sorted(result.run.label for result in results) == LABELS
    assert not (spread / "again").exists()
    assert before == {path: path.read_bytes() for path in (spread / "out").rglob("*.json")}


def test_a_faulty_run_is_named_once_and_the_others_go_on(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "on_worker", logging(tmp_path / "log"))
    unlike = replace(RUN, model=Model("glyphnet-s"), init_from=RUN.key)
    then, orphan = replace(RUN, batch_size=16, init_from=unlike.key), replace(RUN, init_from="0" * 12)
    bad = replace(RUN, optimizer=Optimizer("momentum", lr=1e20))
    after_bad = replace(RUN, init_from=bad.key)
    study = rows(tiny=RUN, unlike=unlike, then=then, orphan=orphan, bad=bad, after_bad=after_bad)
    with pytest.raises(
        GlyphfrontError, match=r"^3 of 6 runs failed: orphan-seed0, unlike-seed0, then-seed0; .* again$"
    ):
        on(machines, study, tmp_path)
    told = capsys.readouterr().err.splitlines()
    assert sum("failed" in line for line in told) == 3
    assert sum("another architecture" in line for line in told) == 1
    assert "then-seed0: failed: the Run it starts from failed" in told
    assert sorted(lines(tmp_path, "begun")) == ["bad", "tiny", "unlike"]
    kept = {result.run.label: result.status for _, result in results_in(tmp_path / "out").values()}
    assert kept == {"tiny": "finished", "bad": "diverged", "after_bad": "diverged"}


def test_results_of_other_images_are_not_kept(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def on_other_images(run: Run, *rest: Any, **more: Any) -> Any:
        import glyphfront.pipeline.ray as there

        prepare = there.prepare
        there.prepare = lambda data, folder: prepare(replace(data, seed=5), folder)
        try:
            return there.on_worker(run, *rest, **more)
        finally:
            there.prepare = prepare

    monkeypatch.setattr(cluster, "on_worker", on_other_images)
    with pytest.raises(GlyphfrontError, match="1 of 1 runs failed: tiny-seed0"):
        on(machines, rows(tiny=RUN), tmp_path)
    assert "trained on other images than this machine has" in capsys.readouterr().err
    assert not (tmp_path / "out" / "tiny-seed0.json").exists()


def test_an_interrupted_study_goes_on_where_it_stood(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = replace(rows(long=replace(RUN, epochs=4)), seeds=3)

    def until_interrupted() -> None:  # however late the other worker starts
        interruption = signal.getsignal(signal.SIGINT).__self__  # type: ignore[union-attr]
        while not interruption._requested:
            time.sleep(0.05)

    monkeypatch.setattr(cluster, "on_worker", logging(tmp_path / "log", after_save=until_interrupted))

    def interrupt() -> None:
        while len(machines.states(0, 1)) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell hands it on as ignored
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            on(machines, long, tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "3 runs are cancelled" in capsys.readouterr().err
    assert len(machines.states(0, 1)) == 2
    assert lines(tmp_path, "trained") == []
    monkeypatch.setattr(cluster, "on_worker", logging(tmp_path / "log"))
    on(machines, long, tmp_path)
    alone = tmp_path / "alone"
    execute(long, runs_dir=alone / "runs", out=alone / "out", latency_seconds=0.02)
    assert_same(long, tmp_path, alone)


def test_a_lost_machine_loses_no_run_and_none_is_finished_twice(
    tmp_path: Path, serial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = Machines(tmp_path / "machines")
    second = str(machines.folders[1])

    def wait_to_be_killed() -> None:
        if os.environ["XDG_CACHE_HOME"] == second:
            time.sleep(600)

    def lose() -> None:
        while not machines.states(1):
            time.sleep(0.05)
        machines.cluster.remove_node(machines.second, allow_graceful=False)

    monkeypatch.setattr(cluster, "on_worker", logging(tmp_path / "log", wait_to_be_killed))
    threading.Thread(target=lose, daemon=True).start()
    try:
        on(machines, STUDY, tmp_path)
    finally:
        machines.cluster.shutdown()
    assert_same(STUDY, serial, tmp_path)
    assert sorted(lines(tmp_path, "done")) == sorted(lines(tmp_path, "trained")) == LABELS
    assert len(lines(tmp_path, "begun")) == len(LABELS) + 1


def test_more_cores_than_any_machine_has_are_not_waited_for(machines: Machines, tmp_path: Path) -> None:
    do = on_ray(machines.address, cpus=7)
    with pytest.raises(GlyphfrontError, match=r"no machine .* has 7 cores, the largest has 1; lower --cpus"):
        execute(rows(tiny=RUN), runs_dir=tmp_path / "runs", out=tmp_path / "out", do=do)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("nonsense", "must be HOST:PORT"),
        ("ray://here:10001", "must be HOST:PORT"),
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_line(address: str, complaint: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(GlyphfrontError, match=complaint):
        execute(rows(tiny=RUN), runs_dir=tmp_path / "runs", out=tmp_path / "out", do=on_ray(address))


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["study", "run", "quick", "--data", "strokes", "--on", "ray"]) == 2
    assert capsys.readouterr().err == "glyphfront: --on ray needs Ray: pip install 'glyphfront[cluster]'\n"
    assert main(["study", "run", "quick", "--address", "10.0.0.1:6379"]) == 2
    assert "--on ray" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_travels_without_its_lock_and_half_written_files(tmp_path: Path) -> None:
    files = {"trained.json": b"{}", "weights.safetensors": b"\0\1", "result.json": b"", "a.npz": b"x"}
    unpack(files, tmp_path / "a")
    (tmp_path / "a" / "lock").touch()
    (tmp_path / "a" / "model.onnx.partial").touch()
    (tmp_path / "a" / "tensorboard").mkdir()
    assert pack(tmp_path / "a") == files
    assert pack(tmp_path / "none") == {}


def test_a_worker_with_another_version_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="install the same on all"):
        cluster.on_worker(RUN, {}, data_dir=None, cwd=tmp_path, version="0.0.0", cpus=1)


def test_a_worker_goes_on_from_the_state_it_left_and_from_what_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = replace(RUN, epochs=2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def carry_out(before: dict[str, bytes]) -> dict[str, bytes]:
        version = cluster._code()
        return cluster.on_worker(long, before, data_dir=None, cwd=tmp_path, version=version, cpus=1)

    def killed(*arguments: Any) -> None:
        save_state(*arguments)
        raise KeyboardInterrupt

    save_state = keeper.save_state
    with monkeypatch.context() as patch:
        patch.setattr(keeper, "save_state", killed)
        with pytest.raises(KeyboardInterrupt):
            carry_out({})
    state = pack(tmp_path / "glyphfront" / "cluster" / long.key / long.key)
    assert "state.pt" in state
    capsys.readouterr()
    files = carry_out({})
    assert "goes on in epoch 2 at step 0" in capsys.readouterr().err
    assert not (tmp_path / "glyphfront" / "cluster" / long.key).exists()
    elsewhere = carry_out(state)
    assert "goes on in epoch 2 at step 0" in capsys.readouterr().err
    assert elsewhere["weights.safetensors"] == files["weights.safetensors"]
    assert carry_out(files)["weights.safetensors"] == files["weights.safetensors"]
    assert "epoch" not in capsys.readouterr().err
