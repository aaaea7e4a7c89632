"""Studies: functions that ask a question and return the Runs that answer it."""

from __future__ import annotations

from collections.abc import Callable

from glyphfront.run import Run
from glyphfront.studies import source
from glyphfront.studies.glyphnet import shipped
from glyphfront.studies.quick import quick

SOURCE: dict[str, Callable[..., list[Run]]] = {
    study.__name__: study
    for study in (
        *(source.baselines, source.table7, source.table8, source.table9),
        *(source.table3, source.table4, source.table5, source.table6, source.table1, source.table2),
        *(source.candidates, source.resnet50, source.comparison, source.final),
    )
}
"""The source study, in the order in which its parts are worth their time; each part can be had at any scale."""

SEEDS = {**dict.fromkeys(SOURCE, 2), "baselines": 5, "table1": 1, "table2": 1, "final": 1}
"""How many trainings a row of each part of the source study is to have."""

FULL_ONLY = {"final"}
"""Parts that `study run source` leaves out at smaller scales: the final model is made and compared at full scale."""

STUDIES: dict[str, Callable[..., list[Run]]] = {"quick": quick, "shipped": shipped, **SOURCE}
"""Every study by name; `quick` and `shipped` take the name of a data set."""
