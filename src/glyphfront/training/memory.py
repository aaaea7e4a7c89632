"""What the process does with memory that a step has freed."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)
_LARGEST = 2**28  # bytes: greater blocks, such as a data set, still go back at once


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, so that the next step does not ask the system for it again.

    glibc gives large blocks back when they are freed, and every page of the next one is a fault that zeroes it: a step
    frees and takes tens of megabytes. No number changes; the process stays as large as it was at its largest. Other C
    libraries are left as they are.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # no glibc
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_MMAP_THRESHOLD, _LARGEST)
            mallopt(_TRIM_THRESHOLD, 2**31 - 1)
