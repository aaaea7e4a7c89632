from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from glyphfront.cli import main
from glyphfront.data.splits import TrainingData, prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.models import build
from glyphfront.models.weights import load_weights
from glyphfront.result import load_trained
from glyphfront.run import LIGHT, Augment, Data, Model, Optimizer, Run, Schedule, save_run
from glyphfront.training import distributed, loop, state

PLAIN = Run(
    data=Data("strokes", limit=6),
    model=Model("lenet5_old"),  # smooth: rounding stays rounding; and without batch norm, which CPUs do not synchronise
    optimizer=Optimizer("nesterov", lr=0.05),
    schedule=Schedule("plateau", patience=0),
    augment=Augment(),
    epochs=3,
    batch_size=33,  # does not divide evenly
    label_smoothing=0.1,
    logit_adjustment=0.5,
    clip_norm=1.0,
    ema=0.9,
    early_stopping=3,
)
RANDOM = replace(
    PLAIN,
    model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 2, 4), dropout=0.2),
    augment=LIGHT,
    epochs=12,
    early_stopping=0,
)


def _alone(monkeypatch: pytest.MonkeyPatch, rank: int, size: int) -> None:
    """Let this process believe that it is one of several."""
    monkeypatch.setattr(distributed, "rank", lambda: rank)
    monkeypatch.setattr(distributed, "size", lambda: size)


def _command(run: Run, runs_dir: Path) -> list[str]:
    runs_dir.mkdir(exist_ok=True)
    save_run(run, runs_dir / "given.json")
    return ["-m", "glyphfront", "train", str(runs_dir / "given.json"), "--runs-dir", str(runs_dir)]


_FORKS = multiprocessing.get_context("forkserver")  # which imports torch once, not once a process
_FORKS.set_forkserver_preload(["glyphfront.cli", "glyphfront.pipeline.execute", "pytest"])


class _Started:
    """The processes of one Run, started as torchrun does, but with the status and the words of each to be seen."""

    def __init__(self, run: Run, runs_dir: Path, size: int = 2) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = _command(run, runs_dir)[2:]
        given = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        self.words = [(runs_dir / f"{rank}.out", runs_dir / f"{rank}.err") for rank in range(size)]
        self.processes = []
        for rank, words in enumerate(self.words):
            environment = {k: str(v) for k, v in {**given, "RANK": rank, "LOCAL_RANK": rank}.items()}
            self.processes.append(_FORKS.Process(target=_be_process, args=(environment, command, *words)))
            self.processes[-1].start()

    def wait_for(self, path: Path) -> None:
        while not path.exists() and all(process.is_alive() for process in self.processes):
            time.sleep(0.005)

    def ends(self) -> tuple[list[int | None], list[str], list[str]]:
        """Of each process its status, what it printed, what it printed on stderr."""
        for process in self.processes:
            process.join()
        statuses = [process.exitcode for process in self.processes]
        return statuses, [out.read_text() for out, _ in self.words], [err.read_text() for _, err in self.words]


def _be_process(environment: dict[str, str], command: list[str], out: Path, err: Path) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.exit(main(command))


def test_two_processes_under_torchrun_train_what_one_trains_where_there_is_no_batch_norm(tmp_path: Path) -> None:
    one = loop.train(PLAIN, prepare(PLAIN.data).training, tmp_path / "one" / PLAIN.key)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run([*torchrun, *_command(PLAIN, tmp_path / "two")], capture_output=True, text=True)
    folder = tmp_path / "two" / PLAIN.key
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{folder}\n"  # by the first process only
    assert ended.stderr.count("epoch 3/3") == 1
    two = load_trained(folder / "trained.json")
    assert two.cost.device == "2 x cpu"
    assert two.cost.images_seen == one.cost.images_seen
    for a, b in zip(one.curve, two.curve, strict=True):
        assert b.lr == a.lr
        assert (b.train_loss, b.validation_loss) == pytest.approx((a.train_loss, a.validation_loss), rel=1e-5)
        assert (b.train_accuracy, b.validation_accuracy) == pytest.approx(
            (a.train_accuracy, a.validation_accuracy), abs=1e-6
        )
    weights = [load_weights(tmp_path / name / PLAIN.key / "weights.safetensors") for name in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=1e-4, atol=1e-5)


def test_a_lost_process_ends_the_others_in_one_line_and_after_ctrl_c_too_the_run_goes_on_to_the_same_weights(
    tmp_path: Path,
) -> None:
    assert _Started(RANDOM, tmp_path / "whole").ends()[0] == [0, 0]
    folder = tmp_path / "cut" / RANDOM.key

    started = _Started(RANDOM, tmp_path / "cut")
    started.wait_for(folder / "curve.csv")
    started.processes[0].kill()  # the one that saves
    statuses, _, told = started.ends()
    assert statuses == [-signal.SIGKILL, 2]
    assert told[1].startswith("glyphfront: process 1: run: another process of this training has ended")
    assert told[1].count("\n") == 1
    assert (folder / "state.pt").exists()

    (folder / "curve.csv").unlink()
    started = _Started(RANDOM, tmp_path / "cut")
    started.wait_for(folder / "curve.csv")
    os.kill(started.processes[1].pid, signal.SIGINT)  # the one that does not save
    statuses, printed, told = started.ends()
    assert statuses == [130, 130]
    assert printed == ["", ""]
    assert "goes on in epoch" in told[0]
    assert "saved: the same command goes on from here" in told[0]
    assert told[1] == ""
    assert not (folder / "trained.json").exists()

    statuses, printed, told = _Started(RANDOM, tmp_path / "cut").ends()
    assert statuses == [0, 0]
    assert printed == [f"{folder}\n", ""]
    assert "goes on in epoch" in told[0]
    weights, whole = (load_weights(tmp_path / of / RANDOM.key / "weights.safetensors") for of in ("cut", "whole"))
    assert all(torch.equal(weights[name], whole[name]) for name in whole)


def test_a_run_that_diverges_ends_all_processes_alike(tmp_path: Path) -> None:
    run = replace(
        PLAIN, optimizer=Optimizer("momentum", lr=1e20), schedule=Schedule("constant"), clip_norm=0.0, ema=0.0
    )
    statuses, _, told = _Started(run, tmp_path).ends()
    assert statuses == [2, 2]
    assert all("no longer finite in epoch 1" in words for words in told)
    assert load_trained(tmp_path / run.key / "trained.json").status == "diverged"


def test_a_state_that_fewer_processes_saved_can_be_gone_on_from(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, cpu = replace(RANDOM, batch_size=16), torch.device("cpu")
    before = state.new_state(run, bar_splits.train, bar_splits.used, tmp_path, cpu)
    before.begin_epoch()
    before.step = 2
    state.save_state(before, tmp_path / "state.pt")
    _alone(monkeypatch, 1, 2)
    monkeypatch.setattr(distributed, "from_first", lambda make: make())
    after = state.new_state(run, bar_splits.train, bar_splits.used, tmp_path, cpu)
    assert state.resume(after, tmp_path / "state.pt")
    assert after.step == 2
    assert torch.initial_seed() == state.seed_of(run.seed, 1, 0, 1, 2)
    assert after.generator.initial_seed() == state.seed_of(run.seed, 1, 1, 1, 2)


def test_a_batch_smaller_than_the_number_of_processes_is_refused(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    _alone(monkeypatch, 0, 34)
    with pytest.raises(GlyphfrontError, match="a batch of 33 images cannot be split over 34 processes"):
        state.new_state(PLAIN, bar_splits.train, bar_splits.used, tmp_path, torch.device("cpu"))


@pytest.mark.parametrize(("images", "size"), [(10, 1), (10, 3), (7, 7)])
def test_shards_make_up_the_batch_and_differ_by_one_image_at_most(
    monkeypatch: pytest.MonkeyPatch, images: int, size: int
) -> None:
    shards = []
    for rank in range(size):
        _alone(monkeypatch, rank, size)
        shards.append(distributed.shard(torch.arange(images)))
    assert torch.equal(torch.cat(shards), torch.arange(images))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize(("images", "size"), [(10, 3), (2, 4)])
def test_gathered_rows_are_those_of_one_process(monkeypatch: pytest.MonkeyPatch, images: int, size: int) -> None:
    rows = torch.arange(2.0 * images).view(images, 2)
    mine: list[torch.Tensor] = []
    monkeypatch.setattr(distributed.dist, "all_gather", lambda parts, part: mine.append(part))
    for rank in range(size):
        _alone(monkeypatch, rank, size)
        distributed.over_shards(lambda part: part + 1, rows)
    assert len({part.shape for part in mine}) == 1  # what all_gather asks for
    assert torch.equal(torch.cat(mine)[:images], rows + 1)


def test_models_for_gpus_keep_their_weights_and_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    _alone(monkeypatch, 0, 2)
    images = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    for name in ("glyphnet-xs", "timm:efficientnet_b0"):
        torch.manual_seed(0)
        model = build(Model(name), 5).eval()
        before, keys = model(images), list(model.state_dict())
        distributed.with_synchronised_norms(model, torch.device("cuda", 0))
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
        assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in model.modules())
        assert list(model.state_dict()) == keys
        torch.testing.assert_close(model(images), before)


def test_devices_names_the_cpu_the_split_and_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json", "--batch-size", "10", "--processes", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["strategy"] == "DDP over gloo, one process a share of the cores"
    assert sorted(told["shards"]) == [3, 3, 4]
    assert told["command"].endswith("torchrun --nproc-per-node 3 -m glyphfront train --batch-size 10")
    assert main(["devices"]) == 0
    printed = capsys.readouterr().out
    assert "strategy    single process\n" in printed
    assert "batch 1024  1024\n" in printed
    assert "start with  glyphfront train --batch-size 1024\n" in printed


def test_devices_takes_one_process_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(name="NVIDIA H100", total_memory=80 * 2**30)
    )
    planned = distributed.plan(1024)
    assert planned.devices == ("NVIDIA H100, 80 GiB",) * 4
    assert planned.strategy == "DDP over nccl, one process a GPU"
    assert planned.shards == (256,) * 4
    assert planned.command == "torchrun --nproc-per-node 4 -m glyphfront train --batch-size 1024"
    assert main(["devices", "--processes", "5"]) == 2
    assert "5 processes, but this machine has 4 GPU(s)" in capsys.readouterr().err
    assert main(["devices", "--batch-size", "3"]) == 2
    assert "cannot be split over 4 processes" in capsys.readouterr().err


def test_torchrun_is_refused_for_what_is_one_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["models"]) == 2
    assert capsys.readouterr().err == (
        "glyphfront: process 1: glyphfront models is one process; torchrun is for glyphfront train\n"
    )
