"""Tables of docs/training.md and docs/models.md, from committed result files: `make results`.

Usage: python benchmarks/tables.py

What was not measured, or in another form than the script of today writes, is said to be so.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from glyphfront.measure.compare import paired
from glyphfront.measure.folder import Reading, read_folder
from glyphfront.measure.statistics import compare, holm
from glyphfront.report.document import Table, escape_markdown, markdown_table
from glyphfront.report.front import files_of, front, points
from glyphfront.report.page import put_between
from glyphfront.report.tables import (
    DASH,
    difference,
    interval,
    microseconds,
    p_value,
    percent,
    rows_table,
    signed_points,
)
from record import RESULTS
from training import KERAS, MODELS, OURS

ROOT = Path(__file__).parent.parent
PAGE, MODELS_PAGE = ROOT / "docs/training.md", ROOT / "docs/models.md"
OURS_BESIDE = "glyphnet-m"
SIZES = {
    "conv5-16-16-32-32-64": "glyphnet-xs",
    "conv5-32-32-64-64-96": "glyphnet-s",
    "conv3-16-32-32-64-64-128": "glyphnet-m",
    "conv3-32-64-64-128-128-192": "glyphnet-l",
}
WAYS = {
    "fp32": "this loop, float32",
    "bf16": "this loop, bfloat16",
    "bf16_compiled": "this loop, bfloat16 and torch.compile",
    "keras": "Keras",
    "keras_onednn": "Keras, oneDNN",
    "keras_onednn_bf16": "Keras, oneDNN, mixed bfloat16",
}


def main() -> None:
    put_between(PAGE, "speed", [*speed()])
    put_between(PAGE, "race", [*race()])
    put_between(PAGE, "recipe", [*recipe("recipe")])
    put_between(PAGE, "recipe-labels", [*recipe("recipe-labels")])
    put_between(PAGE, "recipe-pictures", [*recipe_on_pictures()])
    put_between(PAGE, "search", [*searches()])
    put_between(MODELS_PAGE, "extras", [*extras()])
    put_between(MODELS_PAGE, "others", [*others()])
    put_between(MODELS_PAGE, "peers", [*peers()])
    put_between(MODELS_PAGE, "portability", [*portability()])


def figures(name: str) -> dict[str, Any] | None:
    """What a benchmark left, if it did."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text("utf-8")) if path.exists() else None
    return found


def speed() -> Iterator[str]:
    """Images a second of this loop and of Keras."""
    found = figures("training")
    if found is None or f"{MODELS[0]}_bf16_to_fp32_ratio" not in found:
        yield not_measured("python benchmarks/training.py")
        return
    rows = []
    for way in (*OURS, *KERAS):
        rows.append((WAYS[way], *(f"{found[f'{model}_{way}_images_per_second']:,.0f}" for model in MODELS)))
    ratios = {
        "bf16_to_fp32": "bfloat16 to float32",
        "compiled_to_fp32": "compiled bfloat16 to float32",
        "best_to_best_keras": "fastest here to fastest of Keras",
    }
    for name, said in ratios.items():
        cells = []
        for model in MODELS:
            low, high = found[f"{model}_{name}_ratio_range"]
            spread = f" ({low:.2f} to {high:.2f})" if found["repeats"] > 1 else ""
            cells.append(f"{found[f'{model}_{name}_ratio']:.2f} ×{spread}")
        rows.append((said, *cells))
    rows.append(("data share", *(f"{100 * found[f'{model}_data_share']:.1f} %" for model in MODELS)))
    yield markdown_table(Table(("images/s", *MODELS), tuple(rows)))
    yield ""
    yield f"{escape_markdown(found['how'])} {where(found)}"


def race() -> Iterator[str]:
    """The two records."""
    rows, told = [], []
    for record in ("90.0", "90.5"):
        found = figures(f"race-{record}")
        if found is None:
            rows.append((f"{record} %", "not measured", DASH, DASH, DASH))
            continue
        rows.append(
            (
                f"{record} %",
                f"{percent(found['mean_accuracy'])} % ({', '.join(percent(one) for one in found['accuracies'])})",
                "yes" if found["reached"] else "no",
                f"{found['mean_seconds']:,.0f} ({', '.join(f'{one:,.0f}' for one in found['seconds'])})",
                str(found["threads"]),
            )
        )
        images = f"{found['training_images']:,} training images ({found['train_source']}), {found['test_source']}"
        told.append(f"{record} %: {escape_markdown(found['how'])} {escape_markdown(images)}. {where(found)}")
    head = ("record", "mean accuracy (each seed)", "reached", "mean seconds (each seed)", "threads")
    yield markdown_table(Table(head, tuple(rows)))
    for line in told or [not_measured("make race")]:
        yield ""
        yield line


def recipe(name: str) -> Iterator[str]:
    """What each row brings beside the baseline, on validation images, with Student's interval of the seeds."""
    found = figures(name)
    if found is None:
        yield not_measured("python benchmarks/recipe.py")
        return
    base = found["baseline"]
    beside = Beside({label: row["validation_accuracies"] for label, row in found["rows"].items()}, base)
    rows = []
    for label, group in beside.groups.items():
        seen = statistics.fmean(found["rows"][label]["images_seen"])
        cells = (percent(statistics.fmean(group)), str(len(group)), beside.gain(label), beside.chance(label))
        rows.append((label, *cells, f"{seen:,.0f}"))
    head = ("row", "mean validation accuracy, %", "seeds", f"to {base}, points (95 %)", "p, corrected", "images seen")
    yield markdown_table(Table(head, tuple(rows)))
    yield ""
    if beside.freedom:
        yield (
            f"Trainings of a row differ by a standard deviation of {percent(beside.deviation)} points, pooled over "
            f"{len(rows)} rows; intervals and p are of that alone, as all rows meet the same images. p is Student's, "
            f"corrected by Holm for {len(beside.others)} differences."
        )
    else:
        yield (
            "Each row has one training: how much another would differ is not known, so nothing here is told from "
            "chance."
        )
    yield ""
    if found["missing"]:
        yield f"Not measured: {', '.join(found['missing'])}."
        yield ""
    yield f"{escape_markdown(found['how'])} {where(found)}"


class Beside:
    """Rows of several trainings beside one of them, with a standard deviation that is pooled over all."""

    def __init__(self, groups: Mapping[str, Sequence[float]], base: str) -> None:
        self.groups, self.base = groups, base
        self.freedom = sum(len(group) - 1 for group in groups.values())
        squares = sum(statistics.variance(g) * (len(g) - 1) for g in groups.values() if len(g) > 1)
        self.deviation = math.sqrt(squares / self.freedom) if self.freedom else 0.0
        self.others = [label for label in groups if base in groups and label != base]
        self.gains = {label: statistics.fmean(groups[label]) - statistics.fmean(groups[base]) for label in self.others}
        self.chances: dict[str, float] = {}
        if self.deviation:
            t = [abs(self.gains[label]) / self._error(label) for label in self.others]
            p = [2 * float(stats.t.sf(one, self.freedom)) for one in t]
            self.chances = dict(zip(self.others, holm(p), strict=True))

    def _error(self, label: str) -> float:
        return self.deviation * math.sqrt(1 / len(self.groups[label]) + 1 / len(self.groups[self.base]))

    def gain(self, label: str) -> str:
        """In points, with half the width of its 95 % interval where the trainings tell it."""
        if label not in self.gains:
            return DASH
        half = f" ± {percent(float(stats.t.ppf(0.975, self.freedom)) * self._error(label))}" if self.deviation else ""
        return f"{signed_points(self.gains[label])}{half}"

    def chance(self, label: str) -> str:
        """Holm-corrected p of the gain."""
        return p_value(self.chances[label]) if label in self.chances else DASH


def recipe_on_pictures() -> Iterator[str]:
    """The rows from labels alone on genuine pictures: all of them, and by source."""
    path = ROOT / "results/pictures/by_training.json"
    if not path.exists():
        yield not_measured("python benchmarks/pictures/by_training.py")
        return
    found = json.loads(path.read_text("utf-8"))
    kinds = {"free": "any character", "known": "kind known"}
    cells: dict[str, list[str]] = {label: [] for label in found["rows"]}
    for kind in kinds:
        groups = {label: sources["all"][kind] for label, sources in found["rows"].items()}
        beside = Beside(groups, found["baseline"])
        for label, group in groups.items():
            cells[label] += [percent(statistics.fmean(group)), beside.gain(label), beside.chance(label)]
    to_base = (f"to {found['baseline']}, points (95 %)", "p, corrected")
    head = ("row", *(title for name in kinds.values() for title in (f"{name}, %", *to_base)))
    yield markdown_table(Table(head, tuple((label, *row) for label, row in cells.items())))
    yield ""
    sources = []
    for source, count in found["pictures"].items():
        shares = [
            " / ".join(f"{100 * statistics.fmean(one[source][kind]):.1f}" for kind in kinds)
            for one in found["rows"].values()
        ]
        sources.append((source, f"{count:,}", *shares))
    yield markdown_table(Table(("source", "pictures", *found["rows"]), tuple(sources)))
    yield ""
    yield (
        "Intervals and p are of the trainings alone, as all rows meet the same pictures; p is Student's, corrected by "
        "Holm for each of the two ways to ask. Other pictures would add to both."
    )
    yield ""
    yield f"{escape_markdown(found['how'])} In the second table: any character / kind known, in %. {where(found)}"


def searches() -> Iterator[str]:
    """The nets that the searches ended with, beside the sizes made by hand."""
    readings = [
        reading
        for path in sorted(ROOT.glob("results/search-*/study.json"))
        if (reading := reading_of(path.parent.name))
    ]
    if not readings:
        yield not_measured("glyphfront search --budget-ratio 1.6 --data balanced")
        return
    for reading in readings:
        yield f"**{escape_markdown(reading.study.question)}** {escape_markdown(reading.study.expected)}."
        yield ""
        rows = []
        for point in sorted(
            points(files_of(reading.only_part().evaluated, reading.timings)), key=lambda p: p.by_accuracy
        ):
            result = point.file.result
            rows.append(
                (
                    named(point.file.name),
                    percent(result.curve[-1].validation_accuracy),
                    f"{percent(point.accuracy.value)} ({interval(point.accuracy)})",
                    microseconds(point.latency.p50_us),
                    f"{point.latency.ratio:.2f}",
                )
            )
        head = ("net", "validation accuracy, %", "test accuracy, % (95 % interval)", "p50, µs", "× reference")
        yield markdown_table(Table(head, tuple(rows)))
        yield ""


def named(name: str) -> str:
    """The name of a searched net, with that of the size made by hand which it is."""
    label, comma, precision = name.partition(",")
    return f"{label} ({SIZES[label]}){comma}{precision}" if label in SIZES else name


def extras() -> Iterator[str]:
    """Pairs of nets and shifted passes beside the sizes, the fastest first."""
    found = figures("cascade")
    if found is None:
        yield not_measured("python benchmarks/cascade.py")
        return
    ways = {name: one for name, one in found.items() if isinstance(one, dict)}
    rows, strong, best = [], set[int](), 0.0
    for number, (name, one) in enumerate(sorted(ways.items(), key=lambda item: item[1]["to_reference_ratio"])):
        handed = f"{100 * one['handed_over']:.0f}" if "handed_over" in one else DASH
        accuracies = percent(one["validation_accuracy"]), percent(one["test_accuracy"])
        times = f"{one['to_reference_ratio']:.2f}", microseconds(one["mean_us"])
        rows.append((name, handed, str(one.get("threshold", DASH)), *accuracies, *times))
        if one["test_accuracy"] > best:
            strong.add(number)
            best = one["test_accuracy"]
    head = ("int8", "handed over, %", "threshold", "validation, %", "test, %", "mean time, × reference", "mean, µs")
    yield markdown_table(Table(head, tuple(rows), strong=frozenset(strong)))
    yield ""
    yield f"{escape_markdown(found['how'])} {where(found)}"


def others() -> Iterator[str]:
    """How much is the recipe, how much the net: the source study's network twice, and ours."""
    reading = reading_of("front")
    part = reading.part("shipped") if reading else None
    if reading is None or part is None or not part.evaluated:
        yield not_measured("glyphfront study run front:shipped")
        return
    rows = {one.result.run.label: one for one in reversed(part.evaluated) if one.result.run.seed == 0}
    files = files_of(part.evaluated, reading.timings)
    shown = [file for file in files if file.result.run.label == OURS_BESIDE or "glyphnet" not in file.result.run.label]
    yield markdown_table(rows_table(shown))
    for said, before, after in (
        ("The recipe brings layer_4_1", "layer_4_1 of the study", "layer_4_1, our recipe"),
        (f"Beside layer_4_1 with the recipe, {OURS_BESIDE} has", "layer_4_1, our recipe", OURS_BESIDE),
    ):
        if before in rows and after in rows:
            compared = compare(*paired([rows[before], rows[after]]))
            yield ""
            yield (
                f"{said} {difference(compared)} points on the same {compared.images:,} images (one training each, "
                f"fp32, 95 % interval; McNemar's p {escape_markdown(p_value(compared.p_value))})."
            )


def peers() -> Iterator[str]:
    """Nets from elsewhere beside the sizes, all trained alike, and which of them are on the front."""
    reading = reading_of("peers")
    files = files_of(reading.only_part().evaluated, reading.timings) if reading else []
    if not points(files):
        yield not_measured("glyphfront study run peers")
        return
    elsewhere = [point.file.name for point in front(files) if "glyphnet" not in point.file.name]
    listed = ", ".join(elsewhere) or "none"
    yield f"Nets from elsewhere on the front of {len(points(files))} files (in bold): {escape_markdown(listed)}."
    yield ""
    yield markdown_table(rows_table(files))


def portability() -> Iterator[str]:
    """The shipped files on another kind of CPU beside the one that the front was timed on."""
    found, reading = figures("portability"), reading_of("front")
    part = reading.part("shipped") if reading else None
    if found is None or reading is None or part is None:
        yield not_measured("python benchmarks/portability.py")
        return
    there = {point.file.name: point.latency for point in points(files_of(part.evaluated, reading.timings))}
    rows = []
    for name, here in found.items():
        if not isinstance(here, dict):
            continue
        both = [
            (f"{there[file].ratio:.2f}", f"{here[f'{precision}_to_reference_ratio']:.2f}")
            for file, precision in ((name, "fp32"), (f"{name}, int8", "int8"))
        ]
        gains = (
            there[name].ratio / there[f"{name}, int8"].ratio,
            here["fp32_to_reference_ratio"] / here["int8_to_reference_ratio"],
        )
        answers = here["fp32_other_answers"], here["int8_other_answers"]
        rows.append((name, *both[0], *both[1], *(f"{gain:.2f}" for gain in gains), f"{answers[0]} and {answers[1]}"))
    head = (
        *("size", "fp32, × reference", "on the other CPU", "int8, × reference", "on the other CPU"),
        *("int8 beside fp32, times as fast", "on the other CPU", "other answers, fp32 and int8"),
    )
    yield markdown_table(Table(head, tuple(rows)))
    yield ""
    yield f"{escape_markdown(found['how'])} {where(found)}"


def reading_of(name: str) -> Reading | None:
    """A committed study, if it is there."""
    folder = ROOT / "results" / name
    return read_folder(folder) if any(folder.rglob("*-seed*.json")) else None


def where(found: dict[str, Any]) -> str:
    return f"Measured on {found['machine']}, {found['finished'][:10]}."


def not_measured(command: str) -> str:
    return f"Not measured yet: `{command}`."


if __name__ == "__main__":
    main()
