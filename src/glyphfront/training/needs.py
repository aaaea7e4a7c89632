"""On which images the Runs that a Run needs were trained: with them trained on others, it is another training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glyphfront.result import Trained, images_behind, load_trained
from glyphfront.run import Run


def images_of_needs(run: Run, runs_dir: Path) -> tuple[str, ...]:
    """`images_behind` each Run that `run` needs, in their order; empty of one that is not trained here.

    Args:
        run: what is to be trained.
        runs_dir: holds the folders of the Runs.
    """
    return tuple(images_behind(one.data, one.needed_images) if one else "" for one in _trained_needs(run, runs_dir))


def differ(now: Sequence[str], before: Sequence[str]) -> bool:
    """Whether what `images_of_needs` gives has changed, as far as both are known."""
    return any(a and b and a != b for a, b in zip(now, before, strict=True))


def needs_changed(run: Run, noted: Sequence[str] | None, runs_dir: Path) -> bool:
    """Whether a Run that `run` needs has been trained on other images since.

    Args:
        run: what was trained, or begun.
        noted: `Trained.needed_images` of that.
        runs_dir: holds the folders of the Runs.
    """
    if noted is None:  # by an older version: a need that has a note was trained later
        return any(one is not None and one.needed_images is not None for one in _trained_needs(run, runs_dir))
    return differ(images_of_needs(run, runs_dir), noted)


def _trained_needs(run: Run, runs_dir: Path) -> list[Trained | None]:
    paths = [runs_dir / key / "trained.json" for key in run.needs]
    return [load_trained(path) if path.exists() else None for path in paths]
