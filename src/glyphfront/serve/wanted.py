"""Work in a thread that ends early when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")
_of_thread = threading.local()


class NotWantedError(Exception):
    """Nobody waits for what this thread computes; it is told to nobody."""


async def in_thread(pool: Executor | None, work: Callable[..., T], *arguments: Any) -> T:
    """What `work` returns or raises in a thread of `pool`.

    Where the caller is cancelled, such as a request whose time is over, work that waits for a thread never begins, and
    work that has begun ends at its next `check`: a thread cannot be stopped from outside.
    """
    given_up = threading.Event()

    def watched() -> T:
        _of_thread.given_up = given_up
        return work(*arguments)

    try:
        return await asyncio.get_running_loop().run_in_executor(pool, watched)
    except asyncio.CancelledError:
        given_up.set()
        raise


def check() -> None:
    """Go on, unless this thread works for nobody.

    Raises:
        NotWantedError: whoever called `in_thread` has been cancelled.
    """
    given_up: threading.Event | None = getattr(_of_thread, "given_up", None)
    if given_up is not None and given_up.is_set():
        raise NotWantedError
