"""The service: pictures and digital ink in, characters out."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import cv2
import numpy as np
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from glyphfront import __version__
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.digital_ink import look_at_strokes
from glyphfront.picture.normalize import look
from glyphfront.picture.read import read, shortened
from glyphfront.records import to_plain
from glyphfront.result import Precision
from glyphfront.serve import schema
from glyphfront.serve.catalogue import Key, chosen, load_all
from glyphfront.serve.guard import Guard, RefusedError, check_picture, problem_of
from glyphfront.serve.metrics import Metrics
from glyphfront.serve.settings import Settings, from_environment
from glyphfront.serve.wanted import in_thread
from glyphfront.ship.fields import parse_fields
from glyphfront.ship.reader import draw_overlay, read_page
from glyphfront.ship.recognizer import Recognizer

PAGE = Path(__file__).parent / "page"
T = TypeVar("T")

Model = Annotated[str | None, Query(description="A name that /v1/models lists; by default the first.")]
Computing = Annotated[
    Precision | None,
    Query(description="What the model computes in; by default the first that /v1/models lists of its name."),
]
Alphabet = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="Characters there can be: digits, upper, lower, letters, 0-9A-F, any characters; + or a space "
        "joins several.",
        examples=["digits"],
    ),
]
Top = Annotated[int, Query(ge=1, le=10_000, description="How many guesses, at most.")]
Least = Annotated[float, Query(ge=0, le=1, description="Probability below which the answer is ?.")]
AnyOrientation = Annotated[bool, Query(description="The picture may be turned by quarters.")]
WithImage = Annotated[bool, Query(description="Also give the 28x28 that the model sees, as a data URL.")]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PICTURE = dict.fromkeys(("image/png", "image/jpeg", "application/octet-stream"), _BINARY)
_PICTURES = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"picture": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            "required": ["picture"],
        }
    }
}
_FAULTS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Fault, "description": what}
    for status, what in {
        400: "The body is no multipart, or is cut off",
        401: "The token is missing or wrong",
        403: "Called by a page from elsewhere, or by another name than this machine's",
        404: "There is no such model, or not in that precision",
        408: "The body came too slowly",
        413: "The body or a picture is too large, or there are too many pictures",
        422: "What is sent cannot be answered: a bad picture, alphabet or number",
        429: "Too many requests at once; Retry-After says when to try again",
        503: "The answer took too long",
    }.items()
}


class _InMemory(MultiPartParser):
    spool_max_size = 2**62  # bodies are limited already; no picture touches the disk


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; models are loaded when it starts.

    Args:
        settings: by default those that `settings.to_environment` told.
    """
    service = Service(settings or from_environment())
    app = FastAPI(
        title="glyphfront",
        version=__version__,
        description="Recognises pictures of handwritten characters. Pictures are neither kept nor logged.",
        lifespan=service.lifespan,
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guard, settings=service.settings, metrics=service.metrics)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    post: dict[str, Any] = {"methods": ["POST"], "responses": _FAULTS, "dependencies": [Depends(_known)]}
    app.add_api_route(
        "/v1/recognize",
        service.recognize,
        response_model=schema.Recognized | schema.Many,
        openapi_extra=_body({**_PICTURE, **_PICTURES}),
        **post,
    )
    app.add_api_route(
        "/v1/strokes",
        service.strokes,
        response_model=schema.Recognized,
        openapi_extra=_body({"application/json": {"schema": schema.Drawing.model_json_schema()}}),
        **post,
    )
    app.add_api_route("/v1/read", service.read, response_model=schema.PageRead, openapi_extra=_body(_PICTURE), **post)
    refusal: dict[int | str, dict[str, Any]] = {status: _FAULTS[status] for status in (401, 403, 429)}
    app.add_api_route("/v1/models", service.models, response_model=schema.Models, responses=refusal)
    app.add_api_route("/metrics", service.metrics_text, response_class=Response, responses=refusal)
    app.add_api_route("/healthz", service.health)
    app.add_api_route("/readyz", service.ready, responses={503: {"model": schema.Fault}})
    app.mount("/", _Page(directory=PAGE, html=True), name="page")
    return app


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


class Service:
    """Models at work, and what answers each path."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.recognizers: dict[Key, Recognizer] = {}
        self.described: list[schema.ModelServed] = []
        self.pool: ThreadPoolExecutor | None = None

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Load the models; at the end wait for what is being computed."""
        cv2.setNumThreads(1)
        names, ran = self.settings.model_names(), self.metrics.batch.observe
        self.recognizers, self.described = load_all(names, self.settings.gather_ms, ran)
        with ThreadPoolExecutor(self.settings.threads, "picture") as self.pool:
            yield
        self.pool = None

    async def recognize(
        self,
        request: Request,
        model: Model = None,
        precision: Computing = None,
        alphabet: Alphabet = None,
        top: Top = 5,
        least: Least = 0.0,
        any_orientation: AnyOrientation = False,
        image: WithImage = False,
    ) -> Response:
        """The character on a picture (the body), or on each of several (multipart files).

        One picture in the body gives its object, a bad one status 422. Files of a multipart body give `pictures`, in
        their order; a bad one has its fault in its place and the others are answered.
        """
        recognizer = self._recognizer(model, precision)
        recognizer.alphabet(alphabet)

        def one(name: str, content: bytes) -> schema.Recognized:
            began = time.perf_counter()
            check_picture(content, self.settings.pixels)
            seen, doubt = look(content)
            if any_orientation:
                seen = recognizer.upright(seen, alphabet)
            found = recognizer.answer_image(seen, doubt, top, alphabet, least=least)
            told = schema.recognized(name, found, recognizer.card, time.perf_counter() - began)
            if image:
                told["image"] = _data_url(seen)
            return told

        async def one_of_many(name: str, content: bytes) -> schema.Recognized | schema.Fault:
            try:
                return await self._in_thread(one, name, content)
            except GlyphfrontError as error:
                return schema.fault(error, name)

        if _is_form(request):
            files = await self._files(request)
            found = await asyncio.gather(*(one_of_many(*file) for file in files))
            return JSONResponse(schema.Many(schema=1, ok=True, pictures=found))
        return JSONResponse(await self._in_thread(one, "body", await _content(request)))

    async def strokes(
        self,
        request: Request,
        model: Model = None,
        precision: Computing = None,
        alphabet: Alphabet = None,
        top: Top = 5,
        least: Least = 0.0,
        image: WithImage = False,
    ) -> Response:
        """The character that a pen drew."""
        recognizer = self._recognizer(model, precision)
        recognizer.alphabet(alphabet)
        drawing = schema.Drawing.model_validate_json(await request.body())

        def one() -> schema.Recognized:
            began = time.perf_counter()
            seen, doubt = look_at_strokes(drawing.strokes, drawing.width)
            found = recognizer.answer_image(seen, doubt, top, alphabet, least=least)
            told = schema.recognized("strokes", found, recognizer.card, time.perf_counter() - began)
            if image:
                told["image"] = _data_url(seen)
            return told

        return JSONResponse(await self._in_thread(one))

    async def read(
        self,
        request: Request,
        model: Model = None,
        precision: Computing = None,
        alphabet: Alphabet = None,
        grid: Annotated[str | None, Query(description="Rows and columns, such as 9x9.")] = None,
        boxes: Annotated[bool, Query(description="A form with a box for each character.")] = False,
        fields: Annotated[str | None, Query(description="JSON of fields with alphabets of their own.")] = None,
        any_orientation: Annotated[bool, Query(description="The page may be turned by quarters.")] = False,
        overlay: Annotated[bool, Query(description="Also give the page with its boxes, as a data URL.")] = False,
    ) -> Response:
        """The text of a page of characters that stand apart: lines of words, cells of a grid, or boxes of a form."""
        recognizer = self._recognizer(model, precision)
        recognizer.alphabet(alphabet)
        cells, known = schema.grid_of(grid), parse_fields(fields) if fields is not None else ()
        content = await _content(request)

        def one() -> schema.PageRead:
            began = time.perf_counter()
            check_picture(content, self.settings.pixels)
            pixels = read(content)
            page = read_page(
                recognizer, pixels, alphabet, cells, boxes=boxes, fields=known, any_orientation=any_orientation
            )
            told: schema.PageRead = {
                "schema": 1,
                "ok": True,
                "picture": "body",
                "text": page.text,
                "lines": to_plain(page.lines),
                "note": page.note,
                "fields": to_plain(page.fields),
                "model": recognizer.card.name,
                "precision": recognizer.precision,
                "milliseconds": round((time.perf_counter() - began) * 1000, 3),
                "size": [pixels.shape[1], pixels.shape[0]],
            }
            if overlay:
                told["overlay"] = "data:image/png;base64," + base64.b64encode(draw_overlay(pixels, page)).decode()
            return told

        return JSONResponse(await self._in_thread(one))

    async def models(self) -> Response:
        """The models that answer here, the default first."""
        return JSONResponse(schema.Models(schema=1, ok=True, models=self.described))

    async def health(self) -> dict[str, bool]:
        """Whether the process answers at all."""
        return {"ok": True}

    async def ready(self) -> Response:
        """Whether the models are loaded."""
        if self.pool is None:
            return JSONResponse(schema.fault("the models are not loaded"), 503)
        return JSONResponse({"ok": True})

    async def metrics_text(self) -> Response:
        """Counts for Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    def _recognizer(self, name: str | None, precision: Precision | None) -> Recognizer:
        try:
            return chosen(self.recognizers, name, precision)
        except LookupError as error:
            raise RefusedError(404, str(error.args[0])) from None

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await in_thread(self.pool, work, *arguments)

    async def _files(self, request: Request) -> list[tuple[str, bytes]]:
        """Names and contents of the files of a multipart body."""
        most = self.settings.pictures
        try:
            form = await _InMemory(request.headers, request.stream(), max_files=most, max_fields=16).parse()
        except MultiPartException as error:
            too_many = error.message.startswith("Too many files")
            told = f"more than {most} pictures in one request; send several" if too_many else error.message
            raise RefusedError(413 if too_many else 400, told) from None
        files = []
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                raise GlyphfrontError(f"the field {shortened(name, 40)!r} is no file; options go into the URL")
            files.append((shortened(value.filename or name), await value.read()))
        if not files:
            raise GlyphfrontError("no picture in the form; send each as a file")
        return files


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/")


async def _known(request: Request) -> None:
    """Refuse options that a path does not have, or has twice: one would do nothing, and nobody would know."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if given.count(name) > 1:
            raise GlyphfrontError(f"the option {shortened(name, 40)!r} is in the URL twice; give it once")
        if name not in known:
            raise GlyphfrontError(f"no option {shortened(name, 40)!r} in the URL; choose from: {', '.join(known)}")


async def _content(request: Request) -> bytes:
    if _is_form(request):
        raise GlyphfrontError("the body is a form, which is not taken here; send the picture's bytes as the body")
    content = await request.body()
    if not content:
        raise GlyphfrontError("the body is empty; send a picture's bytes")
    return content


def _data_url(image: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


class _Page(StaticFiles):
    """The page, which may talk to nobody but this service."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As StaticFiles', with the headers that keep a page to itself."""
        response = super().file_response(*args, **kwargs)
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, RefusedError):
        return error.response()
    return JSONResponse(schema.fault(str(error)), 422)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    methods = {
        m for one in request.app.routes if isinstance(one, Route) and one.path == path for m in one.methods or ()
    }
    if error.status_code in (404, 405):  # the page stands below all paths, and knows GET and HEAD alone
        if methods:
            told = schema.fault(f"{path} is asked with {' or '.join(sorted(methods))}, not {request.method}")
            return JSONResponse(told, 405, {"Allow": ", ".join(sorted(methods))})
        told = schema.fault(f"no {request.method} at {shortened(path)}; /openapi.json lists what there is")
        return JSONResponse(told, 404)
    return JSONResponse(schema.fault(str(error.detail)), error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    return JSONResponse(schema.fault(problem_of(dict(error.errors()[0]))), 422)


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Any]] = {
    GlyphfrontError: _refused,
    HTTPException: _http,
    RequestValidationError: _invalid,
    ValidationError: _invalid,
}
