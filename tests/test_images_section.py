"""How accuracy grows with the number of training images, as a page shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glyphfront.measure.folder import Evaluated, read_folder
from glyphfront.report.images import images_section, lines_of
from glyphfront.report.page import write_report
from glyphfront.run import Distill, Run
from glyphfront.studies.few import few
from results_factory import keep, keep_timings, make_result

NEW = f"{next(iter(few().rows.values())).model.name}, new weights"


def trained(run: Run, images: int, correct: int) -> Evaluated:
    """Of a made-up training of `run` on so many images of four classes."""
    result = make_result(run.label, correct=correct)
    used = replace(result.data, train_images=images - 8, validation_images=8)
    return Evaluated(replace(result, run=run, key=run.key, data=used), line=str(run.init_from))


@pytest.fixture
def rows() -> list[Evaluated]:
    runs = list(few().rows.values())
    further, new = runs[:3], runs[9:12]
    seen = [trained(run, images, 340 + images) for run, images in zip(further, (40, 80, 160), strict=False)][:3]
    seen[2] = trained(further[2], 160, 396)
    return [*seen, *(trained(run, images, 100 + images) for run, images in zip(new, (40, 80, 160), strict=True))]


def test_rows_that_differ_in_images_alone_are_one_line(rows: list[Evaluated]) -> None:
    lines = lines_of(rows)
    assert list(lines) == ["from glyphnet-s", NEW]
    assert [step.images for step in lines["from glyphnet-s"]] == [10, 20, 40]
    assert [round(step.mean, 2) for step in lines[NEW]] == [0.35, 0.45, 0.65]


def test_trainings_with_other_seeds_are_of_the_same_step(rows: list[Evaluated]) -> None:
    again = trained(replace(rows[0].result.run, seed=1), 40, 300)
    (first, *_) = lines_of([*rows, again])["from glyphnet-s"]
    assert [one.correct for one in first.accuracies] == [380, 300]
    assert first.mean == pytest.approx((380 + 300) / 800)


@pytest.mark.parametrize("need", ["start", "teacher"])
def test_rows_that_start_from_or_learn_from_different_runs_are_of_different_lines(need: str, tmp_path: Path) -> None:
    """With a base or teacher of its own seed each; bases and teachers have other test images."""
    for name, correct in (("A", 300), ("B", 200)):
        for seed in (0, 1):
            base = make_result(name, seed=seed, test_fingerprint="0" * 16)
            keep(tmp_path, base)
            for limit in (10, 20, 40):
                run = replace(make_result("m", seed=seed).run, label=f"{name} {limit}")
                run = replace(run, data=replace(run.data, limit=limit))
                if need == "start":
                    run = replace(run, init_from=base.key)
                else:
                    run = replace(run, distill=Distill((base.key,)))
                keep(tmp_path, trained(run, 4 * limit, correct + limit + seed).result)
    evaluated = read_folder(tmp_path).evaluated
    lines = lines_of([one for one in evaluated if one.result.run.model.name == "m"])
    found = [[[one.correct for one in step.accuracies] for step in steps] for steps in lines.values()]
    assert found == [[[310, 311], [320, 321], [340, 341]], [[210, 211], [220, 221], [240, 241]]]


def test_of_rows_that_ask_for_more_images_than_there_are_one_counts(rows: list[Evaluated]) -> None:
    more = trained(list(few().rows.values())[3], 160, 200)
    assert lines_of([*rows, more]) == lines_of(rows)


def test_a_study_of_other_rows_has_no_such_section(rows: list[Evaluated]) -> None:
    assert images_section(rows[:2]) is None


def test_the_section_has_a_figure_with_both_lines_and_a_table(rows: list[Evaluated]) -> None:
    section = images_section(rows)
    assert section is not None
    figure, table = section.items
    assert figure.figure is not None
    assert "from glyphnet-s" in figure.figure.svg
    assert NEW in figure.figure.svg
    assert table.table is not None
    assert ("from glyphnet-s", "10", "95.00", "1") in table.table.rows


def test_on_the_page_it_comes_before_the_pick_as_it_is_what_the_study_asks(
    rows: list[Evaluated], tmp_path: Path
) -> None:
    for one in rows:
        keep(tmp_path, one.result)
    keep_timings(tmp_path, {"glyphnet-s": 100})
    text = write_report(tmp_path).with_suffix(".md").read_text(encoding="utf-8")
    assert 0 < text.index("(images.svg)") < text.index("## No pick")
