"""The tables of docs/training.md and docs/models.md: what is measured is shown, and what is not is said to be so."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import t, ttest_ind

WHERE = {"how": "as it was", "machine": "a machine", "finished": "2026-01-02T00:00:00"}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    for name in ("tables", "training", "record"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import tables  # type: ignore[import-not-found]

    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    found: ModuleType = tables
    return found


def test_the_committed_pages_hold_the_tables_of_the_committed_files(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[1]
    monkeypatch.setattr(tables, "RESULTS", root / "benchmarks" / "results")
    monkeypatch.setattr(tables, "ROOT", root)
    for of, name in (("PAGE", "training.md"), ("MODELS_PAGE", "models.md")):
        monkeypatch.setattr(tables, of, Path(shutil.copy(root / "docs" / name, tmp_path)))
    tables.main()
    for name in ("training.md", "models.md"):
        assert (tmp_path / name).read_text("utf-8") == (root / "docs" / name).read_text("utf-8"), "run make results"


TABLES = ["speed", "race", "recipe_on_pictures", "searches", "extras", "others", "peers", "portability"]


@pytest.mark.parametrize("name", TABLES)
def test_what_was_not_measured_is_said_to_be_so(tables: ModuleType, name: str) -> None:
    assert "ot measured" in "\n".join(getattr(tables, name)())


@pytest.mark.parametrize("name", ["recipe", "recipe-labels"])
def test_a_recipe_that_was_not_measured_is_said_to_be_so(tables: ModuleType, name: str) -> None:
    assert "ot measured" in "\n".join(tables.recipe(name))


def test_rows_on_genuine_pictures_have_students_interval_for_each_way_to_ask(
    tables: ModuleType, tmp_path: Path
) -> None:
    free, known = ([0.70, 0.71, 0.73], [0.74, 0.74, 0.75]), ([0.80, 0.82, 0.83], [0.81, 0.80, 0.82])
    rows = {
        label: {source: {"free": one, "known": other} for source in ("phones", "all")}
        for label, one, other in zip(("whole", "plain"), free, known, strict=True)
    }
    found = {"rows": rows, "baseline": "whole", "pictures": {"phones": 1200, "all": 1200}, **WHERE}
    (tmp_path / "results" / "pictures").mkdir(parents=True)
    (tmp_path / "results" / "pictures" / "by_training.json").write_text(json.dumps(found))
    text = "\n".join(tables.recipe_on_pictures())
    told = []
    for whole, plain in (free, known):
        test = ttest_ind(plain, whole)
        interval = test.confidence_interval()
        gain, half = 100 * (np.mean(plain) - np.mean(whole)), 50 * (interval.high - interval.low)
        sign = "+" if gain > 0 else "−"
        told.append(f"{100 * np.mean(plain):.2f} | {sign}{abs(gain):.2f} ± {half:.2f} | {test.pvalue:.3f}")
    assert f"| plain | {' | '.join(told)} |" in text
    assert "| phones | 1,200 | 71.3 / 81.7 | 74.3 / 81.0 |" in text


def test_a_part_of_the_recipe_has_its_difference_with_students_interval(tables: ModuleType, tmp_path: Path) -> None:
    whole, without = [0.9000, 0.9012, 0.8994], [0.8970, 0.8962, 0.8983]
    rows = {
        label: {"validation_accuracies": shares, "images_seen": [60, 62, 64]}
        for label, shares in (("whole", whole), ("without", without))
    }
    (tmp_path / "recipe.json").write_text(json.dumps({"rows": rows, "baseline": "whole", "missing": ["rest"], **WHERE}))
    text = "\n".join(tables.recipe("recipe"))
    found = ttest_ind(without, whole)
    interval = found.confidence_interval()
    gain, half = 100 * (np.mean(without) - np.mean(whole)), 50 * (interval.high - interval.low)
    assert (
        f"| without | {100 * np.mean(without):.2f} | 3 | −{-gain:.2f} ± {half:.2f} | {found.pvalue:.3f} | 62 |" in text
    )
    assert "Not measured: rest." in text


def test_p_of_a_part_of_the_recipe_is_corrected_for_all_parts(tables: ModuleType, tmp_path: Path) -> None:
    groups = {"whole": [0.900, 0.901, 0.902], "a": [0.897, 0.898, 0.899], "b": [0.899, 0.900, 0.901]}
    rows = {label: {"validation_accuracies": group, "images_seen": [60] * 3} for label, group in groups.items()}
    (tmp_path / "recipe.json").write_text(json.dumps({"rows": rows, "baseline": "whole", "missing": [], **WHERE}))
    text = "\n".join(tables.recipe("recipe"))
    # pooled, a training differs by a tenth of a point, with 6 degrees of freedom
    p = [2 * t.sf(gain / (0.1 * (2 / 3) ** 0.5), 6) for gain in (0.3, 0.1)]
    assert p[0] < p[1]
    assert [line.split(" | ")[4] for line in text.splitlines()[3:5]] == [f"{2 * p[0]:.3f}", f"{p[1]:.3f}"]


def test_rows_of_one_training_are_told_from_nothing(tables: ModuleType, tmp_path: Path) -> None:
    rows = {label: {"validation_accuracies": [share], "images_seen": [60]} for label, share in (("a", 0.9), ("b", 0.8))}
    (tmp_path / "recipe.json").write_text(json.dumps({"rows": rows, "baseline": "a", "missing": [], **WHERE}))
    text = "\n".join(tables.recipe("recipe"))
    assert "| b | 80.00 | 1 | −10.00 | – | 60 |" in text
    assert "nothing here is told from chance" in text


def test_a_pair_is_bold_where_whatever_is_faster_is_less_accurate(tables: ModuleType, tmp_path: Path) -> None:
    ways = {
        name: {
            "validation_accuracy": 0.9,
            "test_accuracy": accuracy,
            "to_reference_ratio": ratio,
            "mean_us": 40 * ratio,
        }
        for name, accuracy, ratio in (("large", 0.903, 2.0), ("small", 0.9, 1.0), ("twice", 0.902, 3.0))
    }
    ways["pair"] = {**ways["large"], "to_reference_ratio": 1.2, "handed_over": 0.1, "threshold": 0.6}
    (tmp_path / "cascade.json").write_text(json.dumps({**ways, **WHERE}))
    lines = next(line for line in tables.extras() if line.startswith("| int8")).splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["**small**", "**pair**", "large", "twice"]
