"""What torchrun says to each process that it starts, read without importing torch."""

from __future__ import annotations

import os

_NUMBERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
_NAMES = ("MASTER_ADDR", "MASTER_PORT")


def is_one_of_several() -> bool:
    """Whether torchrun, or what sets the same variables, started several processes and this is one of them."""
    numbered = all(os.environ.get(name, "").isdecimal() for name in _NUMBERS)
    return numbered and all(name in os.environ for name in _NAMES) and int(os.environ["WORLD_SIZE"]) > 1


def process_number() -> int:
    """From 0; 0 too where this is the only process."""
    return int(os.environ["RANK"]) if is_one_of_several() else 0
