"""Verbs that read results: the page, comparisons, the pick for a budget."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from glyphfront.cli.answer import Json, RunsDir, print_json, show_table
from glyphfront.errors import GlyphfrontError

if TYPE_CHECKING:
    from glyphfront.measure.compare import Row


def report(
    folder: Positional[Path],
    title: str | None = None,
    budget_us: float | None = None,
    readme: Path | None = None,
    json: Json = False,
) -> None:
    """Write report.html and report.md from the result files of a study.

    Example: glyphfront report results/quick-balanced

    Args:
        folder: holds result files, or a folder of them for each part; receives the report.
        title: of the page; by default made from the study's name.
        budget_us: microseconds for one image that the pick on top of the page has to keep to.
        readme: also put the study's table or findings between the marks of this file.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.report.page import write_report

    page = write_report(folder, title=title, budget_us=budget_us, readme=readme)
    if json:
        print_json(html=page, markdown=page.with_suffix(".md"))
    else:
        print(page)


def compare(paths: Positional[tuple[Path, ...]], baseline: str | None = None, json: Json = False) -> None:
    """Say whether models differ beyond chance: two results, or all of a folder against one of them.

    Example: glyphfront compare results/quick-balanced --baseline lenet5_new

    Two result files: the second less the first. A folder: every label less the baseline, over its seeds, with Holm's
    correction. Predictions must lie beside the results.

    Args:
        paths: two result files, or one folder of them.
        baseline: label that those of a folder are compared with.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.measure.statistics import of_networks
    from glyphfront.records import to_plain
    from glyphfront.report.document import Table
    from glyphfront.report.tables import OF_NETWORKS, beyond_chance, signed_points

    rows, against, left_out = _compare_paths(paths, baseline)
    if json:
        found = [{**to_plain(row), "differs": row.differs} for row in rows]
        print_json(baseline=against, rows=found, left_out=left_out)
        return
    if left_out:
        print(
            f"glyphfront: note: no row for {', '.join(left_out)}: diverged, or tested on other images", file=sys.stderr
        )
    cells = [
        (
            row.label,
            signed_points(row.comparison.difference),
            f"{signed_points(row.comparison.low)} to {signed_points(row.comparison.high)}",
            f"{row.adjusted_p:.2g}",
            beyond_chance(row),
            f"{100 * row.detectable:.2f}",
        )
        for row in rows
    ]
    notes = [f"Accuracy less that of {against}, on the same {rows[0].comparison.images:,} images."]
    if any(OF_NETWORKS in beyond_chance(row) for row in rows):
        notes.append(f"{OF_NETWORKS} One training on a side: said of these networks, not of other trainings.")
    if any(not of_networks(row.comparison) for row in rows):
        notes.append(
            "Each pair has the variance between its own seeds; a study's page pools it over rows trained alike."
        )
    if len(rows) > 1:
        notes.append("p is corrected for the table (Holm); beyond chance is below 0.05.")
    notes.append(
        "The least difference it shows is what a test like this would have seen with a probability of 80 %, in points."
    )
    header = ("model", "difference, points", "95 % interval", "p", "beyond chance", "least it shows")
    show_table(Table(header, tuple(cells)), *notes)


def pick(
    folder: Positional[Path] = Path("results/quick-balanced"),
    budget_us: float | None = None,
    budget_ratio: float | None = None,
    min_accuracy: float | None = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Name the model to take for a budget, from result files.

    Example: glyphfront pick --budget-us 100

    Args:
        folder: holds result files.
        budget_us: most microseconds for one image (p50).
        budget_ratio: most time for one image, as a multiple of the reference model's.
        min_accuracy: least accuracy, such as 0.89.
        runs_dir: where the folder of its run, with its file, is looked for.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.measure.folder import read_folder
    from glyphfront.report.front import files_of
    from glyphfront.report.pick import pick as choose

    reading = read_folder(folder)
    choice = choose(
        files_of(reading.only_part().evaluated, reading.timings),
        budget_us=budget_us,
        budget_ratio=budget_ratio,
        min_accuracy=min_accuracy,
    )
    file = choice.file
    path = runs_dir / file.result.key / "model.onnx"
    if json:
        print_json(
            sentence=choice.sentence,
            label=file.name,
            key=file.result.key,
            accuracy=file.accuracy,
            latency=file.latency,
            file=path if path.exists() else None,
        )
        return
    print(choice.sentence)
    if path.exists():
        print(f"To use it: glyphfront recognize PICTURE --model {path}")
    else:
        print(f"Its file would be {path}; carry the study out here to have it, or name the folder with --runs-dir.")


def _compare_paths(paths: Sequence[Path], baseline: str | None) -> tuple[list[Row], str, list[str]]:
    """Compare two result files, or all labels of a folder with one of them.

    Args:
        paths: a baseline and another result file, or one folder.
        baseline: of a folder; None for two files.

    Returns:
        The rows; what they are compared with; the labels of a folder that have no row, as they diverged or were
        tested on other images.

    Raises:
        GlyphfrontError: `paths` are neither, there is nothing to compare, or see `compare_files` and `compare_results`.
    """
    from glyphfront.measure.compare import compare_files, compare_results
    from glyphfront.measure.folder import read_folder

    for path in paths:
        if not path.exists():
            raise GlyphfrontError(f"{path}: no such file or folder")
    if len(paths) == 2 and not any(path.is_dir() for path in paths):
        if baseline is not None:
            raise GlyphfrontError("--baseline is for a folder; of two files the first is the baseline")
        return [compare_files(*paths)], str(paths[0]), []
    if len(paths) != 1 or not paths[0].is_dir():
        raise GlyphfrontError("compare takes two result files, or one folder of them")
    (folder,) = paths
    labels = read_folder(folder).only_part().rows.keys()
    if baseline is None:
        raise GlyphfrontError(f"{folder}: say what is compared with: --baseline LABEL; there are: {', '.join(labels)}")
    rows = compare_results(folder, baseline)
    left_out = sorted(labels - {row.label for row in rows} - {baseline})
    if not rows:
        others = f": {', '.join(left_out)} diverged, or tested on other images" if left_out else ""
        raise GlyphfrontError(f"{folder}: nothing there can be compared with {baseline}{others}")
    return rows, baseline, left_out
