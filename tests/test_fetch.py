from __future__ import annotations

import gzip
import hashlib
import io
import struct
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from glyphfront.data import emnist, load
from glyphfront.data.download import fetch
from glyphfront.errors import GlyphfrontError


def _idx(magic: int, *shape: int) -> bytes:
    data = np.random.default_rng(magic).integers(0, 10, int(np.prod(shape)), np.uint8).tobytes()
    return gzip.compress(struct.pack(f">{1 + len(shape)}I", magic, *shape) + data, mtime=0)


FILES = {
    f"emnist-digits-{part}-{what}-ubyte.gz": data
    for part, count in (("train", 1000), ("test", 50))
    for what, data in (("images-idx3", _idx(0x803, count, 28, 28)), ("labels-idx1", _idx(0x801, count)))
}
LARGE = "emnist-digits-train-images-idx3-ubyte.gz"
SUMS = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in FILES.items()}


def _bundle() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(f"gzip/{name}", data)
    return packed.getvalue()


BUNDLE = _bundle()


class Server:
    """Serves the mirror under /mirror and the bundle at /gzip.zip; `faults` are what its next answers do instead."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []  # file name, Range header
        self.faults: dict[str, list[str]] = defaultdict(list)  # file name -> answers to come
        self.ended = threading.Event()
        self.waited_out = False  # whether a client bore a stall to its end
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rpartition("/")[2]
        wanted = request.headers["Range"]
        self.asked.append((name, wanted))
        fault = self.faults[name].pop(0) if self.faults[name] else ""
        data = BUNDLE if name == "gzip.zip" else FILES[name]
        if fault.isdigit():
            request.send_error(int(fault))
            return
        if fault == "wrong bytes":
            data = b"<html>sign in to the network</html>"
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and fault != "no ranges" else 0
        if start >= len(data):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(data)}")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        if fault in ("break off", "stall"):
            request.wfile.write(data[start : start + 150_000])
            if fault == "stall":
                self.waited_out = not self.ended.wait(20)
            return
        request.wfile.write(data[start:])

    def ranges(self, name: str) -> list[str | None]:
        return [wanted for file, wanted in self.asked if file == name]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=partial(server.http.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.ended.set()
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def get(server: Server, tmp_path: Path):
    """`fetch` of digits from the local server into tmp_path/emnist."""
    bundle = (f"{server.url}/gzip.zip", f"md5:{hashlib.md5(BUNDLE).hexdigest()}")
    sources = {"mirrors": (f"{server.url}/mirror",), "bundle": bundle, "official": SUMS}
    return partial(fetch, "digits", tmp_path / "emnist", **sources, timeout=5.0, pause=0.0)


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


MAPPING = {"emnist-digits-mapping.txt": "".join(f"{i} {48 + i}\r\n" for i in range(10)).encode()}


def test_large_file_is_large_enough_to_break_off_in_the_middle():
    assert len(FILES[LARGE]) > 250_000


def test_the_mirror_gives_the_files_and_nothing_else_is_left(get, server):
    assert held(get()) == FILES | MAPPING
    assert [name for name, _ in server.asked] == list(FILES)


def test_what_was_fetched_can_be_read(get, monkeypatch):
    monkeypatch.setattr(emnist, "OFFICIAL", SUMS)
    dataset = load("digits", "test", folder=get())
    assert (len(dataset), dataset.source) == (50, "official")


def test_files_that_are_there_are_not_asked_for_again(get, server):
    folder = get()
    (folder / LARGE).unlink()
    server.asked.clear()
    get()
    assert server.asked == [(LARGE, None)]


def test_nothing_is_asked_for_when_all_is_there(get, server):
    get()
    server.asked.clear()
    get()
    assert server.asked == []


def test_a_broken_download_goes_on_where_it_stopped(get, server):
    server.faults[LARGE] = ["break off"]
    assert held(get()) == FILES | MAPPING
    first, second = server.ranges(LARGE)
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 150_000


def test_a_stalled_download_times_out_and_goes_on(get, server):
    server.faults[LARGE] = ["stall"]
    assert held(get(timeout=1.0)) == FILES | MAPPING
    assert not server.waited_out
    assert server.ranges(LARGE)[1].startswith("bytes=")


def test_a_server_without_ranges_starts_again_from_the_first_byte(get, server):
    server.faults[LARGE] = ["break off", "no ranges"]
    assert held(get()) == FILES | MAPPING


def test_the_next_call_goes_on_where_the_last_one_gave_up(get, server, tmp_path):
    server.faults[LARGE] = ["break off", "503", "503", "503"]
    server.faults["gzip.zip"] = ["404"]
    with pytest.raises(GlyphfrontError, match="the same command goes on where it stopped"):
        get()
    assert LARGE not in held(tmp_path / "emnist")
    server.asked.clear()
    assert held(get()) == FILES | MAPPING
    assert server.ranges(LARGE)[0].startswith("bytes=")


def test_a_complete_partial_file_is_not_loaded_again(get, server, tmp_path):
    (tmp_path / "emnist").mkdir()
    (tmp_path / "emnist" / f"{LARGE}.partial").write_bytes(FILES[LARGE])
    assert held(get()) == FILES | MAPPING
    assert server.ranges(LARGE) == [f"bytes={len(FILES[LARGE])}-"]


def test_a_partial_file_longer_than_the_file_is_dropped(get, server, tmp_path):
    (tmp_path / "emnist").mkdir()
    (tmp_path / "emnist" / f"{LARGE}.partial").write_bytes(FILES[LARGE] + b"?")
    assert held(get()) == FILES | MAPPING
    assert server.ranges(LARGE) == [f"bytes={len(FILES[LARGE]) + 1}-", None]


@pytest.mark.parametrize("status", ["500", "503", "429"])
def test_trouble_of_the_server_is_tried_again(get, server, status):
    server.faults[LARGE] = [status, status]
    get()
    assert len(server.ranges(LARGE)) == 3
    assert server.ranges("gzip.zip") == []


def test_a_file_missing_at_the_mirror_is_asked_for_once_and_comes_from_the_bundle(get, server):
    server.faults[LARGE] = ["404"]
    assert held(get()) == FILES | MAPPING | {"gzip.zip": BUNDLE}
    assert len(server.ranges(LARGE)) == 1


def test_wrong_bytes_from_the_mirror_send_to_the_bundle(get, server):
    server.faults[LARGE] = ["wrong bytes"]
    assert held(get())[LARGE] == FILES[LARGE]


def test_a_second_mirror_is_asked_before_the_bundle(get, server):
    server.faults[LARGE] = ["404"]
    assert held(get(mirrors=(f"{server.url}/mirror", f"{server.url}/other"))) == FILES | MAPPING


def test_the_bundle_that_was_kept_is_not_loaded_twice(get, server):
    server.faults[LARGE] = ["404", "404"]
    (get() / LARGE).unlink()
    assert held(get())[LARGE] == FILES[LARGE]
    assert len(server.ranges("gzip.zip")) == 1


def test_a_bundle_that_breaks_off_goes_on(get, server):
    server.faults["gzip.zip"] = ["break off"]
    assert held(get(mirrors=())) == FILES | MAPPING | {"gzip.zip": BUNDLE}
    assert server.ranges("gzip.zip")[1].startswith("bytes=")


def test_wrong_bytes_everywhere_leave_nothing_and_are_named_in_one_line(get, server, tmp_path):
    first = next(iter(FILES))
    server.faults[first] = server.faults["gzip.zip"] = ["wrong bytes"] * 2
    with pytest.raises(GlyphfrontError) as caught:
        get()
    assert str(caught.value).count("wrong bytes (the checksum differs)") == 2
    assert f"{server.url}/mirror/{first}: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert held(tmp_path / "emnist") == {}


def test_a_bundle_whose_file_is_another_is_refused(get, server, tmp_path):
    sums = SUMS | {LARGE: ("0" * 64, 1)}
    with pytest.raises(GlyphfrontError, match=f"{LARGE} in it has the wrong sha256"):
        get(mirrors=(), official=sums)
    assert held(tmp_path / "emnist").keys() == {"gzip.zip"}


def test_offline_one_line_names_both_sources_and_both_ways_out(get, server):
    server.http.server_close()  # its port refuses from here on
    with pytest.raises(GlyphfrontError) as caught:
        get(timeout=0.5)
    message = str(caught.value)
    assert message.count("no connection") == 2
    assert "\n" not in message
    assert "GLYPHFRONT_DATA" in message


def test_a_file_of_another_origin_is_neither_used_nor_overwritten(get, server, tmp_path):
    mine = tmp_path / "emnist" / LARGE
    mine.parent.mkdir()
    mine.write_bytes(b"my own")
    with pytest.raises(GlyphfrontError, match="not the official file; move it away"):
        get()
    assert (mine.read_bytes(), server.asked) == (b"my own", [])


def test_files_under_gzip_are_completed_there(get, tmp_path):
    inner = tmp_path / "emnist" / "gzip"
    inner.mkdir(parents=True)
    (inner / LARGE).write_bytes(FILES[LARGE])
    assert get() == inner
    assert held(inner) == FILES | MAPPING


def test_files_go_where_they_will_be_looked_for(get, tmp_path, monkeypatch):
    monkeypatch.setenv("GLYPHFRONT_DATA", str(tmp_path / "named"))
    assert fetch("digits", **get.keywords) == tmp_path / "named"


def test_an_unknown_split_is_answered_with_the_names():
    with pytest.raises(GlyphfrontError, match=r"no split 'strokes'; it has balanced, bymerge"):
        fetch("strokes")


def test_a_folder_that_cannot_be_made_is_one_line(get, tmp_path):
    (tmp_path / "emnist").write_text("a file in the way")
    with pytest.raises(GlyphfrontError, match=f"{tmp_path / 'emnist'}: cannot be written"):
        get()
