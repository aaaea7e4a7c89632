from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from glyphfront.training.memory import keep_freed_memory
torch.set_num_threads(1)
if {kept}:
    keep_freed_memory()
def step():
    torch.full((10_000_000,), 1.0)  # 40 MB, more than glibc ever keeps by itself
for _ in range(3):
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

    assert faults(kept=True) < faults(kept=False) / 2
