"""report/study.py: the study's figures beside ours, what holds, what leaked, what was not run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import Predictions
from glyphfront.measure.layers import Architecture, GradientRecord, Gradients, Layer, save_layers
from glyphfront.records import to_plain
from glyphfront.report.sections import Question, published
from glyphfront.report.study import write_study
from glyphfront.result import Result, save_result
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find
from glyphfront.studies import SOURCE
from glyphfront.studies.scale import at_scale
from results_factory import make_predictions, make_result, save_predictions

QUESTIONS = {"table3": Question("Table 3: does the activation matter?", ("ReLU", "LeakyReLU", "ELU", "Swish"))}


def keep(folder: Path, result: Result, predictions: Predictions) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{result.run.label}-seed{result.run.seed}"
    save_result(result, folder / f"{stem}.json")
    save_predictions(predictions, folder / f"{stem}.predictions.npz")


def line(text: str, label: str) -> list[str]:
    return next(
        [c.strip() for c in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith(f"| {label} |")
    )


def test_rows_stand_beside_the_studys_with_a_verdict_on_its_order(tmp_path: Path) -> None:
    """The study: ReLU 88.67, LeakyReLU 89.36, ELU 89.45, Swish 89.84 %, all above ReLU."""
    for label, correct in (("ReLU", 300), ("LeakyReLU", 250), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    page = write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert "Table 3: does the activation matter?" in page.read_text()
    assert line(text, "ELU")[1] == "89.45"
    assert line(text, "ELU")[3].startswith("90.00 (")
    assert line(text, "ELU")[8].startswith("+15.00 (")
    assert line(text, "ELU")[-2:] == ["yes", "holds †"]
    assert line(text, "LeakyReLU")[-2:] == ["yes", "does not hold †"]
    assert "† One training on a side" in text
    assert line(text, "ReLU")[-1] == "–"
    assert "glyphfront study run table3" in text  # for Swish, which was not run
    assert line(text.partition("## Not run")[2], "table3")[1] == "Swish"


def test_a_small_difference_cannot_be_told(tmp_path: Path) -> None:
    for label, correct in (("ReLU", 300), ("ELU", 302)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert line(text, "ELU")[-2:] == ["no", "cannot be told †"]
    assert "here: 1. Beyond chance in the same direction here: 0; in the other: 0; cannot be told: 1." in text


def test_seeds_are_shown_as_mean_and_spread(tmp_path: Path) -> None:
    """By hand: 75 and 80 % have mean 77.5 and a standard deviation of 3.54."""
    for seed, correct in ((0, 300), (1, 320)):
        for label in ("ReLU", "ELU"):
            result = make_result(label, correct=correct, seed=seed)
            keep(tmp_path / "table3", result, make_predictions(correct))
    write_study(tmp_path, QUESTIONS)
    assert line((tmp_path / "study.md").read_text(), "ELU")[3:6] == ["77.50", "2", "3.54"]


def test_leaked_images_are_compared_by_themselves(tmp_path: Path) -> None:
    """400 images, the first 100 seen: published is right on all those and on 200 others, clean on 50 and 200."""
    seen = np.arange(400) < 100
    leaky, clean = np.arange(400) < 300, (np.arange(400) < 50) | ((np.arange(400) >= 100) & (np.arange(400) < 300))
    for label, right, mask in (("published", leaky, seen), ("clean", clean, np.zeros(400, bool))):
        result = make_result(f"transfer_2_{label}", correct=int(right.sum()))
        predictions = replace(make_predictions(0), predicted=np.where(right, 0, 1), seen=mask)
        keep(tmp_path / "table9", result, predictions)
    keep(tmp_path / "table9", make_result("layer_4_1", correct=240), make_predictions(240))
    labels = ("layer_4_1", "transfer_2_published", "transfer_2_clean")
    write_study(tmp_path, {"table9": Question("Table 9", labels)})
    text = (tmp_path / "study.md").read_text()
    assert line(text, "transfer_2")[1:6] == ["100 of 400", "100.00", "66.67", "50.00", "66.67"]
    assert "25% of the scored images stood in the training file" in text
    found = text.partition("### As published less clean")[2]
    assert [cell.split(" (")[0] for cell in line(found, "transfer_2")[1:4]] == [
        *("+12.50 points", "+50.00 points", "+0.00 points"),  # 300 less 250 of 400; 100 less 50 of 100; 200 less 200
    ]
    assert "Without the leak, transfer brings +2.50 points (" in text  # 250 less 240 of 400


def test_readme_gets_the_findings(tmp_path: Path) -> None:
    for label, correct in (("ReLU", 300), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- study:start -->\nyesterday\n<!-- study:end -->\nafter\n")
    write_study(tmp_path, QUESTIONS, readme=readme)
    text = readme.read_text()
    assert "yesterday" not in text
    assert "in the same direction here: 1; in the other: 0; cannot be told: 0." in text
    assert "For 1 of them one training stands on a side here" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="no results of the source study"):
        write_study(tmp_path, QUESTIONS)


def test_published_figures_are_shares_and_batches_of_1024_where_four_digits_are_given() -> None:
    """The study's README: 23 of its 24 four-digit test accuracies are multiples of 1/1024."""
    rows = {
        (name, label): row["test_acc"]
        for name, study in published()["studies"].items()
        for label, row in study["rows"].items()
        if "test_acc" in row
    }
    assert all(0 < value < 1 for value in rows.values())
    four = {value for value in rows.values() if len(json.dumps(value)) == 6}
    multiples = {v for v in four if abs(round(v * 1024) / 1024 - v) <= 6e-5}
    assert len(four - multiples) <= 1


def test_cli_takes_the_folder_of_a_study_and_refuses_a_budget_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    assert main(["report", str(tmp_path), "--title", "Ours beside theirs"]) == 0
    assert "<title>Ours beside theirs</title>" in (tmp_path / "study.html").read_text()
    assert main(["report", str(tmp_path), "--budget-us", "100"]) == 2
    assert "leave --budget-us out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table3", "--scale", "tiny"], "no scale 'tiny'; there are: full, laptop"),
        (["table3", "--data", "strokes"], "--data is for quick and shipped"),
        (["quick", "--scale", "laptop"], "quick has no scales"),
        (["table3", "--seeds", "0"], "--seeds must be at least 1"),
        (["table3", "--address", "10.0.0.1:6379"], "say --on ray too"),
    ],
)
def test_cli_says_what_a_study_does_not_take(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "run", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_cli_lists_every_study_with_its_cost_and_shows_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in SOURCE)
    assert "21 rows" in listed
    assert main(["study", "show", "table3", "--scale", "laptop"]) == 0
    shown = capsys.readouterr().out
    assert "does the activation matter?" in shown
    assert [run.key for run in at_scale(SOURCE["table3"], "laptop")] == [
        line.split()[0] for line in shown.splitlines() if "{" in line
    ]


def test_a_table_counts_what_holds_part_by_part(tmp_path: Path) -> None:
    for label, correct in (("ReLU", 300), ("LeakyReLU", 250), ("ELU", 360), ("Swish", 302)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    write_study(tmp_path, QUESTIONS)
    assert line((tmp_path / "study.md").read_text(), "table3")[2:] == ["1", "1", "1"]


def test_the_page_of_laptop_scale_shows_the_final_model_of_full_scale_and_the_shipped_one_beside_it(
    tmp_path: Path,
) -> None:
    """On 400 images: the final model 340, the shipped one 360 in a quarter of the time; the study 90.72 % of 1,024."""
    folder, full = tmp_path / "study-laptop", tmp_path / "study-full"
    keep(folder / "table3", make_result("ReLU"), make_predictions(300))
    keep(full / "final", make_result("final", correct=340, p50_us=800), make_predictions(340))
    ours = make_result("ours", correct=360, p50_us=200)
    assert ours.exported
    shipped = replace(ours.exported, sha256=load_card(find("glyphnet-s")).sha256)
    keep(tmp_path / "shipped-balanced", replace(ours, exported=shipped), make_predictions(360))
    keep(tmp_path / "shipped-balanced", make_result("another", correct=360), make_predictions(360))
    net = Architecture("final", (1, 32, 32), (Layer("0", "Conv2d 7×7", (64, 16, 16), 3136),), 3000, 3136)
    save_layers(net, full / "architecture.json")
    questions = {**QUESTIONS, "final": Question("The final model.", ("final",))}
    readme = tmp_path / "README.md"
    readme.write_text("<!-- study:start -->\n<!-- study:end -->\n")
    write_study(folder, questions, readme=readme)
    text = (folder / "study.md").read_text()
    assert "## At full settings. The final model." in text
    assert line(text, "final")[1:4] == ["90.72", "88.79–92.35", "85.00 (83.00–87.00)"]
    assert line(text, "0") == ["0", "Conv2d 7×7", "64×16×16", "3,136"]
    assert "ours, which is shipped, less that: +5.00 points" in text
    assert "in 25% of the time for an image." in text
    assert "another, which is shipped" not in text
    assert "85.00 % (83.00–87.00)" in readme.read_text()
    assert "study run final" not in text
    write_study(full, questions)
    assert "At full settings" not in (full / "study.md").read_text()


def brightness_file(folder: Path, **more: Any) -> None:
    one = {"name": "Keras X", "aug_4_greatest": 1.0, "aug_4_mean": 0.17, "aug_5_greatest": 255.0, "aug_5_mean": 44.0}
    figures = {
        "generators": [one],
        "label": "aug_5",
        "key": "0" * 12,
        "report_source": "made up",
        "images": 400,
        "classes": 47,
        "correct_at_the_scale_of_training": 340,
        "correct_at_a_255th": 8,
        "provenance": to_plain(make_result().provenance),
        **more,
    }
    (folder / "brightness.json").write_text(json.dumps(figures))


def test_why_brightness_collapsed_is_told_from_what_was_measured(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    brightness_file(tmp_path)
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert line(text, "as in training")[1] == "85.00"
    assert line(text, "a 255th of it")[1] == "2.00"
    assert "| Keras X | aug_5 | 255 | 44 |" in text
    assert "Chance is 2.13 %; the study's row has 2.73 %." in text


def test_a_faulty_file_beside_the_results_is_named(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    brightness_file(tmp_path, images="many")
    with pytest.raises(GlyphfrontError, match=r"brightness\.json: .*images"):
        write_study(tmp_path, QUESTIONS)


def test_gradient_figures_that_lie_there_are_shown(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    record = GradientRecord("a net of three", ("a", "b"), (28, 1), ((0.5, 1.0), (0.25, 2.0)), (0.0, 0.9), (3.0, 2.0))
    found = Gradients("balanced (made up)", 64, 0.01, (record,), make_result().provenance)
    save_layers(found, tmp_path / "gradients-28.json")
    assert "a net of three" in write_study(tmp_path, QUESTIONS).read_text()
    assert "(gradients-28.svg)" in (tmp_path / "study.md").read_text()
    assert "a net of three" in (tmp_path / "gradients-28.svg").read_text()


def test_accuracy_is_drawn_against_size_and_work_too(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    write_study(tmp_path, QUESTIONS)
    assert "multiply-accumulates" in (tmp_path / "sizes.svg").read_text()


def test_a_run_in_two_parts_is_drawn_once_under_its_first_name_with_the_latency_of_either(tmp_path: Path) -> None:
    one = make_result("layer_4_1", model="layer_4_1", timed=False)
    keep(tmp_path / "table8", one, make_predictions(300))
    keep(tmp_path / "table6", make_result("aug_4", model="layer_4_1", p50_us=777), make_predictions(300))
    questions = {"table8": Question("Table 8", ("layer_4_1",)), "table6": Question("Table 6", ("aug_4",))}
    write_study(tmp_path, questions)
    figure = (tmp_path / "front.svg").read_text()
    assert "layer_4_1" in figure
    assert "aug_4" not in figure
    assert line((tmp_path / "study.md").read_text().partition("Cost of each network")[2], "layer_4_1")[3] == "777"


def test_a_row_has_the_baseline_that_it_is_to_be_compared_with_and_bases_have_none(tmp_path: Path) -> None:
    """Transferred layer_4_2 stands against layer_4_2, not against layer_4_1."""
    for label, correct in (("layer_4_1", 100), ("layer_4_2", 300), ("base_4_clean", 200), ("transfer_4_clean", 320)):
        keep(tmp_path / "table9", make_result(label, correct=correct), make_predictions(correct))
    labels = ("layer_4_1", "layer_4_2", "base_4_clean", "transfer_4_clean")
    write_study(tmp_path, {"table9": Question("Table 9", labels)})
    text = (tmp_path / "study.md").read_text()
    assert line(text, "transfer_4_clean")[8].startswith("layer_4_2: +5.00 (")
    assert line(text, "base_4_clean")[8:] == ["–", "–", "–"]
    assert line(text, "layer_4_2")[8:] == ["–", "–", "–"]


def test_a_part_whose_rows_have_validation_accuracies_is_judged_by_those(tmp_path: Path) -> None:
    """Table 4 gives no test accuracies: dropout_1 89.17 % against ELU's 90.30 % on validation images."""
    for label, correct in (("ELU", 360), ("dropout_1", 300)):
        keep(tmp_path / "table4", make_result(label, correct=correct), make_predictions(correct))
    write_study(tmp_path, {"table4": Question("Table 4", ("ELU", "dropout_1"))})
    text = (tmp_path / "study.md").read_text()
    assert line(text, "ELU")[1] == "90.30 (validation)"
    assert line(text, "dropout_1")[1] == "89.17 (validation)"
    assert line(text, "dropout_1")[-1] == "holds †"


def test_the_studys_own_chance_is_that_of_two_draws_of_its_images(tmp_path: Path) -> None:
    """aug_5 is 88 points below dropout_1_1; aug_1 2.54: two draws of 1,024 differ by 1.96 * 1.36 = 2.66 or less."""
    for label in ("dropout_1_1", "aug_1", "aug_5"):
        keep(tmp_path / "table6", make_result(label), make_predictions(300))
    write_study(tmp_path, {"table6": Question("Table 6", ("dropout_1_1", "aug_1", "aug_5"))})
    text = (tmp_path / "study.md").read_text()
    assert "Beyond the chance of two draws of the study's own test images: 1." in text


def test_rows_with_too_few_seeds_are_listed_with_the_command_that_runs_them(tmp_path: Path) -> None:
    keep(tmp_path / "study-laptop" / "table3", make_result("ReLU"), make_predictions(300))
    write_study(tmp_path / "study-laptop", {"table3": Question("Table 3", ("ReLU", "ELU"), seeds=2)})
    text = (tmp_path / "study-laptop" / "study.md").read_text().partition("## Not run")[2]
    assert line(text, "table3")[1:] == [
        "ELU, ReLU (1 of 2 seeds)",
        "glyphfront study run table3 --scale laptop --seeds 2",
    ]


def test_a_diverged_seed_is_named_and_the_others_count(tmp_path: Path) -> None:
    for seed, diverged in ((0, ""), (1, "the loss is not finite")):
        result = make_result("ReLU", seed=seed, diverged=diverged)
        keep(tmp_path / "table3", result, make_predictions(300))
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert "Diverged: ReLU." in text
    assert line(text, "ReLU")[4] == "1"


def test_the_page_is_made_without_torch(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    code = f"""
import pathlib, sys
from glyphfront.report.sections import Question
from glyphfront.report.study import write_study
write_study(pathlib.Path({str(tmp_path)!r}), {{"table3": Question("Table 3", ("ReLU",))}})
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("scale", ["laptop", "full"])
def test_the_committed_page_and_readme_are_what_the_committed_results_say(tmp_path: Path, scale: str) -> None:
    root = Path(__file__).parents[1]
    listed = subprocess.run(["git", "ls-files", "results"], cwd=root, capture_output=True, text=True)
    for file in listed.stdout.splitlines():  # a study that is running here may have left more
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / file, tmp_path / file)
    if listed.returncode:  # no checkout, as in an unpacked archive
        shutil.copytree(root / "results", tmp_path / "results")
    readme = Path(shutil.copy(root / "README.md", tmp_path))
    options = ["--readme", str(readme)] if scale == "laptop" else []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert main(["report", f"results/study-{scale}", *options]) == 0
    text = Path("results") / f"study-{scale}" / "study.md"
    assert (tmp_path / text).read_text() == (root / text).read_text(), "run make results"
    assert readme.read_text() == (root / "README.md").read_text(), "run make results"
