"""The page of a study with parts: claims, published figures beside ours, leaks, times, what was not run."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.report import page as page_module
from glyphfront.report.document import Section
from glyphfront.report.page import write_report
from glyphfront.run import Run
from glyphfront.study import Claim, Pair, Published, Study
from results_factory import keep, keep_study, keep_timings, make_predictions, make_result

PUBLISHED = {
    "plain": Published(test_accuracy=0.8867, train_seconds=892.24, top5=0.9922),
    "new": Published(test_accuracy=0.8945, validation_loss=0.2632, train_seconds=900.86, top5=0.9961),
    "checked": Published(validation_accuracy=0.8748),
    "leaky": Published(test_accuracy=0.9072, leak=True),
}


def run_of(label: str) -> Run:
    return make_result(label).run


def study(*labels: str, **more: Any) -> Study:
    """A study of one part, "acts", whose rows these are."""
    part = {"baseline": labels[0], "published": PUBLISHED, "published_images": 1024, **more}
    declared = Study("Does it matter?", rows={label: run_of(label) for label in labels}, **part)
    return Study("Which is best?", name="acts-study", parts={"acts": declared}, scale=more.get("scale", "full"))


def write(folder: Path, declared: Study, **counts: tuple[int, ...]) -> str:
    """Of 400 images, a training for each count of right ones; the page as Markdown."""
    keep_study(folder, declared)
    for label, group in counts.items():
        for seed, correct in enumerate(group):
            keep(folder / "acts", make_result(label, correct=correct, seed=seed), make_predictions(correct))
    write_report(folder)
    return (folder / "report.md").read_text(encoding="utf-8")


def line(text: str, label: str, after: str = "") -> list[str]:
    rows = text.partition(after)[2].splitlines() if after else text.splitlines()
    return next([c.strip() for c in row.split("|")[1:-1]] for row in rows if row.startswith(f"| {label} |"))


def claim(text: str, what: str) -> list[str]:
    """Published points, beyond the draw of the images, ours, verdict."""
    return next(
        [c.strip() for c in row.split("|")[3:-1]] for row in text.splitlines() if row.split("|")[2:3] == [f" {what} "]
    )


def drawn(path: Path) -> str:
    nodes = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(node.itertext()) for node in nodes)


def test_the_page_starts_with_the_strip_of_claims(tmp_path: Path) -> None:
    declared = study("plain", "new", claims=(Claim("new", "plain", "better"),))
    text = write(tmp_path, declared, plain=(300, 302), new=(360, 362))
    strip = "![How many claims hold, do not hold, and cannot be told](claims.svg)"
    assert text.startswith(f"# Does it matter?\n\n{strip}\n")
    assert "holds: 1" in drawn(tmp_path / "claims.svg")
    assert "The claim “new better than plain” holds at full scale." in text
    assert "The one published difference of test accuracy is not larger than the draw of the images explains." in text


def test_without_claims_the_page_starts_with_the_model_to_take_and_the_front(tmp_path: Path) -> None:
    keep_timings(tmp_path, {"plain": 50, "new": 100})
    text = write(tmp_path, study("plain", "new"), plain=(300,), new=(360,))
    assert text.startswith(
        "# Does it matter?\n\n## Accuracy against time, size and work\n\nWithout a bound, take new: accuracy 90.00 %"
    )
    assert text.index("(front.svg)") < text.index("(part-acts.svg)")


@pytest.mark.parametrize(("others", "told"), [(None, False), (0.02, False), (0.5, True)])
def test_times_of_a_busy_machine_are_told(tmp_path: Path, others: float | None, told: bool) -> None:
    keep_timings(tmp_path, {"plain": 50, "new": 100}, others=others)
    text = write(tmp_path, study("plain", "new"), plain=(300,), new=(360,))
    assert ("Other programs took 50% of its CPU time" in text) == told


def test_rows_stand_beside_what_was_published_with_both_intervals(tmp_path: Path) -> None:
    """1,024 images: 89.45 % is 916 of them, an interval of 87.42 to 91.19 by Wilson."""
    text = write(tmp_path, study("plain", "new"), plain=(300,), new=(360,))
    row = line(text, "new", "Accuracy in numbers")
    assert row[1:3] == ["89.45", "87.42–91.19"]
    assert row[3].startswith("90.00 (")
    assert row[6].startswith("+15.00 (")
    assert row[7] == "yes †"
    assert "† One training on a side: a verdict on these networks" in text
    assert line(text, "plain", "Accuracy in numbers")[6:] == ["–", "–"]


def test_where_nothing_was_published_rows_are_compared_without_its_columns(tmp_path: Path) -> None:
    text = write(tmp_path, study("plain", "new", published={}), plain=(300,), new=(360,))
    header = line(text, "row", "Accuracy in numbers")
    assert header[:3] == ["row", "here, %", "n"]
    row = line(text, "new", "Accuracy in numbers")
    assert len(row) == len(header)
    assert row[1].startswith("90.00 (")
    assert row[header.index("against plain, points")].startswith("+15.00 (")
    assert "published" not in drawn(tmp_path / "part-acts.svg")


def test_seeds_are_shown_as_mean_with_interval_and_spread(tmp_path: Path) -> None:
    """By hand: 75 and 80 % have mean 77.5 and a standard deviation of 3.54."""
    text = write(tmp_path, study("plain", "new"), plain=(300, 320), new=(300, 320))
    row = line(text, "new", "Accuracy in numbers")
    assert row[3].startswith("77.50 (")
    assert row[4:6] == ["2", "3.54"]


def test_other_figures_stand_beside_the_published_ones(tmp_path: Path) -> None:
    text = write(tmp_path, study("new"), new=(300, 320))
    row = line(text, "new", "Size, time and further figures")
    assert row == ["new", "61,234", "–", "901", "33", "0.263", "0.250", "99.61", "99.75"]


def test_published_validation_accuracies_and_leaks_are_called_so(tmp_path: Path) -> None:
    text = write(tmp_path, study("checked", "leaky"), checked=(300,), leaky=(320,))
    assert line(text, "checked", "Accuracy in numbers")[1:3] == ["87.48 (validation)", "–"]
    assert line(text, "leaky", "Accuracy in numbers")[1] == "90.72 (with the leak)"


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        ((360, 362), "Here, beyond chance, new is more accurate than plain; the other cannot be told apart from it."),
        ((200, 202), "Here, beyond chance, new is less accurate than plain; the other cannot be told apart from it."),
        ((303, 305), "Here no row can be told apart from plain."),
    ],
)
def test_a_sentence_stands_under_the_figure_of_a_part(tmp_path: Path, new: tuple[int, ...], sentence: str) -> None:
    counts = {"plain": (300, 302), "same": (301, 303), "new": new}
    text = write(tmp_path, study("plain", "same", "new"), **counts)
    assert f"(part-acts.svg)\n\n{sentence}\n" in text


def test_the_figure_of_a_part_names_every_row_and_what_lies_outside(tmp_path: Path) -> None:
    declared = study("plain", "new", published={"new": Published(test_accuracy=0.0273)})
    write(tmp_path, declared, plain=(300, 302), new=(360, 362))
    text = drawn(tmp_path / "part-acts.svg")
    for said in ("plain", "new", "published", "each training", "← 2.73"):
        assert said in text


def test_claims_are_told_with_the_published_difference_remarks_and_scale(tmp_path: Path) -> None:
    claims = (
        Claim("new", "plain", "better", at_scale="half the steps"),
        Claim("plain", "new", "better"),
        Claim("leaky", "plain", "better"),
        Claim("checked", "plain", "worse", remark="not theirs", counted=False),
    )
    counts = {"plain": (300, 302), "new": (360, 362), "checked": (300, 302)}
    text = write(tmp_path, study("plain", "new", "checked", "leaky", claims=claims, scale="laptop"), **counts)
    found = claim(text, "new better than plain (here: half the steps)")
    assert found[:2] == ["+0.78", "no"]
    assert found[2].startswith("+15.00 (")
    assert found[3] == "holds"
    assert claim(text, "plain better than new (against its own figures)")[3] == "does not hold"
    assert claim(text, "checked worse than plain (not theirs)")[3] == "cannot be told"
    of_all = "Of 3 claims that a row is better or worse than another, or as good,"
    assert f"{of_all} 2 were tested at laptop scale: 1 holds, 1 does not hold." in text


def test_a_claim_that_cannot_be_told_says_how_many_trainings_would_tell_it(tmp_path: Path) -> None:
    """400 images hide a hundredth of a point from any number of trainings, and two trainings show 25 points."""
    published = PUBLISHED | {"new": Published(test_accuracy=0.8868), "far": Published(test_accuracy=0.6367)}
    claims = (Claim("new", "plain", "better"), Claim("plain", "far", "better"), Claim("plain", "new", "better"))
    declared = study("plain", "new", "far", claims=claims, published=published, family="acts")
    text = write(tmp_path, declared, plain=(300, 304), new=(303, 305), far=(299, 303))
    assert "All 3 claims that a row is better or worse than another, or as good, were tested at full scale" in text
    assert claim(text, "new better than plain")[3:] == ["cannot be told", "more images"]
    assert claim(text, "plain better than far")[3:] == ["cannot be told", "enough here"]
    assert claim(text, "plain better than new (against its own figures)")[3:] == ["cannot be told", "–"]
    assert (
        "How many trainings of each row would show a difference as large as published, for the 3 claims that cannot be "
        "told: no more than there are for 1, no number, as the test images are too few, for 1; for 1 nothing was "
        "published that speaks for it." in text
    )


def test_the_differences_of_claims_are_drawn_and_far_ones_written_at_the_edge(tmp_path: Path) -> None:
    declared = study("plain", "new", claims=(Claim("new", "plain", "better"),))
    write(tmp_path, declared, plain=(200, 202), new=(360, 362))
    text = drawn(tmp_path / "differences.svg")
    assert "+40.00 →" in text
    assert "here: holds" in text


def leaky_pair(folder: Path, *fewer: int) -> Study:
    """400 images, 100 of them seen; as published right on all, clean on so many fewer of the seen."""
    seen = np.arange(400) < 100
    for seed, missed in enumerate(fewer):
        for label, right, mask in (
            ("dirty", np.arange(400) < 400, seen),
            ("clean", np.arange(400) >= missed, ~seen & False),
        ):
            predictions = replace(make_predictions(0), predicted=np.where(right, 0, 1), seen=mask)
            keep(folder / "acts", make_result(label, correct=int(right.sum()), seed=seed), predictions)
    return study("dirty", "clean", baseline=None, pairs=(Pair("net", "dirty", "clean"),))


def test_a_leak_is_shown_on_the_images_that_leaked_and_on_the_others(tmp_path: Path) -> None:
    text = write(tmp_path, leaky_pair(tmp_path, 50, 50))
    row = line(text, "net", "Accuracy on images that leaked and others")
    assert row[1:6] == ["100 of 400", "100.00", "100.00", "50.00", "100.00"]
    row = line(text, "net", "As published less clean")
    assert [cell.split(" (")[0] for cell in row[1:5]] == ["+12.50", "+50.00", "+0.00", "+50.00"]
    assert "on the images that leaked" in drawn(tmp_path / "leaks-acts.svg")
    assert "The leak brings something beyond chance to net." in text


def test_a_leak_with_one_training_on_a_side_gets_no_verdict(tmp_path: Path) -> None:
    text = write(tmp_path, leaky_pair(tmp_path, 50))
    assert line(text, "net, one training", "As published less clean")[1].startswith("+12.50 (")
    assert "With one training on a side there is no verdict on the leak." in text


def test_networks_trained_on_test_images_are_not_drawn(tmp_path: Path) -> None:
    declared = leaky_pair(tmp_path, 50, 50)
    keep_timings(tmp_path, {"dirty": 100, "clean": 200})
    text = write(tmp_path, declared)
    for figure in ("front.svg", "sizes.svg"):
        assert "clean" in drawn(tmp_path / figure)
        assert "dirty" not in drawn(tmp_path / figure)
    assert "Left out: rows whose network, or its base, was trained on some of these images (1)." in text


def test_times_are_those_taken_in_turns_and_rows_without_get_none(tmp_path: Path) -> None:
    """The reference takes 50 µs."""
    keep_timings(tmp_path, {"plain": 800})
    text = write(tmp_path, study("plain", "new"), plain=(300,), new=(320,))
    assert line(text, "plain", "Size, time and further figures")[2] == "800 (16.0)"
    assert line(text, "new", "Size, time and further figures")[2] == "–"
    assert line(text, "plain", "Times in numbers") == ["plain", "61,234", "417 k", "4", "800", "16.0", "16.0–16.0", "1"]
    assert "plain" in drawn(tmp_path / "times.svg")


def test_rows_with_too_few_trainings_are_listed_with_the_command_that_runs_them(tmp_path: Path) -> None:
    text = write(tmp_path, study("plain", "new", seeds=2, scale="laptop", cost="3 minutes"), plain=(300,))
    assert line(text, "acts", "## Not run")[1:] == [
        "new, plain (1 of 2 trainings)",
        "3 minutes",
        "glyphfront study run acts-study:acts --scale laptop",
    ]


def test_a_row_of_which_a_training_diverged_says_so_and_gets_no_verdict(tmp_path: Path) -> None:
    declared = study("plain", "new", claims=(Claim("new", "plain", "better"),))
    keep(tmp_path / "acts", make_result("new", seed=2, diverged="the loss is not finite"))
    text = write(tmp_path, declared, plain=(300, 302), new=(360, 362))
    row = line(text, "new", "Accuracy in numbers")
    assert row[3].endswith("), 1 of 3 diverged")
    assert (row[4], row[-1]) == ("2", "diverged")
    assert claim(text, "new better than plain")[3] == "diverged"


def diverge(folder: Path, label: str, seed: int) -> None:
    """Let a training that lies in the part have diverged."""
    keep(folder / "acts", make_result(label, seed=seed, diverged="loss is NaN"))
    (folder / "acts" / f"{label}-seed{seed}.predictions.npz").unlink()


def test_a_claim_on_a_row_whose_trainings_all_diverged_is_listed_as_diverged(tmp_path: Path) -> None:
    declared = study(
        "plain", "new", "checked", claims=(Claim("new", "plain", "better"), Claim("new", "checked", "better"))
    )
    write(tmp_path, declared, plain=(300, 302), new=(360, 362), checked=(300, 301))
    for seed in (0, 1):
        diverge(tmp_path, "new", seed)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "were tested at full scale: 2 have a training that diverged." in text
    assert claim(text, "new better than plain")[2:4] == ["–", "diverged"]


def test_rows_that_diverged_or_whose_baseline_did_are_named_without_a_verdict(tmp_path: Path) -> None:
    declared = study("plain", "new", "checked")
    write(tmp_path, declared, plain=(300, 302, 304), new=(360, 362, 361), checked=(300, 301, 302))
    diverge(tmp_path, "new", 0)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Here no row can be told apart from plain. There is no verdict on new, as trainings diverged." in text
    diverge(tmp_path, "plain", 0)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "\nThere is no verdict on new, checked, as trainings diverged." in text
    assert line(text, "checked", "Accuracy in numbers")[-1] == "diverged"


def test_trainings_without_predictions_are_named_and_left_out_of_their_rows_figures(tmp_path: Path) -> None:
    """By hand: 75 and 80 % have mean 77.5; of a third nothing but the result is left."""
    write(tmp_path, study("plain", "new"), plain=(300, 320), new=(300, 320, 360))
    (tmp_path / "acts" / "new-seed2.predictions.npz").unlink()
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    row = line(text, "new", "Accuracy in numbers")
    assert row[3].startswith("77.50 (")
    assert row[4:6] == ["2", "3.54"]
    assert "does not lie beside NAME.json: new (1 of 3 trainings)." in text
    for path in (tmp_path / "acts").glob("*.npz"):
        path.unlink()
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Here no row can be compared." in text
    assert line(text, "new", "Accuracy in numbers")[4] == "3"


def test_leaks_of_one_name_in_two_parts_have_each_their_own_p_value(tmp_path: Path) -> None:
    pairs = (Pair("base", "leaky", "plain"),)
    one = study("plain", "leaky", pairs=pairs, baseline=None).parts["acts"]
    keep_study(
        tmp_path,
        Study(
            "?",
            name="acts-study",
            parts={
                "acts": one,
                "later": replace(
                    one,
                    rows={"leaky": replace(one.rows["leaky"], epochs=9), "plain": replace(one.rows["plain"], epochs=9)},
                ),
            },
        ),
    )
    seen = np.arange(400) < 100
    for part, correct in (("acts", 380), ("later", 300)):
        for seed in (0, 1):
            for label, right in (("plain", 300), ("leaky", correct)):
                predictions = make_predictions(right, shift=100 if label == "plain" else 0)
                result = make_result(label, correct=right, seed=seed)
                run = replace(result.run, epochs=9 if part == "later" else result.run.epochs)
                result = replace(result, run=run, key=run.key)
                keep(tmp_path / part, result, replace(predictions, seen=seen) if label == "leaky" else predictions)
    write_report(tmp_path)
    rows = [r for r in (tmp_path / "report.md").read_text(encoding="utf-8").splitlines() if r.startswith("| base |")]
    p_values = [row.split("|")[6].strip() for row in rows[-2:]]
    assert len(set(p_values)) == 2


def test_a_part_with_spaces_in_its_name_has_figures_that_markdown_shows(tmp_path: Path) -> None:
    declared = study("plain", "new")
    keep_study(tmp_path, replace(declared, parts={"from labels alone": declared.parts["acts"]}))
    for label in ("plain", "new"):
        keep(tmp_path / "from labels alone", make_result(label), make_predictions(300))
    write_report(tmp_path)
    assert "](part-from-labels-alone.svg)" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "part-from-labels-alone.svg").exists()


@pytest.mark.parametrize("absolute", [True, False])
def test_readme_gets_what_was_found_and_a_link_that_leads_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool
) -> None:
    """Fault 7: the link was the folder as it was named on the command line."""
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- study:start -->\nyesterday\n<!-- study:end -->\nafter\n")
    declared = study("plain", "new", claims=(Claim("new", "plain", "better"),))
    write(tmp_path / "results", declared, plain=(300, 302), new=(360, 362))
    monkeypatch.chdir(tmp_path / "results")
    write_report(tmp_path / "results" if absolute else Path(), readme=readme if absolute else Path("../README.md"))
    text = readme.read_text()
    assert "1. The claim “new better than plain” holds" in text
    assert "[The whole report](results/report.md)" in text
    assert "yesterday" not in text
    assert (text.startswith("before\n"), text.endswith("after\n")) == (True, True)


def test_a_study_with_parts_takes_no_budget(tmp_path: Path) -> None:
    write(tmp_path, study("plain"), plain=(300,))
    with pytest.raises(GlyphfrontError, match="leave the budget out"):
        write_report(tmp_path, budget_us=100)


def test_a_package_adds_sections_to_the_page_of_its_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> Any:
            return lambda reading: [Section(f"Of {self.name}", (f"{len(reading.parts)} part",))]

    monkeypatch.setattr(page_module, "entry_points", lambda group: [Entry("acts-study"), Entry("another")])
    text = write(tmp_path, study("plain"), plain=(300,))
    assert "## Of acts-study\n\n1 part\n" in text
    assert "Of another" not in text


def test_the_page_is_made_without_torch(tmp_path: Path) -> None:
    write(tmp_path, study("plain"), plain=(300,))
    code = f"""
import pathlib, sys
from glyphfront.report.page import write_report
write_report(pathlib.Path({str(tmp_path)!r}))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
