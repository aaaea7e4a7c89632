from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import ctypes
import resource
from glyphfront.training.memory import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
if {kept}:
    keep_freed_memory()
def step():
    size = 40_000_000  # more than glibc ever keeps by itself
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that gives memory back")
def test_kept_memory_costs_no_page_faults() -> None:
    def faults(kept: bool) -> int:
        done = subprocess.run([sys.executable, "-c", FAULTS.format(kept=kept)], capture_output=True, text=True)
        return int(done.stdout)

    assert faults(kept=True) < faults(kept=False) / 10
