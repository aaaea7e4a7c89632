"""Verbs that read results: the page, comparisons, the pick for a budget."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tyro.conf import Positional

from glyphfront.cli.answer import Json, RunsDir, print_json, show_table

_FRONT = Path("results/front/shipped")
_LEAST_P = 1e-15  # smaller ones are no more exact than the arithmetic


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
    from glyphfront.measure.compare import compare_paths
    from glyphfront.measure.statistics import of_networks
    from glyphfront.report.document import Table
    from glyphfront.report.tables import OF_NETWORKS, beyond_chance, signed_points

    found = compare_paths(paths, baseline)
    rows = found.rows
    if json:
        print_json(**{**vars(found), "rows": [{**vars(row), "differs": row.differs} for row in rows]})
        return
    if found.left_out:
        without = ", ".join(found.left_out)
        print(f"glyphfront: note: no row for {without}: diverged, or tested on other images", file=sys.stderr)
    cells = [
        (
            row.label,
            signed_points(row.comparison.difference),
            f"{signed_points(row.comparison.low)} to {signed_points(row.comparison.high)}",
            f"{row.adjusted_p:.2g}" if row.adjusted_p >= _LEAST_P else f"< {_LEAST_P:g}",
            beyond_chance(row),
            f"{100 * row.detectable:.2f}",
        )
        for row in rows
    ]
    notes = [f"Accuracy less that of {found.baseline}, on the same {rows[0].comparison.images:,} images."]
    for label, seeds in found.diverged.items():
        of = "seeds" if len(seeds) > 1 else "seed"
        notes.append(f"{label} is without {of} {', '.join(map(str, seeds))}: diverged.")
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
    folder: Positional[Path | None] = None,
    budget_us: float | None = None,
    budget_ratio: float | None = None,
    min_accuracy: float | None = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Name the model to take for a budget, from result files or the cards of the shipped models.

    Example: glyphfront pick --budget-us 100

    Args:
        folder: holds result files; by default results/front/shipped, or the cards where that is not here.
        budget_us: most microseconds for one image (p50).
        budget_ratio: most time for one image, as a multiple of the reference model's.
        min_accuracy: least accuracy, such as 0.89.
        runs_dir: where the folder of its run, with its file, is looked for.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.measure.folder import read_folder
    from glyphfront.report.cards import files_of_cards, what_cards_cannot_say
    from glyphfront.report.front import files_of
    from glyphfront.report.pick import pick as choose
    from glyphfront.ship.card import FILES, file_sha256
    from glyphfront.ship.recognizer import shipped_file, shipped_files

    if folder is None and any(_FRONT.glob("*.json")):
        folder = _FRONT
    if folder is None:
        files = files_of_cards(shipped_files())
    else:
        reading = read_folder(folder)
        files = files_of(reading.only_part().evaluated, reading.timings)
    choice = choose(files, budget_us=budget_us, budget_ratio=budget_ratio, min_accuracy=min_accuracy)
    if folder is None:
        choice = replace(choice, certainty=f"{choice.certainty} {what_cards_cannot_say(files)}")
    file = choice.file
    path = runs_dir / file.result.key / FILES[file.precision]
    sha256 = file.exported.sha256 if file.exported else None
    is_here = path.exists() and file_sha256(path) == sha256  # a Run that was trained again has another model there
    ships = shipped_file(sha256) if sha256 and not is_here else None
    if json:
        print_json(
            sentence=choice.sentence,
            results=folder,
            label=file.name,
            key=file.result.key,
            accuracy=file.accuracy,
            latency=file.latency,
            file=path if is_here else ships,
        )
        return
    print(choice.sentence)
    if is_here:
        print(f"To use it: glyphfront recognize PICTURE --model {path}")
    elif ships:
        print(f"It comes with glyphfront: glyphfront recognize PICTURE --model {ships}")
    elif path.exists():
        print(
            f"Its file is not here: {path} is another one, as after its Run was trained again. Carry the study out "
            "again if its images have changed, or name the folder with --runs-dir."
        )
    else:
        print(f"Its file would be {path}; carry the study out here to have it, or name the folder with --runs-dir.")
