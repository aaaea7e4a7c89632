"""What HTTP costs beside the bare recogniser, and how answers fare under load.

Usage: python benchmarks/serve.py      some 3 minutes on a machine that does nothing else
"""

from __future__ import annotations

import http.client
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import cv2
import numpy as np
import psutil
from PIL import Image, ImageDraw

from record import save

SECONDS, ROUNDS, CONNECTIONS = 5.0, 300, (1, 4, 16, 64)
MANY, AT_ONCE = 10_000, 64
SEVEN, TWO = [(60, 60), (180, 60), (110, 210)], [(70, 90), (140, 45), (170, 100), (70, 205), (185, 205)]
PATH = "/v1/recognize?alphabet=digits&model=glyphnet-s&precision=fp32"


def picture(points: list[tuple[int, int]] = SEVEN) -> bytes:
    page = Image.new("L", (260, 260), 245)
    ImageDraw.Draw(page).line(points, fill=20, width=18)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def milliseconds(call: Callable[[], object], seconds: float) -> list[float]:
    """Of each of the calls that fit into `seconds`; one at least."""
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while not times or time.perf_counter() < ends:
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return times


def once(call: Callable[[], object]) -> list[float]:
    return milliseconds(call, 0.0)


def caller(address: str, method: str, path: str, body: bytes | None) -> Callable[[], dict[str, object]]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)

    def call() -> dict[str, object]:
        connection.request(method, path, body)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {told}")
        return dict(told)

    return call


def lost_and_mixed(address: str) -> tuple[int, int]:
    """Of `MANY` requests with two pictures in turns: those without an answer, and those with the other's."""
    sent = {"7": picture(), "2": picture(TWO)}
    answered: list[tuple[str, object]] = []

    def ask(number: int) -> None:
        calls = {name: caller(address, "POST", PATH, body) for name, body in sent.items()}
        for k in range(number, MANY, AT_ONCE):
            name = "72"[k // AT_ONCE % 2 ^ number % 2]
            answered.append((name, calls[name]()["character"]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return MANY - len(answered), sum(name != character for name, character in answered)


def cpu_milliseconds(call: Callable[[], object], other: int) -> tuple[float, float]:
    """CPU time of a call in this process, and in another one (and what it started)."""
    process = psutil.Process(other)
    processes = [process, *process.children(recursive=True)]

    def used() -> float:
        return sum(one.cpu_times().user + one.cpu_times().system for one in processes)

    here, there = time.process_time(), used()
    for _ in range(ROUNDS):
        call()
    return 1000 * (time.process_time() - here) / ROUNDS, 1000 * (used() - there) / ROUNDS


def under_load(address: str, connections: int) -> tuple[float, list[float]]:
    """Requests a second, and milliseconds of each."""
    times: list[list[float]] = [[] for _ in range(connections)]

    def ask(number: int) -> None:
        times[number] = milliseconds(caller(address, "POST", PATH, picture()), SECONDS)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [one for part in times for one in part]
    return len(every) / (time.perf_counter() - began), every


def measured(*flags: str, many: bool = False) -> dict[str, object]:
    from glyphfront.ship.recognizer import load

    command = [sys.executable, "-m", "glyphfront", "serve", "--port", "0", "--models", "glyphnet-s", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1].rstrip("/")
        milliseconds(caller(address, "POST", PATH, picture()), 0.5)
        cv2.setNumThreads(1)  # as in a worker
        recognizer, content = load("glyphnet-s", precision="fp32"), picture()
        ways = {
            "bare": lambda: recognizer.answer(content, 5, "digits"),
            "service": caller(address, "POST", PATH, content),
            "health": caller(address, "GET", "/healthz", None),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets all
            for name, way in ways.items():
                times[name] += once(way)
        cpu = {name: cpu_milliseconds(way, process.pid) for name, way in list(ways.items())[:2]}
        loads = [under_load(address, connections) for connections in CONNECTIONS]
        counts = dict(zip(("lost", "mixed_up"), lost_and_mixed(address), strict=True)) if many else {}
        memory = psutil.Process(process.pid).memory_info().rss / 2**20
    finally:
        process.terminate()
        process.wait()
    return {
        **{f"{name}_p10_ms": float(np.percentile(one, 10)) for name, one in times.items()},
        **{f"{name}_p50_ms": float(np.median(one)) for name, one in times.items()},
        "bare_cpu_ms": cpu["bare"][0],
        "service_cpu_ms": cpu["service"][1],
        "overhead_p10_ms": float(np.percentile(times["service"], 10) - np.percentile(times["bare"], 10)),
        "overhead_p50_ms": float(np.median(times["service"]) - np.median(times["bare"])),
        "requests_per_second": [rate for rate, _ in loads],
        "p50_ms": [float(np.percentile(times, 50)) for _, times in loads],
        "p99_ms": [float(np.percentile(times, 99)) for _, times in loads],
        **counts,
        **({} if "--workers" in flags else {"worker_mib": memory}),
    }


def main() -> None:
    figures: dict[str, object] = {"model": "glyphnet-s", "connections": list(CONNECTIONS)}
    for name, flags in {"": (), "gather2_": ("--gather-ms", "2"), "workers2_": ("--workers", "2")}.items():
        figures |= {f"{name}{key}": value for key, value in measured(*flags, many=not flags).items()}
    how = (
        "one worker with four threads, a PNG of 260x260 pixels in each request, callers on the same cores; bare "
        "(Recognizer.answer of the same bytes in the caller's process), service and /healthz call by call in turn, "
        f"{ROUNDS} rounds, the tenth percentile beside the median because it tells other work on the machine, and CPU "
        f"time a picture; overhead is service less bare; then {SECONDS:g} s with each number of connections; lost and "
        f"mixed_up: of {MANY:,} requests over {AT_ONCE} connections; gather2: batches wait 2 ms; workers2: two workers"
    )
    save("serve", figures, how=how, repeats=ROUNDS, libraries=("numpy", "onnxruntime"))


if __name__ == "__main__":
    main()
