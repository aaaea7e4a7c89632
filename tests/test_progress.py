from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from glyphfront.data.splits import TrainingData
from glyphfront.result import Epoch
from glyphfront.run import Run
from glyphfront.training.progress import TrainingProgress, few_images, slow_precision, still_rising

LINE = Epoch(2, 0.05, 1.23456, 0.5, 0.98765, 0.4321, 12345.6, 7.89)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "40")  # narrower than a line


def test_without_a_terminal_an_epoch_is_one_plain_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress("tiny", 10, 5) as progress:
        for done in range(1, 11):
            progress.step(done, 1.0, 0.5, 1000.0)
        progress.epoch(LINE)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "tiny  epoch 2/5  training loss 1.2346  validation loss 0.9877  validation accuracy 43.21%"
        "  lr 0.05  12,346 images/s  7.9 s\n"
    )


def test_what_is_said_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress("tiny", 10, 5) as progress:
        progress.say("goes on in epoch 3 at step 7, and this line is longer than the terminal is wide")
    assert capsys.readouterr().err == (
        "tiny  goes on in epoch 3 at step 7, and this line is longer than the terminal is wide\n"
    )


@pytest.mark.parametrize("label", ["widths[2]", "a[red]b", "a[/b]", ":smile:"])
def test_a_label_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], label: str) -> None:
    with TrainingProgress(label, 10, 5) as progress:
        progress.epoch(LINE)
        progress.say("done")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{label}  epoch 2/5  ")
    assert second == f"{label}  done"


def test_a_failure_inside_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), TrainingProgress("tiny", 10, 5):
        raise KeyboardInterrupt
    assert capsys.readouterr() == ("", "")


def test_few_images_are_said_in_one_line_and_enough_are_not(bar_splits: TrainingData) -> None:
    assert few_images(bar_splits) == (  # 120 images of four classes, 40 to validate on
        "few images: 120 in 4 classes, 30 of 'a'; more would help most, and on 40 validation images one error is 2.5%"
    )
    enough = replace(bar_splits, train=bar_splits.train.take(np.resize(np.arange(120), 200)))
    assert few_images(enough) == ""


def test_a_cpu_without_bfloat16_is_said_to_be_slow_at_it_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    run, cpu = Run(precision="bf16"), torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx2": True})
    assert "no instructions for bfloat16" in slow_precision(run, cpu)
    assert slow_precision(Run(), cpu) == slow_precision(run, torch.device("cuda")) == ""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx512_bf16": True})
    assert slow_precision(run, cpu) == ""


def _curve(*accuracies: float) -> list[Epoch]:
    return [replace(LINE, epoch=number, validation_accuracy=a) for number, a in enumerate(accuracies, 1)]


def test_an_accuracy_that_rose_until_the_end_is_said() -> None:
    assert still_rising(_curve(0.5, 0.6, 0.7, 0.8), 400) == (
        "the validation accuracy was still rising: 70.0%, then 80.0% in the last epoch; more --epochs would help"
    )
    assert "in the last 2 epochs" in still_rising(_curve(*[0.1] * 6, 0.5, 0.5, 0.8, 0.8), 400)


@pytest.mark.parametrize(
    ("accuracies", "images"),
    [
        ([0.7, 0.8], 20),  # within two standard errors of 0.8 on 20 images: 17.9 points
        ([0.5, 0.8, 0.8], 400),
        ([0.8], 400),
        ([1.0, 1.0], 400),
        ([0.8, 0.7], 400),
    ],
)
def test_an_accuracy_that_did_not_rise_by_more_than_chance_is_not_said_to(accuracies: list[float], images: int) -> None:
    assert still_rising(_curve(*accuracies), images) == ""
