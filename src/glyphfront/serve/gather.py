"""Images of requests that arrive together, in one run of the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from glyphfront.serve.wanted import check
from glyphfront.ship.recognizer import BATCH


class _Waiting:
    """Images of one caller, and what became of them."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.images = images
        self.rows: NDArray[np.float32] | None = None
        self.error: Exception | None = None


class GatheringSession:
    """Stands for an InferenceSession that many threads call at once.

    One run at a time: whoever has the turn takes the images of all who wait for it. So a batch is what arrived while
    the one before was computed, and a caller who is alone waits for nobody.
    """

    def __init__(
        self, session: ort.InferenceSession, milliseconds: float = 0.0, ran: Callable[[int], None] = lambda images: None
    ) -> None:
        """Share `session`.

        Args:
            session: with one input, images, and one output, a row for each.
            milliseconds: that a batch waits for further images before it is run.
            ran: told the number of images of each run.
        """
        self._session, self._seconds, self._ran = session, milliseconds / 1000, ran
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting] = []

    def run(self, names: Sequence[str] | None, feeds: dict[str, Any]) -> list[NDArray[np.float32]]:
        """As `InferenceSession.run`; not for who is no longer waited for (`wanted.check`)."""
        check()
        own = _Waiting(feeds["image"])
        with self._lock:
            self._waiting.append(own)
        with self._turn:
            if own.rows is None and own.error is None:
                if self._seconds:
                    time.sleep(self._seconds)
                self._run_all()
        if own.error is not None:
            raise own.error
        assert own.rows is not None
        return [own.rows]

    def _run_all(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        while batch:
            taken = 1
            while taken < len(batch) and sum(len(one.images) for one in batch[: taken + 1]) <= BATCH:
                taken += 1
            self._run(batch[:taken])
            batch = batch[taken:]

    def _run(self, batch: list[_Waiting]) -> None:
        images = np.concatenate([one.images for one in batch]) if len(batch) > 1 else batch[0].images
        try:
            rows = self._session.run(None, {"image": images})[0]
        except Exception as error:  # its exceptions share no base class; each caller is told
            for one in batch:
                one.error = error
            return
        self._ran(len(images))
        ends = np.cumsum([len(one.images) for one in batch])[:-1]
        for one, part in zip(batch, np.split(rows, ends), strict=True):
            one.rows = part
