"""Studies that are installed, and those in a file: found by name."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from glyphfront import records
from glyphfront.data import without_options
from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.scale import at_scale, with_seeds
from glyphfront.study import Study

GROUP = "glyphfront.studies"
"""The entry-point group through which packages offer their studies: callables that return a Study."""


def installed() -> dict[str, Callable[..., Study]]:
    """By name, what returns each installed study; those that take the name of a data set have a parameter `data`.

    A package that cannot be imported is left out, with a warning of one line.
    """
    found: dict[str, Callable[..., Study]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            found[entry.name] = entry.load()
        except (Exception, SystemExit) as error:  # of somebody else's package, whatever it is
            warnings.warn(f"study {entry.name}: {entry.value} cannot be imported ({_told(error)})", stacklevel=2)
    return found


def find(name: str, *, data: str | None = None, scale: str | None = None, seeds: int | None = None) -> Study:
    """The study called `name`, at a scale and with so many seeds.

    Args:
        name: an installed study, or ``my_study.py:FUNCTION``, a function in a file that returns a Study; with
            ``:PART`` after it, for one of its parts alone.
        data: a data set, for studies that take one; by default the study's own.
        scale: one of its scales, or full, the default.
        seeds: trainings of each row; by default as many as the study says.

    Returns:
        The study under its name. With :PART it is the whole study with that part alone, so that its results have the
        same place.

    Raises:
        GlyphfrontError: there is no such study, part, function or scale, or the file is faulty.
    """
    if seeds is not None and seeds < 1:
        raise GlyphfrontError(f"--seeds must be at least 1, got {seeds}")
    if in_file := re.fullmatch(r"((.+\.py)(?::([^:]*))?)(?::(.+))?", name):
        base, file, function, part = in_file.groups()
        make = _from_file(Path(file), function)
    else:
        base, _, part = name.partition(":")
        offered = installed()
        if base not in offered:
            raise GlyphfrontError(f"no study {base!r}; there are {', '.join(offered)}, or give FILE.py:FUNCTION")
        make = offered[base]
    study = replace(_call(make, base, data), name=base)
    if part:
        if part not in study.parts:
            has = f"it has {', '.join(study.parts)}" if study.parts else "it has none"
            raise GlyphfrontError(f"{study.name} has no part {part!r}; {has}")
        study = replace(study, parts={part: study.parts[part]})
    study = at_scale(study, scale or "full")
    return study if seeds is None else with_seeds(study, seeds)


def results_folder(study: Study, data: str | None = None) -> Path:
    """Where the results of a study lie by default: ``results/NAME``, with ``-DATA`` or ``-SCALE`` where that is open.

    Args:
        study: as `find` gives it.
        data: the data set that was asked for, if one was.
    """
    name = "-".join(Path(part).stem for part in study.name.rsplit(":", 1) if part)
    whole = find(study.name, data=data)  # a part that was asked for lies where the whole does
    scaled = whole.scales or any(part.scales for part in whole.parts.values())
    more = [short_name(data)] if data else []
    return Path("results") / "-".join([name, *more, *([study.scale] if scaled else [])])


def short_name(data: str) -> str:
    """What a folder is called after a data set: its own name, or that of the folder that it names."""
    data = without_options(data)
    path = data.removeprefix("folder:")
    return Path(path).name if path == data else Path(path).expanduser().resolve().name or "root"


def _call(function: Callable[..., Any], name: str, data: str | None) -> Study:
    takes_data = "data" in inspect.signature(function).parameters
    if data is not None and not takes_data:
        raise GlyphfrontError(f"{name} takes no data set: leave --data out")
    try:
        study = function(data=data) if data is not None else function()
    except GlyphfrontError:
        raise
    except (Exception, SystemExit) as error:  # of somebody else's function, whatever it is
        raise GlyphfrontError(f"{name} fails: {_told(error)}") from error
    if not isinstance(study, Study):
        raise GlyphfrontError(f"{name} must return a glyphfront.study.Study, not {type(study).__name__}")
    try:
        study = records.from_plain(Study, records.to_plain(study))  # lists become tuples, and whole numbers floats
    except ValueError as error:
        raise GlyphfrontError(f"{name}: {error}") from None
    _check_labels(study, name)
    return study


def _check_labels(study: Study, name: str) -> None:
    """Look whether all that a study and its parts say of rows is of rows that they have."""
    named = [("baseline", study.baseline)]
    named += [("baselines", label) for pair in study.baselines.items() for label in pair]
    named += [("claims", label) for claim in study.claims for label in (claim.row, claim.than)]
    named += [("pairs", label) for pair in study.pairs for label in (pair.published, pair.clean)]
    named += [("published", label) for label in study.published]
    named += [("seeds_of", label) for label in study.seeds_of]
    for what, label in named:
        if label is not None and label not in study.rows:
            near = _nearest(label, study.rows)
            advice = f"the nearest is {near!r}" if near else "it has none: say that of the part with the row"
            raise GlyphfrontError(f"{name}: {what}: {label!r} is none of its rows; {advice}")
    for claim in study.claims:
        if claim.row == claim.than:
            raise GlyphfrontError(f"{name}: claims: {claim.row!r} is compared with itself")
    pairs = [pair.name for pair in study.pairs]
    if twice := [pair for pair in pairs if pairs.count(pair) > 1]:
        raise GlyphfrontError(f"{name}: pairs: two are called {twice[0]!r}; give each a name of its own")
    for label in study.rows if study.seeds_of else ():
        seeds = study.seeds_for(label)
        needed = {key: other for other, run in study.rows.items() if (key := run.key) in study.rows[label].needs}
        for other in needed.values():
            if study.seeds_for(other) < seeds:
                raise GlyphfrontError(
                    f"{name}: seeds_of: {label!r} is trained {seeds} times and needs {other!r}, which is trained "
                    f"{study.seeds_for(other)} times: its trainings would not differ in that; give both as many"
                )
    for label, part in study.parts.items():
        _check_labels(part, f"{name}, part {label}")


def _nearest(label: str, rows: Iterable[str]) -> str | None:
    def likeness(row: str) -> float:
        return difflib.SequenceMatcher(None, label.casefold(), row.casefold()).ratio()

    return max(rows, key=likeness, default=None)


def _told(error: BaseException) -> str:
    """An exception in one line."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def _from_file(path: Path, function: str | None) -> Callable[..., Any]:
    if not function:
        raise GlyphfrontError(f"{path}: say which of its functions returns the study, such as {path}:widths")
    if not path.is_file():
        raise GlyphfrontError(f"{path}: no such file; a study of your own is FILE.py:FUNCTION")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if (folder := str(path.resolve().parent)) not in sys.path:  # what it imports may lie beside it
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the file does
        raise GlyphfrontError(f"{path}: cannot be read as Python: {_told(error)}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise GlyphfrontError(f"{path} has no function {function!r}")
    return found  # type: ignore[no-any-return]
