"""The source study: a student's search for a network for EMNIST, repeated; a guest of glyphfront.

Nothing in glyphfront knows of it: it is found through the entry-point groups `glyphfront.studies` and
`glyphfront.pages`, as anybody's study would be.
"""

from __future__ import annotations

from emnist_study.tables import study

__all__ = ["study"]
