"""Files written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from glyphfront.errors import GlyphfrontError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a partial file, then move it to `path` in one step.

    Each call has a partial file of its own, so that several processes may write one path; the last one's stands.

    Raises:
        GlyphfrontError: the disk is full; what stood at `path` before still stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except Exception as error:  # torch and safetensors report a full disk in types of their own
        partial.unlink(missing_ok=True)
        number = getattr(error, "errno", None)
        full = number == errno.ENOSPC or "No space left" in str(error)
        # a read-only disk has no free space either, but says what keeps it from being written
        if full or (number is None and shutil.disk_usage(path.parent).free < 1 << 20):
            raise GlyphfrontError(
                f"{path}: the disk is full; free some space and give the same command again"
            ) from None
        raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically; raises as `write_atomically`."""
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))
