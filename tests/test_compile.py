"""training/forward.py: what torch.compile changes of a training, and what it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from glyphfront.data.splits import TrainingData
from glyphfront.models.weights import load_weights
from glyphfront.result import load_trained
from glyphfront.run import Distill, Model, Run
from glyphfront.training import forward, loop

TINY = Run(
    label="tiny", model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 4), stem="conv5", dropout=0.2), epochs=2, batch_size=16
)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_weights(folder / "weights.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def glyphfront(folder: Path, *flags: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "glyphfront", "train", "--runs-dir", str(folder), "--data.train", "strokes"]
    command += ["--data.limit", "6", "--model.stem", "conv5", "--model.widths", "2", "2", "2", "2", "4"]
    command += ["--model.dropout", "0.2", "--epochs", "8", "--batch-size", "32", *flags]
    return subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_where_nothing_compiles_a_line_says_why_and_the_training_is_that_without(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Uncompiled(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found in CXX\nand more")

    monkeypatch.setattr(forward.torch, "compile", lambda net, **options: Uncompiled())
    trained = loop.train(TINY, bar_splits, tmp_path / "asked", compile=True)
    told = [line for line in capsys.readouterr().err.splitlines() if "compiled" in line]
    assert told == [
        "tiny  nothing is compiled, and the training goes on without: torch.compile needs a C++ compiler, such as g++"
    ]
    assert trained.provenance.compiled is False
    assert loop.train(TINY, bar_splits, tmp_path / "plain").provenance.compiled is None
    assert same(weights(tmp_path / "asked"), weights(tmp_path / "plain"))


def test_compiling_leaves_weights_statistics_gradients_and_random_state_as_they_are(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward.torch, "compile", lambda net, **options: net)
    state = loop.new_state(TINY, bar_splits.train, bar_splits.used, tmp_path, torch.device("cpu"))
    before = {name: value.clone() for name, value in state.model.state_dict().items()}
    random = torch.get_rng_state()
    forward.compiled([state.model], state, torch.from_numpy(bar_splits.train.images[:16]).float(), print)
    assert same(before, state.model.state_dict())
    assert all(p.grad is None for p in state.model.parameters())
    assert torch.equal(random, torch.get_rng_state())
    assert state.seconds > 0  # it counts


@pytest.mark.slow
@pytest.mark.parametrize("precision", [None, "bf16"])
def test_a_compiled_training_learns_as_the_plain_one_does(
    tmp_path: Path, bar_splits: TrainingData, precision: None
) -> None:
    run = replace(TINY, model=replace(TINY.model, dropout=0.0), precision=precision)
    compiled = loop.train(run, bar_splits, tmp_path / "compiled", compile=True)
    plain = loop.train(run, bar_splits, tmp_path / "plain")
    assert compiled.provenance.compiled is True
    assert load_trained(tmp_path / "compiled" / "trained.json") == compiled
    for a, b in zip(compiled.curve, plain.curve, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=0.05)


@pytest.mark.slow
def test_compiled_teachers_answer_as_they_do_without(tmp_path: Path, bar_splits: TrainingData) -> None:
    loop.train(TINY, bar_splits, tmp_path / TINY.key)
    run = replace(TINY, model=replace(TINY.model, dropout=0.0), distill=Distill((TINY.key,)))
    compiled, plain = (loop.train(run, bar_splits, tmp_path / str(flag), compile=flag) for flag in (True, False))
    for a, b in zip(compiled.curve, plain.curve, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=0.01)


@pytest.mark.slow
def test_a_compiled_training_killed_between_two_saves_goes_on_to_bit_identical_weights(tmp_path: Path) -> None:
    flags = ("--compile", "--precision", "bf16")
    whole = glyphfront(tmp_path / "whole", *flags)
    assert "nothing is compiled" not in whole.communicate()[1]
    (expected,) = (tmp_path / "whole").iterdir()
    folder = tmp_path / "killed" / expected.name
    first = glyphfront(tmp_path / "killed", *flags)
    while first.poll() is None and not (folder / "curve.csv").exists():
        time.sleep(0.005)
    first.kill()
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    assert not (folder / "trained.json").exists()
    second = glyphfront(tmp_path / "killed", *flags)
    assert "goes on in epoch" in second.communicate()[1]
    assert same(weights(folder), weights(expected))


@pytest.mark.slow
def test_without_a_compiler_a_line_says_so_and_the_training_goes_on(tmp_path: Path) -> None:
    training = glyphfront(
        tmp_path / "runs", "--compile", CXX="no-such-compiler", TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache")
    )
    told = training.communicate()[1]
    assert training.returncode == 0
    assert told.count("nothing is compiled, and the training goes on without: torch.compile needs a C++ compiler") == 1
