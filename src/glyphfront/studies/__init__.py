"""Studies: functions that ask a question and return the Runs that answer it."""

from __future__ import annotations

from collections.abc import Callable

from glyphfront.run import Run
from glyphfront.studies.glyphnet import shipped
from glyphfront.studies.quick import quick

STUDIES: dict[str, Callable[[str], list[Run]]] = {"quick": quick, "shipped": shipped}
