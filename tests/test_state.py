from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.models.weights import load_weights, save_weights
from glyphfront.result import Epoch
from glyphfront.run import Model, Run
from glyphfront.training.state import State, new_state, read_state, resume, save_state, seed_of

RUN = Run(model=Model("glyphnet-xs", dropout=0.5), epochs=2, batch_size=40, ema=0.9)


def _state(data: TrainingData, folder: Path, seed: int = 0) -> State:
    return new_state(replace(RUN, seed=seed), data.train, data.used, folder, torch.device("cpu"))


def test_a_state_comes_back_with_its_place_its_curve_and_what_is_drawn_next(
    tmp_path: Path, bar_splits: TrainingData
) -> None:
    before = _state(bar_splits, tmp_path)
    before.curve = [Epoch(1, 0.1, 2.0, 0.5, 1.0, 0.6, 100.0, 3.0)]
    before.epoch = 2
    before.begin_epoch()
    before.count(torch.tensor(1.5), torch.tensor(7))
    torch.rand(3), torch.rand(3, generator=before.generator)
    save_state(before, tmp_path / "state.pt")
    drawn = torch.rand(2), torch.rand(2, generator=before.generator)

    after = _state(bar_splits, tmp_path)
    assert resume(after, tmp_path / "state.pt")
    assert (after.epoch, after.step, after.images_seen) == (2, 1, 40)
    assert (float(after.loss_sum), int(after.correct)) == (1.5, 7)
    assert after.curve == before.curve
    assert torch.equal(torch.rand(2), drawn[0])
    assert torch.equal(torch.rand(2, generator=after.generator), drawn[1])


def test_there_is_nothing_to_go_on_with_before_the_first_save(tmp_path: Path, bar_splits: TrainingData) -> None:
    assert not resume(_state(bar_splits, tmp_path), tmp_path / "state.pt")


def test_a_state_of_another_run_or_version_is_refused(tmp_path: Path, bar_splits: TrainingData) -> None:
    save_state(_state(bar_splits, tmp_path), tmp_path / "state.pt")
    with pytest.raises(GlyphfrontError, match="the state of another Run"):
        resume(_state(bar_splits, tmp_path, seed=1), tmp_path / "state.pt")
    torch.save({"key": RUN.key}, tmp_path / "state.pt")
    with pytest.raises(GlyphfrontError, match="of another version of glyphfront; delete it"):
        resume(_state(bar_splits, tmp_path), tmp_path / "state.pt")


def test_seeds_differ_wherever_a_part_differs() -> None:
    seeds = {seed_of(a, b, c) for a in range(5) for b in range(5) for c in range(2)}
    assert len(seeds) == 50
    assert all(0 <= s < 1 << 63 for s in seeds)
    assert math.log2(max(seeds)) > 60


@pytest.mark.parametrize("reader", [load_weights, read_state])
def test_a_damaged_file_is_one_line(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "file"
    save_weights({"a": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(GlyphfrontError, match="not a"):
        reader(path)  # type: ignore[operator]
