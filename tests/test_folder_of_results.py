"""measure/folder.py: a folder of results is read by key, with labels and order from study.json."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import read_folder
from glyphfront.pipeline.keep import results_in
from glyphfront.result import Result
from glyphfront.run import Run
from glyphfront.study import Study
from results_factory import keep, keep_study, keep_timings, make_predictions, make_result


def run_of(label: str, **more: object) -> Run:
    return make_result(label, **more).run


def with_run(result: Result, **changes: object) -> Result:
    run = replace(result.run, **changes)
    return replace(result, run=run, key=run.key)


def test_rows_and_their_order_are_those_of_the_study(tmp_path: Path) -> None:
    keep_study(tmp_path, Study("?", name="s", rows={"second": run_of("b"), "first": run_of("a"), "none": run_of("c")}))
    for label in ("a", "b"):
        keep(tmp_path, make_result(label), make_predictions(300))
    (part,) = read_folder(tmp_path).parts
    assert list(part.rows) == ["second", "first", "none"]
    assert [[one.result.run.label for one in group] for group in part.rows.values()] == [["second"], ["first"], []]


def test_a_run_of_several_parts_has_all_its_seeds_in_each(tmp_path: Path) -> None:
    """One result a Run: both lie in the first part, under its label."""
    parts = {"one": Study("?", rows={"plain": run_of("a")}), "two": Study("?", rows={"again": run_of("a")})}
    keep_study(tmp_path, Study("?", name="s", parts=parts))
    for seed in (1, 0):
        keep(tmp_path / "one", make_result("plain", model="a", seed=seed), make_predictions(300))
    reading = read_folder(tmp_path)
    assert [list(part.rows) for part in reading.parts] == [["plain"], ["again"]]
    again = reading.parts[1].rows["again"]
    assert [(one.result.run.label, one.result.run.seed) for one in again] == [("again", 0), ("again", 1)]
    assert len(reading.evaluated) == 2


def test_trainings_that_start_from_bases_with_other_seeds_are_of_one_row(tmp_path: Path) -> None:
    base, other = run_of("base"), run_of("other base")
    rows = {
        "base": base,
        "after": replace(run_of("after"), init_from=base.key),
        "other": other,
        "after other": replace(run_of("after"), init_from=other.key),
    }
    keep_study(tmp_path, Study("?", name="s", rows=rows))
    for seed in (0, 1):
        for label, start in (("base", "after"), ("other base", "after other")):
            first = make_result(label, seed=seed)
            keep(tmp_path, first)
            after = with_run(make_result("after", seed=seed), label=start, init_from=first.key)
            keep(tmp_path, after)
    (part,) = read_folder(tmp_path).parts
    found = {label: [one.result.run.init_from for one in part.rows[label]] for label in ("after", "after other")}
    bases = [[make_result(label, seed=seed).key for seed in (0, 1)] for label in ("base", "other base")]
    assert list(found.values()) == bases


def test_without_a_study_the_rows_are_the_labels_that_lie_there(tmp_path: Path) -> None:
    keep(tmp_path / "one", make_result("a"), make_predictions(300))
    keep(tmp_path / "two", make_result("b"))
    reading = read_folder(tmp_path)
    assert [(part.name, list(part.rows)) for part in reading.parts] == [("one", ["a"]), ("two", ["b"])]
    assert list(reading.parts[0].compared) == ["a"]
    assert not reading.parts[1].compared  # its predictions are missing


def test_results_that_the_study_does_not_declare_are_rows_too(tmp_path: Path) -> None:
    keep_study(tmp_path, Study("?", name="s", rows={"a": run_of("a")}))
    keep(tmp_path, make_result("a"))
    keep(tmp_path, make_result("further"))
    assert list(read_folder(tmp_path).parts[0].rows) == ["a", "further"]


def test_the_folder_of_a_part_is_read_with_what_lies_in_other_parts(tmp_path: Path) -> None:
    parts = {"one": Study("?", rows={"a": run_of("a")}), "two": Study("?", rows={"a": run_of("a"), "b": run_of("b")})}
    keep_study(tmp_path, Study("?", name="s", parts=parts))
    keep(tmp_path / "one", make_result("a"))
    keep(tmp_path / "two", make_result("b"))
    keep_timings(tmp_path, {"a": 100})
    reading = read_folder(tmp_path / "two")
    assert [len(group) for group in reading.only_part().rows.values()] == [1, 1]
    assert reading.timings is not None


def test_a_diverged_training_is_read_and_counted(tmp_path: Path) -> None:
    keep(tmp_path, make_result("a"), make_predictions(300))
    keep(tmp_path, make_result("a", seed=1, diverged="the loss is not finite"))
    (part,) = read_folder(tmp_path).parts
    assert part.diverged("a") == 1
    assert len(part.compared["a"]) == 1


def test_what_a_whole_study_says_for_its_parts_stands_in_each(tmp_path: Path) -> None:
    part = Study("?", rows={"a": run_of("a")})
    keep_study(tmp_path, Study("?", name="s", parts={"one": part}, published_images=1000, scale="laptop"))
    keep(tmp_path / "one", make_result("a"))
    found = read_folder(tmp_path).parts[0].study
    assert (found.published_images, found.scale) == (1000, "laptop")


def test_labels_of_different_runs_are_refused(tmp_path: Path) -> None:
    keep(tmp_path, make_result("a", model="one"))
    keep(tmp_path, make_result("a", model="two", seed=1))
    with pytest.raises(GlyphfrontError, match="labelled a are not of one Run"):
        read_folder(tmp_path)


def test_the_page_and_the_study_take_a_result_from_its_part_and_not_from_a_copy_beside_it(tmp_path: Path) -> None:
    """The study used to take the first path of the alphabet, however deep."""
    keep_study(
        tmp_path, Study("?", name="s", parts={"of it": Study("?", parts={"part": Study("?", rows={"a": run_of("a")})})})
    )
    for place in ("a copy", "of it/part", "of it/a copy"):
        keep(tmp_path / place, make_result("a"))
    there = tmp_path / "of it" / "part" / "a-seed0.json"
    assert [one.path for one in read_folder(tmp_path).evaluated] == [there]
    assert [path for path, _ in results_in(tmp_path).values()] == [there]


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="no result files there; run a study first"):
        read_folder(tmp_path)


def test_a_folder_of_several_studies_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        keep_study(tmp_path / name, Study("?", name=name, rows={"a": run_of("a")}))
        keep(tmp_path / name, make_result("a"))
    with pytest.raises(GlyphfrontError, match=f"name one of them, such as {tmp_path / 'one'}"):
        read_folder(tmp_path)


def test_several_parts_are_not_for_one_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        keep(tmp_path / name, make_result(name))
    with pytest.raises(GlyphfrontError, match="holds 2 parts of a study; name one of them"):
        read_folder(tmp_path).only_part()


def test_a_folder_with_older_results_inside_is_no_part_of_a_study_of_rows(tmp_path: Path) -> None:
    keep_study(tmp_path, Study("?", name="mine", rows={"a": run_of("a")}))
    keep(tmp_path, make_result("a"))
    keep(tmp_path / "before", make_result("b"))
    assert list(read_folder(tmp_path).only_part().rows) == ["a"]
