"""From settings to processes that listen, answer and end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from glyphfront.errors import GlyphfrontError
from glyphfront.serve.app import create_app
from glyphfront.serve.metrics import shared_between_workers
from glyphfront.serve.settings import Settings, to_environment


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections.

    Args:
        host: an address or name of this machine.
        port: 0 for any that is free.

    Raises:
        GlyphfrontError: the address or port cannot be had.
    """
    if not 0 <= port <= 65535:  # getaddrinfo takes the rest of a division
        raise GlyphfrontError(f"cannot listen on port {port}; give --port from 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # only where the protocol is given does asyncio turn Nagle's algorithm off; with it, answers wait 40 ms
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise GlyphfrontError(
            f"cannot listen on {host} port {port} ({reason}); give another --host or --port"
        ) from None
    listening.set_inheritable(True)
    return listening


def run(settings: Settings, listening: socket.socket, workers: int) -> None:
    """Answer until a signal comes; then answer what was accepted, and return.

    Raises:
        GlyphfrontError: a worker could not start.
        KeyboardInterrupt: the signal was Ctrl-C.
    """
    to_environment(settings)
    config = uvicorn.Config(
        "glyphfront.serve.run:worker_app",
        factory=True,
        workers=workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(settings.seconds) + 5,
        ws="none",
    )
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
        return
    with shared_between_workers():
        Multiprocess(config, sockets=[listening]).run()


def worker_app() -> FastAPI:
    """The application in a worker, which ends when the process that started it has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    return create_app()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
