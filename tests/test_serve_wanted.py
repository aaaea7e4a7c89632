"""What becomes of work whose request is over."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from glyphfront.serve import app
from glyphfront.serve.gather import GatheringSession
from glyphfront.serve.settings import Settings
from glyphfront.serve.wanted import NotWantedError, check, in_thread
from serving import picture


def test_work_that_waits_for_a_thread_never_begins_once_it_is_given_up() -> None:
    release, begun = threading.Event(), []

    async def give_up(pool: ThreadPoolExecutor) -> None:
        busy = asyncio.create_task(in_thread(pool, release.wait))
        waiting = asyncio.create_task(in_thread(pool, begun.append, "waited"))
        await asyncio.sleep(0)  # both are given to the pool
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        release.set()
        assert await busy
        assert await in_thread(pool, begun.append, "later") is None

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(give_up(pool))
    assert begun == ["later"]


def test_work_that_has_begun_ends_at_its_next_check_and_what_its_thread_does_next_is_wanted_again() -> None:
    began, release, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        check()
        began.set()
        release.wait()
        try:
            check()
        except NotWantedError:
            ended.append("early")
            raise
        ended.append("late")

    async def give_up(pool: ThreadPoolExecutor) -> None:
        task = asyncio.create_task(in_thread(pool, work))
        while not began.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        await in_thread(pool, check)

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(give_up(pool))
    assert ended == ["early"]


class Counting:
    """A session that counts its runs."""

    runs = 0

    def run(self, names: None, feeds: dict[str, Any]) -> list[np.ndarray]:
        self.runs += 1
        return [np.zeros((len(feeds["image"]), 47), np.float32)]


def test_no_model_runs_for_a_request_whose_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    release, session, settings = threading.Event(), Counting(), Settings(models=("glyphnet-xs",))
    look, load_all = app.look, app.load_all

    def held(content: bytes) -> Any:
        release.wait()
        return look(content)

    def counted(*arguments: Any) -> Any:
        recognizers, described = load_all(*arguments)
        for recognizer in recognizers.values():
            gathering = GatheringSession(cast(ort.InferenceSession, session))
            object.__setattr__(recognizer, "session", gathering)
        return recognizers, described

    monkeypatch.setattr(app, "load_all", counted)
    with TestClient(app.create_app(settings)) as client:
        assert client.post("/v1/recognize", content=picture("7")).status_code == 200
        answered = session.runs
        assert answered > 0
        monkeypatch.setattr(app, "look", held)
        object.__setattr__(settings, "seconds", 2.0)
        told = client.post("/v1/recognize", content=picture("7"))
        release.set()
    assert told.status_code == 503
    assert "computing the answer took longer than 2 s" in told.json()["error"]
    assert session.runs == answered
