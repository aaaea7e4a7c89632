"""Run every benchmark, one after another, and say how each ended: `make bench`.

Usage: python benchmarks/run_all.py      on a machine that does nothing else; each also runs by itself
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from record import NEEDS_DATA

HERE = Path(__file__).parent
BENCHMARKS = (
    "strokes",
    "reading",
    "forms",
    "recognize",
    "serve",
    "activations",
    "memory",
    "cascade",
    "training",
    "scaling",
)


def main() -> int:
    ends = {}
    for name in BENCHMARKS:
        print(f"--- {name}", flush=True)
        began = time.perf_counter()
        status = subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode
        seconds = time.perf_counter() - began
        ends[name] = {0: "done", NEEDS_DATA: "needs data that is not here"}.get(status, f"failed with status {status}")
        ends[name] += f", {seconds:.0f} s"
    print("---")
    for name, end in ends.items():
        print(f"{name:<12}{end}")
    return int(any("failed" in end for end in ends.values()))


if __name__ == "__main__":
    sys.exit(main())
