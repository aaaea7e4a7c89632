"""What goes on around the steps: a run is shown, saved and, when somebody asks for it, stopped."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from glyphfront.errors import GlyphfrontError
from glyphfront.result import Epoch
from glyphfront.training import distributed
from glyphfront.training.folder import write_curve
from glyphfront.training.progress import TrainingProgress
from glyphfront.training.state import State, resume, save_state

SAVE_SECONDS = 120.0  # within a long epoch, the state is saved this often
_LOOK_STEPS = 20  # steps between looks at the loss: each look waits for a GPU


class Keeper:
    """Goes on from what is in the folder, saves there, shows progress; Ctrl-C and SIGTERM stop it between two steps."""

    def __init__(self, state: State, epochs: int, folder: Path, tensorboard: bool = False, quiet: bool = False) -> None:
        first = distributed.is_first()
        self._state, self._folder = state, folder
        self._progress = TrainingProgress(state.run.label, epochs * state.steps, epochs, quiet=quiet or not first)
        self._events = _Events(folder) if tensorboard and first else None
        self._saved = time.perf_counter()
        self._requested = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._handlers = {s: signal.signal(s, self._request) for s in (signal.SIGINT, signal.SIGTERM)}
        self._progress.__enter__()
        if resume(self._state, self._folder / "state.pt"):
            self.say(f"goes on in epoch {self._state.epoch} at step {self._state.step}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, error, trace)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self._requested:  # a second signal does not wait
            raise KeyboardInterrupt
        self._requested = True

    def say(self, text: str) -> None:
        """Print a line; nothing where there is nothing to say."""
        if text:
            self._progress.say(text)

    def after_step(self) -> None:
        """Show where the epoch stands now and then; save and stop if it is time.

        Raises:
            DivergedError: see `State.totals`.
            KeyboardInterrupt: asked to stop; the state is saved.
        """
        state = self._state
        if state.step % _LOOK_STEPS == 0 or state.step == state.steps:
            loss, accuracy = state.totals()
            self._progress.step(state.steps_done, loss, accuracy, state.step * state.batch_size / state.seconds)
        overdue = distributed.is_first() and time.perf_counter() - self._saved > SAVE_SECONDS
        stop, save = distributed.any_of(self._requested, overdue)
        if stop or save:
            state.totals()  # looks at the loss, and stops the clock
            self._save()
        if stop:
            self._stop()

    def stop_if_asked(self) -> None:
        """Stop between two steps, in work that may take minutes: what was saved last stands.

        Raises:
            KeyboardInterrupt: asked to stop.
        """
        if self._requested:
            self._stop()

    def after_epoch(self) -> None:
        """Save, show the epoch, stop if asked to.

        Raises:
            KeyboardInterrupt: asked to stop; the state is saved.
        """
        self._save()
        line = self._state.curve[-1]
        if distributed.is_first():
            write_curve(self._state.curve, self._folder / "curve.csv")
        self._progress.epoch(line)
        if self._events:
            self._events.write(line)
        (stop,) = distributed.any_of(self._requested)
        if stop:
            self._stop()

    def _save(self) -> None:
        save_state(self._state, self._folder / "state.pt")
        self._saved = time.perf_counter()

    def _stop(self) -> None:
        self.say(f"interrupted in epoch {self._state.epoch}; saved: the same command goes on from here")
        raise KeyboardInterrupt


class _Events:
    """The curve as events for TensorBoard, in the run's folder."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise GlyphfrontError("--tensorboard needs tensorboard: pip install tensorboard") from None
        self._writer: Any = SummaryWriter(str(folder / "tensorboard"))

    def write(self, line: Epoch) -> None:
        for name, value in dataclasses.asdict(line).items():
            if name != "epoch":
                self._writer.add_scalar(name, value, line.epoch)
        self._writer.flush()
