from __future__ import annotations

import pytest

from glyphfront.result import Epoch
from glyphfront.training.progress import TrainingProgress

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
