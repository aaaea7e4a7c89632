"""What glyphfront serve refuses, each with its status and one line, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from PIL import Image

from command_lines import fails

pytest.importorskip("fastapi")
import psutil
import requests

from glyphfront import load
from serving import encoded, picture, served

LIMITS = ("--most-bytes", "200000", "--most-pixels", "1000000", "--most-pictures", "3", "--most-requests", "2")


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served(*LIMITS, "--most-seconds", "8") as (address, _):
        yield address


def refused(answer: requests.Response, status: int) -> str:
    """The one line of a refusal, once its form is checked."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert (told["schema"], told["ok"]) == (1, False)
    assert "\n" not in told["error"]
    return str(told["error"])


def bomb(wide: int, tall: int) -> bytes:
    """A PNG that says it is large and is small."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, tall, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def connection(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def begin_request(open_: socket.socket, length: int) -> None:
    """Send a request without its body, and wait until the service asks for that."""
    head = "POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n"
    open_.sendall(head.format(length).encode())
    told = b""
    while not told.endswith(b"\r\n\r\n"):
        told += open_.recv(1)
    assert told.startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("top=0", "top"),
        ("least=2", "least"),
        ("least=nan", "least"),
        ("alphabet=%E2%82%AC", "cannot write"),
        ("alphabet=", "empty"),
        ("any_orientation=perhaps", "any_orientation"),
        ("precision=fp16", "precision"),
        ("alphabet=+", "empty"),
        ("topp=3", "choose from: model, precision, alphabet, top"),
        ("grid=9x9", "no option 'grid'"),
        ("alphabet=a&alphabet=b", "'alphabet' is in the URL twice"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(service: str, query: str, part: str) -> None:
    assert part in refused(requests.post(f"{service}/v1/recognize?{query}", data=picture("7")), 422)


@pytest.mark.parametrize(
    "body",
    [b"", b"no picture", picture("7")[:200], b"%PDF-1.4", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
    ids=["empty", "text", "truncated", "pdf", "postscript"],
)
def test_a_body_that_is_no_picture_is_422(service: str, body: bytes) -> None:
    refused(requests.post(f"{service}/v1/recognize", data=body), 422)


def test_a_blank_picture_is_422(service: str) -> None:
    assert "empty" in refused(
        requests.post(f"{service}/v1/recognize", data=encoded(Image.new("L", (90, 90), 255))), 422
    )


@pytest.mark.parametrize("side", [1001, 30_000, 1_000_000])
@pytest.mark.parametrize("path", ["recognize", "read"])
def test_a_picture_of_too_many_pixels_is_413_however_small_its_file(service: str, side: int, path: str) -> None:
    assert "pixels" in refused(requests.post(f"{service}/v1/{path}", data=bomb(side, side)), 413)


def test_a_body_above_the_limit_is_413_with_or_without_its_length(service: str) -> None:
    assert "200,000 bytes" in refused(requests.post(f"{service}/v1/recognize", data=bytes(200_001)), 413)
    pieces = (bytes(50_000) for _ in range(5))
    assert "200,000 bytes" in refused(requests.post(f"{service}/v1/recognize", data=pieces), 413)


def test_more_files_than_allowed_are_413(service: str) -> None:
    files = [("picture", (f"{k}.png", picture("1"))) for k in range(4)]
    assert "more than 3 pictures" in refused(requests.post(f"{service}/v1/recognize", files=files), 413)


@pytest.mark.parametrize(
    "body", [b"", b"--b\r\n", b"--b\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\nx"]
)
def test_a_form_that_is_cut_off_is_refused(service: str, body: bytes) -> None:
    answer = requests.post(
        f"{service}/v1/recognize", data=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code in (400, 422)
    refused(answer, answer.status_code)


def test_a_form_without_a_boundary_is_400(service: str) -> None:
    refused(requests.post(f"{service}/v1/recognize", data=b"x", headers={"Content-Type": "multipart/form-data"}), 400)


def test_a_form_is_refused_where_one_picture_is_the_body(service: str) -> None:
    answer = requests.post(f"{service}/v1/read", files={"file": picture("7")})
    assert "send the picture's bytes as the body" in refused(answer, 422)


def test_a_field_that_is_no_file_is_422(service: str) -> None:
    answer = requests.post(f"{service}/v1/recognize", files={"p": ("a", picture("7"))}, data={"alphabet": "digits"})
    assert "options go into the URL" in refused(answer, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"strokes": []}',
        b'{"strokes": [[[1]]]}',
        b'{"strokes": [[[1e10, 0]]]}',
        b'{"strokes": [[[NaN, 0]]]}',
        b'{"strokes": [[["10", 10], [90, 10]]]}',
        b'{"strokes": [[[true, 10], [90, 10]]]}',
        b'{"strokes": [[[1, 2]]], "width": 0}',
        b'{"strokes": ' + b"[" * 5000,
    ],
    ids=range(12),
)
def test_strokes_that_are_none_are_422(service: str, body: bytes) -> None:
    refused(requests.post(f"{service}/v1/strokes", data=body), 422)


@pytest.mark.parametrize("grid", ["0x9", "9", "9X9", "9x9x9", "100000x1", "999x999", "51x1"])
def test_a_grid_that_is_none_is_422(service: str, grid: str) -> None:
    assert "rows and columns" in refused(requests.post(f"{service}/v1/read?grid={grid}", data=picture("7")), 422)


def test_an_unknown_model_is_404_and_the_known_are_named(service: str) -> None:
    assert "glyphnet-s" in refused(requests.post(f"{service}/v1/recognize?model=nix", data=picture("7")), 404)


def test_a_precision_that_a_model_is_not_served_in_is_404_and_the_others_are_named() -> None:
    file = load("glyphnet-s", precision="fp32").path
    with served("--models", str(file)) as (address, _):
        told = refused(requests.post(f"{address}/v1/recognize?precision=int8", data=picture("7")), 404)
    assert told == "glyphnet-s is not here in int8; choose from: fp32"


def test_a_slow_client_is_408_and_others_are_answered_meanwhile(service: str) -> None:
    with connection(service) as slow:
        slow.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
        assert requests.post(f"{service}/v1/recognize", data=picture("7")).status_code == 200
        answer = http.client.HTTPResponse(slow)
        answer.begin()
        assert answer.status == 408
        assert "took longer than 8 s" in json.loads(answer.read())["error"]


def test_requests_beyond_those_at_once_are_429_and_say_when_to_try_again(service: str) -> None:
    with connection(service) as one, connection(service) as two:
        begin_request(one, 100)
        begin_request(two, 100)
        answer = requests.post(f"{service}/v1/recognize", data=picture("7"))
        assert int(answer.headers["Retry-After"]) >= 1
        refused(answer, 429)
    deadline = time.monotonic() + 30  # until the service knows that both have gone
    while requests.post(f"{service}/v1/recognize", data=picture("7")).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_bytes_that_are_no_http_do_not_stop_the_service(service: str) -> None:
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"POST /v1/recognize HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        with connection(service) as other:
            other.sendall(rubbish)
    assert requests.post(f"{service}/v1/recognize", data=picture("7")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},  # a page that sends a form to this machine
        {"Origin": "null"},
        {"Host": "elsewhere.example"},  # a page whose own name leads to this machine
        {"Host": "127.0.0.1.elsewhere.example:8000", "Origin": "http://127.0.0.1.elsewhere.example:8000"},
        {"Host": "["},
    ],
)
def test_pages_from_elsewhere_are_403_where_this_machine_alone_is_answered(
    service: str, headers: dict[str, str]
) -> None:
    told = refused(requests.post(f"{service}/v1/recognize", data=picture("7"), headers=headers), 403)
    assert "--token, or --no-token" in told


def test_this_machine_is_answered_by_each_of_its_names(service: str) -> None:
    for name in ("127.0.0.1", "localhost:9000", "[::1]:9000"):
        headers = {"Host": name, "Origin": f"http://{name}"}
        assert requests.post(f"{service}/v1/recognize", data=picture("7"), headers=headers).ok


def test_whoever_answers_everybody_answers_pages_from_elsewhere() -> None:
    elsewhere = {"Host": "glyphs.example", "Origin": "https://glyphs.example"}
    with served("--no-token") as (address, _):
        assert requests.post(f"{address}/v1/recognize", data=picture("7"), headers=elsewhere).ok


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_another_method_is_405_and_the_right_one_is_named(service: str, method: str) -> None:
    answer = requests.request(method, f"{service}/v1/recognize")
    assert "POST" in refused(answer, 405)
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/recognise"), ("POST", "/v1/recognize/"), ("POST", "/"), ("GET", "/v1/nothing")]
)
def test_a_path_that_is_not_there_is_404_and_says_where_all_are_listed(service: str, method: str, path: str) -> None:
    told = refused(requests.request(method, service + path), 404)
    assert told == f"no {method} at {path}; /openapi.json lists what there is"


def test_a_token_is_asked_for_where_there_is_one_and_the_page_is_open() -> None:
    with served("--token", "abc") as (address, _):
        assert requests.get(f"{address}/").status_code == requests.get(f"{address}/healthz").status_code == 200
        for headers in ({}, {"Authorization": "Bearer abd"}, {"Authorization": "Basic abc"}):
            assert "token" in refused(requests.post(f"{address}/v1/recognize", headers=headers, data=picture("7")), 401)
            refused(requests.get(f"{address}/metrics", headers=headers), 401)
        right = {"Authorization": "Bearer abc"}
        assert requests.post(f"{address}/v1/recognize", headers=right, data=picture("7")).status_code == 200


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (("--host", "0.0.0.0"), "--token"),
        (("--port", "99999"), "cannot listen"),
        (("--workers", "0"), "--workers"),
        (("--most-pixels", "0"), "pixels must be above 0"),
        (("--models", "nix"), "nix"),
        (("--token", "a b"), "without spaces"),
    ],
)
def test_a_service_that_cannot_be_started_says_so_in_one_line(
    flags: tuple[str, ...], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in fails(capsys, "serve", *flags)


def test_what_was_accepted_is_answered_after_a_signal_to_end() -> None:
    with served() as (address, process), connection(address) as open_:
        body = picture("7")
        begin_request(open_, len(body))
        process.send_signal(signal.SIGTERM)
        open_.sendall(body)
        answer = http.client.HTTPResponse(open_)
        answer.begin()
        assert answer.status == 200
        assert json.loads(answer.read())["character"] == "7"
        process.wait(30)


def test_a_killed_worker_loses_no_more_than_what_it_was_answering_and_is_replaced() -> None:
    with served("--workers", "2") as (address, process):
        requests.post(f"{address}/v1/recognize", data=picture("7"))
        before = {child.pid for child in workers_of(process.pid)}
        wrong, lost = [], []

        def ask() -> None:
            for _ in range(40):
                try:
                    told = requests.post(f"{address}/v1/recognize?alphabet=7L", data=picture("L")).json()
                    wrong.extend([told] if told.get("character") != "L" else [])
                except requests.ConnectionError as error:
                    lost.append(error)

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        os.kill(min(before), signal.SIGKILL)
        for asker in askers:
            asker.join()
        assert not wrong
        assert len(lost) <= len(askers)
        deadline = time.monotonic() + 60
        while len(after := {child.pid for child in workers_of(process.pid)}) < 2 or min(before) in after:
            assert time.monotonic() < deadline, "the worker is not replaced"
            time.sleep(0.2)
        assert requests.post(f"{address}/v1/recognize", data=picture("7")).json()["ok"]


def test_workers_end_with_the_process_that_started_them() -> None:
    with served("--workers", "2") as (address, process):
        requests.get(f"{address}/readyz")
        children = workers_of(process.pid)
        process.kill()
        gone, alive = psutil.wait_procs(children, timeout=60)
        assert (len(gone), alive) == (2, [])


def workers_of(parent: int) -> list[psutil.Process]:
    """Processes that answer, which Python's own helper for semaphores does not."""
    found = []
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.parametrize("path", ["recognize", "read"])
@pytest.mark.parametrize(("kind", "options"), [("TIFF", {"compression": "tiff_deflate"}), ("GIF", {})])
def test_a_picture_of_several_pages_is_refused_as_only_one_would_be_answered(
    service: str, path: str, kind: str, options: dict[str, str]
) -> None:
    buffer = io.BytesIO()
    first, second = Image.open(io.BytesIO(picture("7"))), Image.open(io.BytesIO(picture("4")))
    first.save(buffer, kind, save_all=True, append_images=[second], **options)
    assert "several pages" in refused(requests.post(f"{service}/v1/{path}", data=buffer.getvalue()), 422)
    assert requests.post(f"{service}/v1/{path}", data=encoded(first, kind)).status_code == 200
