"""The verb that answers over HTTP; it needs glyphfront[serve] and no torch."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from glyphfront.errors import GlyphfrontError


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    models: tuple[str, ...] = (),
    workers: int = 1,
    threads: int = 4,
    gather_ms: float = 0.0,
    token: str | None = None,
    no_token: Annotated[bool, arg(name="no-token")] = False,
    most_bytes: int = 16 * 2**20,
    most_pixels: int = 40_000_000,
    most_pictures: int = 64,
    most_requests: int = 128,
    most_seconds: float = 20.0,
    static: Path | None = None,
) -> int | None:
    """Recognise over HTTP, with a page to draw on; or write that page as files that need no server.

    Example: glyphfront serve --port 8080

    Args:
        host: address to listen on; another than this machine's own needs --token or --no-token.
        port: to listen on; 0 takes any that is free.
        models: shipped names or .onnx files with their cards, the default first; by default all that are shipped.
        workers: processes; each has the models once.
        threads: of a worker, for reading pictures.
        gather_ms: milliseconds that a batch waits for more pictures; what arrives meanwhile is gathered anyway.
        token: that callers send as Authorization: Bearer TOKEN; $GLYPHFRONT_TOKEN says it unseen by other users.
        no_token: answer everybody, on any address.
        most_bytes: of a request.
        most_pixels: of a picture.
        most_pictures: in a request.
        most_requests: at once in a worker; more are answered 429.
        most_seconds: for a request.
        static: write the page here, to recognise inside the browser, and end; needs npm for ONNX Runtime Web.
    """
    if workers < 1:
        raise GlyphfrontError(f"--workers must be at least 1, got {workers}")
    try:
        from glyphfront.serve.catalogue import files_of
        from glyphfront.serve.run import listen, run
        from glyphfront.serve.settings import LOOPBACK, Settings
    except ModuleNotFoundError as error:
        raise GlyphfrontError(f"serve needs {error.name}: pip install 'glyphfront[serve]'") from None
    token = token or os.environ.get("GLYPHFRONT_TOKEN") or None
    settings = Settings(
        models=models,
        token=token,
        local=host in LOOPBACK and not token and not no_token,
        body_bytes=most_bytes,
        pixels=most_pixels,
        pictures=most_pictures,
        requests=most_requests,
        seconds=most_seconds,
        threads=threads,
        gather_ms=gather_ms,
    )
    # a fault is told here, not by every worker, and all workers take the same file of two
    settings = replace(settings, models=tuple(str(path) for path in files_of(settings.model_names())))
    if static is not None:
        from glyphfront.serve.static import write_static

        print(write_static(static, settings.model_names()))
        return None
    if host not in LOOPBACK and not token and not no_token:
        raise GlyphfrontError(f"{host} can be reached by others: give --token TOKEN, or --no-token to answer everybody")
    with listen(host, port) as listening:
        name = f"[{host}]" if ":" in host else host
        print(f"glyphfront: http://{name}:{listening.getsockname()[1]}/", flush=True)
        try:
            run(settings, listening, workers)
        except KeyboardInterrupt:
            return 130
    return None
