"""The verb that looks for a net within a budget of time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from glyphfront.cli.answer import DataDir, RunsDir
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Precision


def search(
    budget_us: float | None = None,
    budget_ratio: float | None = None,
    data: str = "strokes",
    hours: float = 2.0,
    epochs: int = 9,
    precision: Precision = "int8",
    bf16: bool = False,
    runs_dir: RunsDir = Path("runs"),
    out: Path | None = None,
    data_dir: DataDir = None,
    latency_seconds: float = 1.0,
    compile: bool = False,
) -> None:
    """Look for the most accurate net within a budget of time: propose, time, train what fits, report.

    A net is timed on this machine before it is trained. Interrupted, the same command goes on; with more hours it
    looks further. What is timed on a busy machine is too slow.

    Example: glyphfront search --budget-us 60 --data balanced --hours 2

    Args:
        budget_us: most microseconds for one image (p50), on this machine.
        budget_ratio: most time for one image, as a multiple of the reference model's; instead of budget-us.
        data: what to train and test on.
        hours: of training, about.
        epochs: of the nets that are trained to the end; others stop at a ninth or a third of them.
        precision: of the file that has to be within the budget.
        bf16: train in bfloat16; see glyphfront train --precision.
        runs_dir: the runs' files go to folders here.
        out: folder for the search's journal, result files and report; by default results/search-DATA-BUDGET.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each turn of the final latency measurement lasts.
        compile: compile every model before it is trained; see glyphfront train.
    """
    from glyphfront.pipeline.keep import check_place
    from glyphfront.pipeline.search import Budget
    from glyphfront.pipeline.search import search as look
    from glyphfront.report.page import write_report
    from glyphfront.ship.card import FILES
    from glyphfront.studies import short_name
    from glyphfront.studies.quick import for_data
    from glyphfront.study import Study

    if epochs < 1:
        raise GlyphfrontError(f"--epochs must be at least 1, got {epochs}")
    if not 0 < latency_seconds < math.inf:
        raise GlyphfrontError(f"--latency-seconds must be above 0, got {latency_seconds:g}")
    base = replace(for_data(data), epochs=epochs, precision="bf16" if bf16 else None)
    limit = f"{budget_us:g}us" if budget_us is not None else f"{budget_ratio or 0:g}x"
    place = out or Path("results") / f"search-{short_name(data)}-{limit}-{precision}"
    if out is None:
        check_place(Study("", name="search", rows={"base": base}), place)
    found = look(
        base,
        Budget(budget_us, budget_ratio),
        hours=hours,
        precision=precision,
        runs_dir=runs_dir,
        out=place,
        data_dir=data_dir,
        latency_seconds=latency_seconds,
        compile=compile,
    )
    print(write_report(place))
    print(found.sentence)
    print(f"To use it: glyphfront recognize PICTURE --model {runs_dir / found.file.result.key / FILES[precision]}")
