"""What goes wrong while a model trains, told in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from glyphfront.errors import GlyphfrontError
from glyphfront.run import Run
from glyphfront.training import distributed


class DivergedError(Exception):
    """Training leads nowhere; the message says by what that shows."""


@contextlib.contextmanager
def faults_in_one_line(run: Run) -> Iterator[None]:
    """Turn what torch raises for want of memory, or of a process, into a GlyphfrontError that says what to do."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            raise GlyphfrontError(
                f"{run.label}: out of memory at batch size {run.batch_size}; give a smaller --batch-size"
            ) from None
        if isinstance(error, RuntimeError) and distributed.is_loss_of_a_process(error):
            raise GlyphfrontError(
                f"{run.label}: another process of this training has ended or no longer answers; "
                f"the same command goes on from what was saved last ({str(error).strip().splitlines()[0]})"
            ) from error
        raise
