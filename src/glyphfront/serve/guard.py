"""What a service refuses before it computes anything: strangers, too many at once, bodies too large or too slow."""

from __future__ import annotations

import asyncio
import io
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from PIL import UnidentifiedImageError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.read import has_pages, open_image
from glyphfront.serve.metrics import Metrics
from glyphfront.serve.schema import fault
from glyphfront.serve.settings import LOOPBACK, Settings

FORMATS = frozenset({"AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"})
"""Pillow's names of what strangers may send; its other readers start programs, or are little tried."""

PATHS = frozenset({"/v1/recognize", "/v1/strokes", "/v1/read", "/v1/models", "/metrics"})
"""That are counted by name; others are one."""


class RefusedError(GlyphfrontError):
    """A request that gets no answer, with the status that says why."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> JSONResponse:
        """What the caller is told."""
        return JSONResponse(fault(self), self.status, self.headers)


class Guard:
    """ASGI middleware: who calls, number of requests at once, size of bodies, time."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics, self.at_once = app, settings, metrics, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; count what was answered."""
        if scope["type"] != "http" or not scope["path"].startswith(("/v1/", "/metrics")):
            await self.app(scope, receive, send)
            return
        begun, began = Begun(receive, send, self.settings.body_bytes), time.perf_counter()
        try:
            await self._guarded(scope, begun)
        finally:
            path = scope["path"] if scope["path"] in PATHS else "other"
            self.metrics.requests.labels(path, begun.status or 499).inc()  # 499: the caller has gone
            self.metrics.seconds.labels(path).observe(time.perf_counter() - began)

    async def _guarded(self, scope: Scope, begun: Begun) -> None:
        try:
            self._admit(Headers(scope=scope))
            self.at_once += 1
            try:
                async with asyncio.timeout(self.settings.seconds):
                    await self.app(scope, begun.receive, begun.send)
            finally:
                self.at_once -= 1
        except TimeoutError:
            if not begun.status:
                where = (503, "computing the answer") if begun.received else (408, "sending the request")
                message = f"{where[1]} took longer than {self.settings.seconds:g} s; send less, or a smaller picture"
                await RefusedError(where[0], message, Connection="close").response()(scope, begun.receive, begun.send)
        except RefusedError as refused:
            if not begun.status:
                await refused.response()(scope, begun.receive, begun.send)
        except ClientDisconnect:
            pass

    def _admit(self, headers: Headers) -> None:
        token = self.settings.token
        if token is not None:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
                raise RefusedError(401, "send the token: Authorization: Bearer TOKEN", WWW_Authenticate="Bearer")
        if self.settings.local and not all(_is_local(headers[name]) for name in ("host", "origin") if name in headers):
            raise RefusedError(403, "only this machine is answered; start with --token, or --no-token for everybody")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.settings.body_bytes:
            raise too_large(self.settings.body_bytes)
        if self.at_once >= self.settings.requests:
            raise RefusedError(429, f"{self.at_once} requests are being answered already; try again", Retry_After="1")


def _is_local(origin: str) -> bool:
    """Whether a Host or an Origin is this machine by a name that no web page of others can have."""
    try:
        return urlsplit(origin if "//" in origin else f"//{origin}").hostname in LOOPBACK
    except ValueError:
        return False


class Begun:
    """How far a request has come."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive, self._send, self._left, self._most = receive, send, most, most
        self.received, self.status = False, 0

    async def receive(self) -> Message:
        """As ASGI's, bodies above the limit refused."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise too_large(self._most)
            self.received = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """As ASGI's."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def too_large(most: int) -> RefusedError:
    """The fault of a body above the limit; the rest of it is not read."""
    return RefusedError(
        413, f"the body is larger than {most:,} bytes; send fewer or smaller pictures", Connection="close"
    )


def check_picture(content: bytes, most_pixels: int) -> None:
    """Look at a picture's header alone, and for a second page.

    Raises:
        GlyphfrontError: it is larger than `most_pixels`, of a format that is not taken, or of several pages. A file
            that is no picture at all passes: whoever reads it says best what it is.
    """
    try:
        with open_image(io.BytesIO(content)) as image:
            size, kind, several = image.size, image.format, has_pages(image)
    except UnidentifiedImageError:
        return
    except Exception as error:  # damaged headers raise nearly anything
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise GlyphfrontError(f"the picture: not readable as a picture ({reason})") from None
    if kind not in FORMATS:
        raise GlyphfrontError(f"the picture is {kind}, which is not taken here; send PNG, JPEG, BMP, TIFF or WebP")
    if size[0] * size[1] > most_pixels:
        raise RefusedError(413, f"{size[0]}x{size[1]} pixels are more than {most_pixels:,}; send the picture smaller")
    if several:
        raise GlyphfrontError("the picture has several pages; send each by itself")


def problem_of(error: dict[str, Any]) -> str:
    """One line of what pydantic found wrong with an argument."""
    where = ".".join(str(part) for part in error.get("loc", ()) if part not in ("query", "body"))
    return f"{where or 'the body'}: {error.get('msg', 'not valid')}"
