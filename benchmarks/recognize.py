"""What a user of the recogniser waits for: cold start, memory, and many images at once.

Usage: python benchmarks/recognize.py [MODEL]      MODEL: a shipped name, or an .onnx with its card
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw

COLD_STARTS, REPEATS, IMAGES = 11, 7, 10_000


def cold_start(model: str) -> dict[str, float]:
    """Seconds (median), CPU seconds (mean) and MiB (highest) of `python -m glyphfront recognize one.png`.

    Linux counts what the parent holds when it starts a child to the child's peak, so the parent imports little here.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "one.png"
        page = Image.new("L", (90, 120), 255)
        ImageDraw.Draw(page).line([(30, 20), (30, 90), (65, 90)], fill=0, width=8)
        page.save(picture)
        command = [sys.executable, "-m", "glyphfront", "recognize", str(picture), "--model", model]
        seconds = []
        for _ in range(COLD_STARTS):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - began)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cold_start_seconds": statistics.median(seconds),
        "cold_start_cpu_seconds": (used.ru_utime + used.ru_stime) / COLD_STARTS,
        "peak_rss_mib": used.ru_maxrss / 1024,
    }


def many_images(model: str) -> dict[str, float]:
    """Seconds of `probabilities` over those of a bare session with one thread: in the same batches, and in one run."""
    import numpy as np
    import onnxruntime as ort

    from glyphfront.ship.recognizer import BATCH, find, load

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(find(model), options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    recognizer = load(model)
    ways = {
        "probabilities": lambda: recognizer.probabilities(images),
        "batches": lambda: [session.run(None, {"image": images[i : i + BATCH]}) for i in range(0, IMAGES, BATCH)],
        "one_run": lambda: session.run(None, {"image": images}),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):  # in turn, so that whatever else the machine does meets all
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "probabilities_seconds": median["probabilities"],
        "ratio_to_bare_batches": median["probabilities"] / median["batches"],
        "ratio_to_one_bare_run": median["probabilities"] / median["one_run"],
    }


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "glyphnet-s"
    figures: dict[str, object] = {"model": Path(model).stem, **cold_start(model), **many_images(model)}

    from record import save  # late: see cold_start

    how = (
        f"cold start: {COLD_STARTS} starts of `python -m glyphfront recognize one.png`, median seconds, mean CPU "
        f"seconds, highest memory; {IMAGES:,} images: medians of rounds in which each way has its turn, on one thread"
    )
    save("recognize", figures, how=how, repeats=REPEATS, libraries=("numpy", "onnxruntime"))


if __name__ == "__main__":
    main()
