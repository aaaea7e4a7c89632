"""report/study.py: the study's figures beside ours, what holds, what leaked, what was not run."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.measure.compare import compare_scored
from glyphfront.measure.predictions import Predictions, save_predictions
from glyphfront.measure.layers import Architecture, GradientRecord, Gradients, Layer, save_layers
from glyphfront.measure.statistics import detectable
from glyphfront.measure.timings import NetworkTiming, Timings, save_timings
from glyphfront.records import to_plain
from glyphfront.report.parts import Question, published, read_part, read_parts, study_claims
from glyphfront.report.study import write_study
from glyphfront.report.transfer import adjusted, pairs
from glyphfront.result import Result, save_result
from glyphfront.run import Optimizer, Run
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find
from glyphfront.studies import SEEDS, SOURCE
from glyphfront.studies.scale import at_scale
from results_factory import make_predictions, make_result

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


def keep_seeds(folder: Path, label: str, *counts: int) -> None:
    """Of 400 images, a training for each count of right ones."""
    for seed, correct in enumerate(counts):
        keep(folder, make_result(label, correct=correct, seed=seed), make_predictions(correct))


def claim(text: str, what: str) -> list[str]:
    """The study's points, beyond its chance, ours, verdict."""
    return next(
        [c.strip() for c in row.split("|")[3:-1]] for row in text.splitlines() if row.split("|")[2:3] == [f" {what} "]
    )


def test_rows_stand_beside_the_studys(tmp_path: Path) -> None:
    """The study: ReLU 88.67, ELU 89.45 %."""
    for label, correct in (("ReLU", 300), ("LeakyReLU", 250), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    page = write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert "Table 3: does the activation matter?" in page.read_text()
    assert line(text, "ELU")[1] == "89.45"
    assert line(text, "ELU")[3].startswith("90.00 (")
    assert line(text, "ELU")[8].startswith("+15.00 (")
    assert line(text, "ELU")[-1] == line(text, "LeakyReLU")[-1] == "yes †"
    assert "† One training on a side: said of these networks" in text
    assert line(text, "ReLU")[-1] == "–"
    assert "glyphfront study run table3" in text  # for Swish, which was not run
    assert line(text.partition("## Not run")[2], "table3")[1] == "Swish"


def test_other_figures_stand_beside_the_studys_too(tmp_path: Path) -> None:
    keep_seeds(tmp_path / "table3", "ELU", 300, 320)
    write_study(tmp_path, QUESTIONS)
    found = line((tmp_path / "study.md").read_text().partition("### Further figures")[2], "ELU")
    assert found == ["ELU", "901", "33", "0.263", "0.250", "99.61", "99.75", "12.0", "2.0", "11.3", "1.5"]


def test_one_training_a_side_gives_no_verdict_on_a_claim(tmp_path: Path) -> None:
    """The study: ELU 0.78 points above ReLU; two draws of 1,024 differ by up to 2.7."""
    for label, correct in (("ReLU", 300), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    found = claim(text, "ELU better than ReLU")
    assert found[:2] == ["+0.78", "no"]
    assert found[2].startswith("+15.00 (")
    assert found[3] == "one training"
    assert "; 1 were put to the test at" in text
    assert "1 have one training on a side so far and get no verdict." in text


@pytest.mark.parametrize(
    ("relu", "elu", "verdict"),
    [
        ((300, 302), (360, 362), "holds"),
        ((360, 362), (300, 302), "does not hold"),
        ((300, 302), (301, 305), "cannot be told"),
        (
            (300, 340),
            (350, 390),
            "cannot be told",
        ),  # beyond the draw of the images, not beyond the variance between seeds
    ],
)
def test_a_claim_is_judged_where_the_seed_variance_is_known(
    tmp_path: Path, relu: tuple[int, int], elu: tuple[int, int], verdict: str
) -> None:
    keep_seeds(tmp_path / "table3", "ReLU", *relu)
    keep_seeds(tmp_path / "table3", "ELU", *elu)
    write_study(tmp_path, QUESTIONS)
    assert claim((tmp_path / "study.md").read_text(), "ELU better than ReLU")[3] == verdict


@pytest.mark.parametrize(
    ("small", "verdict"), [((300, 300), "holds"), ((240, 242), "does not hold"), ((290, 300), "cannot be told")]
)
def test_as_good_means_within_a_point(tmp_path: Path, small: tuple[int, int], verdict: str) -> None:
    """400 images: a point is 4 of them."""
    keep_seeds(tmp_path / "table7", "densenet121", 300, 300)
    keep_seeds(tmp_path / "table7", "layer_4", *small)
    write_study(tmp_path, {"table7": Question("Table 7", ("densenet121", "layer_4"), 2)})
    found = claim((tmp_path / "study.md").read_text(), "layer_4 as good as densenet121")
    assert found[:2] == ["−0.88", "–"]
    assert found[3] == verdict


def test_a_fault_of_the_studys_is_no_claim_that_counts(tmp_path: Path) -> None:
    for label in ("dropout_1_1", "aug_4", "aug_5"):
        keep_seeds(tmp_path / "table6", label, 300, 302)
    write_study(tmp_path, {"table6": Question("Table 6", ("dropout_1_1", "aug_4", "aug_5"), 2)})
    text = (tmp_path / "study.md").read_text()
    assert claim(text, "aug_5 worse than aug_4 (a fault of its program)")[:2] == ["−86.33", "yes"]
    assert claim(text, "aug_4 better than dropout_1_1 (taken on against its own figures)")[0] == "−1.66"
    assert "; 1 were put to the test at" in text


def test_the_studys_own_figures_are_judged_by_the_draw_of_its_images() -> None:
    """layer_4 88.18 against layer_2's 84.18 %: two draws differ by up to 1.96 * 1.52 points; layer_4_1 1.66 above."""
    told = dict(study_claims())
    assert told["layer_4 better than layer_2"]
    assert not told["layer_4_1 better than layer_4"]
    assert told["dropout_1 better than dropout_2"] is None  # validation accuracies only
    assert told["layer_4 as good as densenet121"] is None
    assert not any("aug_5" in text or "_clean" in text for text in told)


def test_claims_are_compared_by_test_accuracy_where_the_study_gives_it_for_both(tmp_path: Path) -> None:
    """Table 5: dropout_1_1 90.72 against ELU's 89.45 on test images; dropout_1 has validation accuracies only."""
    labels = ("ELU", "dropout_1", "dropout_1_1")
    for label in labels:
        keep_seeds(tmp_path / "table5", label, 300, 302)
    write_study(tmp_path, {"table5": Question("Table 5", labels, 2)})
    text = (tmp_path / "study.md").read_text()
    assert claim(text, "dropout_1_1 better than ELU")[0] == "+1.27"
    assert claim(text, "dropout_1_1 better than dropout_1")[:2] == ["+0.57 (validation)", "–"]
    assert line(text.partition("## Table 5")[2], "dropout_1_1")[1] == "90.72"
    assert line(text.partition("## Table 5")[2], "dropout_1")[1] == "89.17 (validation)"


def test_seeds_are_shown_as_mean_with_interval_and_spread(tmp_path: Path) -> None:
    """By hand: 75 and 80 % have mean 77.5 and a standard deviation of 3.54."""
    for label in ("ReLU", "ELU"):
        keep_seeds(tmp_path / "table3", label, 300, 320)
    write_study(tmp_path, QUESTIONS)
    found = line((tmp_path / "study.md").read_text().partition("## Table 3")[2], "ELU")
    assert found[3].startswith("77.50 (")
    assert found[4:6] == ["2", "3.54"]


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
    assert "25% of the scored images stood in the file that the base is trained on as published" in text
    found = text.partition("### As published less clean")[2]
    assert [cell.split(" (")[0] for cell in line(found, "transfer_2, one training")[1:5]] == [
        *(
            "+12.50",
            "+50.00",
            "+0.00",
            "+50.00",
        ),  # 300 less 250 of 400; 100 less 50 of 100; 200 less 200; the difference
    ]
    assert "One training, on a side" in found
    assert "the difference of these two: +50.00 points (" in text
    assert "), with one training on a side no verdict.\n" in text
    assert "from a clean base it brings +2.50 points (" in text  # 250 less 240 of 400


def transfer_pair(part: Path, label: str, clean_label: str, *fewer: int) -> None:
    """One training or more: 400 images, 100 of them seen; as published right on all, clean on so many fewer of them."""
    seen = np.arange(400) < 100
    for seed, missed in enumerate(fewer):
        for name, right, mask in (
            (f"{label}_published", np.arange(400) < 400, seen),
            (clean_label, np.arange(400) >= missed, np.zeros(400, bool)),
        ):
            result = with_run(make_result(name, correct=int(right.sum())), seed=seed)
            predictions = replace(make_predictions(0), predicted=np.where(right, 0, 1), seen=mask)
            keep(part, replace(result, key=result.run.key), predictions)


def test_a_leak_is_judged_where_both_sides_have_two_trainings_and_says_what_it_may_have_missed(tmp_path: Path) -> None:
    transfer_pair(tmp_path / "table9", "transfer_2", "transfer_2_clean", 50, 52)
    labels = ("layer_4_1", "transfer_2_published", "transfer_2_clean")
    write_study(tmp_path, {"table9": Question("Table 9", labels)})
    text = (tmp_path / "study.md").read_text()
    (pair,) = pairs(read_part(tmp_path / "table9", Question("Table 9", labels)))
    assert pair.least == pytest.approx(detectable(pair.compared[3], 1))
    assert f", beyond chance; a leak below {100 * pair.least:.1f} points may be missed." in text
    found = text.partition("### As published less clean")[2]
    assert line(found, "transfer_2")[-2:] == [f"{100 * pair.least:.2f}", "2 and 2"]


def test_leaks_are_corrected_over_the_pairs_that_their_own_part_declares(tmp_path: Path) -> None:
    """Of two pairs declared in table 9 one is there: its p counts twice. The final model's has a part of its own."""
    transfer_pair(tmp_path / "table9", "transfer_2", "transfer_2_clean", 12)
    transfer_pair(tmp_path / "final", "final", "final", 12)
    labels = tuple(f"{n}_{kind}" for n in ("transfer_1", "transfer_2") for kind in ("published", "clean"))
    found = pairs(read_part(tmp_path / "table9", Question("Table 9", labels)))
    found += pairs(read_part(tmp_path / "final", Question("Final", ("final", "final_published"))))
    (p_value,) = {pair.leak.p_value for pair in found if pair.leak}
    assert adjusted(found) == {"transfer_2": pytest.approx(2 * p_value), "final": pytest.approx(p_value)}


def test_readme_gets_the_findings(tmp_path: Path) -> None:
    for label, correct in (("ReLU", 300), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- study:start -->\nyesterday\n<!-- study:end -->\nafter\n")
    write_study(tmp_path, QUESTIONS, readme=readme)
    text = readme.read_text()
    assert "yesterday" not in text
    assert "1 were put to the test" in text
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
    assert len(rows) > 30
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
        (["table3", "--cpus", "2"], "say --on ray too"),
        (["table3", "--latency-seconds", "0"], "--latency-seconds must be above 0"),
    ],
)
def test_cli_says_what_a_study_does_not_take(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "run", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_cli_runs_the_whole_source_study_with_the_seeds_each_part_is_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Run]] = {}

    def carry_out(runs: list[Run], *, out: Path, **_: object) -> None:
        seen[out.name] = runs
        keep(out, make_result("ReLU"), make_predictions(300))

    monkeypatch.setattr("glyphfront.pipeline.execute.execute", carry_out)
    monkeypatch.setattr("glyphfront.pipeline.execute.prepare", lambda data, data_dir: None)
    assert main(["study", "run", "source", "--scale", "laptop", "--out", str(tmp_path)]) == 0
    assert list(seen) == [name for name in SOURCE if name != "final"]  # that is of full scale
    assert {name: max(run.seed for run in runs) + 1 for name, runs in seen.items()} == {n: SEEDS[n] for n in seen}
    assert [run.key for run in seen["table3"][:4]] == [run.key for run in at_scale(SOURCE["table3"], "laptop")]
    assert (tmp_path / "study.html").exists()


def test_cli_writes_the_page_of_the_whole_study_though_runs_of_a_part_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def carry_out(runs: list[Run], *, out: Path, **_: object) -> None:
        if out.name == "table8":
            raise RunsFailedError("2 of 8 runs failed")
        keep(out, make_result("ReLU"), make_predictions(300))

    monkeypatch.setattr("glyphfront.pipeline.execute.execute", carry_out)
    monkeypatch.setattr("glyphfront.pipeline.execute.prepare", lambda data, data_dir: None)
    assert main(["study", "run", "source", "--scale", "laptop", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("glyphfront: 2 of 8 runs failed\n")
    assert (tmp_path / "study.html").exists()


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


def in_turns(**p50_us: float) -> Timings:
    networks = []
    for name, p50 in p50_us.items():
        result = make_result(name, p50_us=p50)
        assert result.latency
        ratio = result.latency.ratio
        networks.append(NetworkTiming(name, "", result.latency, (0.9 * ratio, ratio, 1.2 * ratio)))
    return Timings(tuple(networks), result.provenance)


def test_where_networks_were_timed_in_turns_only_those_times_are_shown(tmp_path: Path) -> None:
    """ReLU's own 100 µs give way to 800; ELU has no time in turns and gets none. The reference takes 50 µs."""
    for label, correct in (("ReLU", 300), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct, reference_us=50), make_predictions(correct))
    timings = in_turns(ReLU=800)
    one = timings.networks[0]
    assert one.latency.ratio == 16
    save_timings(timings, tmp_path / "timings.json")
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert line(text, "ReLU")[7] == "800 (16.0)"
    assert line(text, "ELU")[7] == "–"
    cost = text.partition("### Cost of each network")[2]
    assert line(cost, "ReLU")[3:] == ["800", "16.0", "14.4–19.2", "3"]
    assert "Not timed yet: ELU; glyphfront study time." in cost


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
    assert "of the time for an image" not in (folder / "study.md").read_text()  # timed at different hours
    save_timings(in_turns(final=800, ours=200), folder / "timings.json")
    write_study(folder, questions, readme=readme)
    text = (folder / "study.md").read_text()
    assert "## At full settings. The final model." in text
    assert line(text, "final")[1:4] == ["90.72 (with the leak)", "88.79–92.35", "85.00 (83.00–87.00)"]
    assert line(text, "0") == ["0", "Conv2d 7×7", "64×16×16", "3,136"]
    assert "The shipped ours less that: +5.00 points" in text
    assert "in 25% of the time for an image." in text
    assert "shipped another" not in text
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
        "test_source": "made up",
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


def test_brightness_of_another_network_than_the_tables_is_refused(tmp_path: Path) -> None:
    keep(tmp_path / "table6", make_result("aug_5"), make_predictions(300))
    questions = {"table6": Question("Table 6", ("aug_5",))}
    brightness_file(tmp_path, key=make_result("aug_5").key)
    write_study(tmp_path, questions)
    brightness_file(tmp_path)
    with pytest.raises(GlyphfrontError, match="of another aug_5 than table6's"):
        write_study(tmp_path, questions)


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


def test_networks_trained_on_scored_images_are_not_drawn(tmp_path: Path) -> None:
    seen = replace(make_predictions(390), seen=np.arange(400) < 100)
    keep(tmp_path / "table9", make_result("transfer_2_published", correct=390), seen)
    keep(tmp_path / "table9", make_result("layer_4_1"), make_predictions(300))
    write_study(tmp_path, {"table9": Question("Table 9", ("layer_4_1", "transfer_2_published"))})
    for figure in ("front.svg", "sizes.svg"):
        text = (tmp_path / figure).read_text()
        assert "layer_4_1" in text
        assert "transfer_2_published" not in text
    assert (
        "Left out: rows whose network, or its base, was trained on some of these images (1)."
        in (tmp_path / "study.md").read_text()
    )


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


def test_a_run_of_several_parts_has_all_its_seeds_in_each(tmp_path: Path) -> None:
    """ELU stands in tables 3 and 4: seed 1 was only trained for table 3."""
    keep_seeds(tmp_path / "table3", "ELU", 300, 320)
    keep(tmp_path / "table4", make_result("named differently", model="ELU", correct=300), make_predictions(300))
    keep(tmp_path / "table4", make_result("dropout_1", correct=300), make_predictions(300))
    labels = ("named differently", "dropout_1")
    write_study(tmp_path, {**QUESTIONS, "table4": Question("Table 4", labels, 2)})
    text = (tmp_path / "study.md").read_text()
    assert line(text.partition("## Table 4")[2], "named differently")[3:6][1:] == ["2", "3.54"]
    assert "named differently" not in text.partition("## Not run")[2]


TABLE4 = Question("Table 4", ("ELU", "dropout_1", "dropout_2"), 2)


def test_the_seed_variance_is_pooled_over_tables_of_one_family(tmp_path: Path) -> None:
    """By hand: in four rows trainings 8 of 400 images apart, a variance of 2 points squared each; ELU counts once."""
    keep_seeds(tmp_path / "table3", "ReLU", 300, 308)
    for table in ("table3", "table4"):
        keep_seeds(tmp_path / table, "ELU", 360, 368)
    keep_seeds(tmp_path / "table4", "dropout_1", 300, 308)
    keep_seeds(tmp_path / "table4", "dropout_2", 301, 309)
    keep_seeds(tmp_path / "candidates", "vgg16", 200, 300)  # no change of that network
    questions = {**QUESTIONS, "table4": TABLE4, "candidates": Question("Candidates", ("vgg16", "densenet121"), 2)}
    write_study(tmp_path, questions)
    told = (
        "have a standard deviation of 1.41 points, estimated from rows of this table (2) and rows of other tables "
        "trained alike (2), those with several trainings, with 4 degrees of freedom."
    )
    assert told in (tmp_path / "study.md").read_text()
    parts = read_parts(tmp_path, questions)
    assert [part.seed_variance.df for part in parts.values() if part.seed_variance] == [4, 4]
    row = parts["table3"].rows["ELU"].comparison
    images = (0.14 - 0.15**2) / 400  # 52 images of 400 are right in ELU alone, 16 in half of the trainings besides
    assert row.standard_error == pytest.approx(math.sqrt(images + 2 * 0.02**2 / 2 / 2))


def test_seed_variance_that_was_seen_of_other_rows_alone_gives_no_verdict(tmp_path: Path) -> None:
    for label, correct in (("ReLU", 300), ("ELU", 360)):
        keep(tmp_path / "table3", make_result(label, correct=correct), make_predictions(correct))
    keep_seeds(tmp_path / "table4", "dropout_1", 300, 308, 304)
    keep_seeds(tmp_path / "table4", "ELU", 360)
    write_study(tmp_path, {**QUESTIONS, "table4": TABLE4})
    text = (tmp_path / "study.md").read_text()
    assert "estimated from rows of other tables trained alike (1)" in text
    assert claim(text, "ELU better than ReLU")[3] == "one training"
    assert line(text.partition("## ")[2].partition("Table 3")[2], "ELU")[-1] == "one training"


def test_rows_of_unlike_networks_are_compared_by_their_own_seed_variance(tmp_path: Path) -> None:
    """vgg16's trainings lie a quarter of the images apart; what is said of the other two does not know of it."""
    for label, counts in {"vgg16": (200, 300), "densenet121": (360, 364), "dpn": (360, 368)}.items():
        keep_seeds(tmp_path / "candidates", label, *counts)
    labels = ("vgg16", "densenet121", "dpn")
    write_study(tmp_path, {"candidates": Question("Candidates", labels, 2)})
    assert "The variance between seeds is not pooled over these rows" in (tmp_path / "study.md").read_text()
    part = read_parts(tmp_path, {"candidates": Question("Candidates", labels, 2)})["candidates"]
    assert part.rows["dpn"].comparison == compare_scored(part.scored["densenet121"], part.scored["dpn"])
    assert part.rows["dpn"].comparison.seed_df == 2


def test_a_claim_says_what_laptop_scale_changes_of_it(tmp_path: Path) -> None:
    for label, correct in (("densenet121", 370), ("vgg16", 355)):
        result = with_run(make_result(label, correct=correct), note="laptop: 100 images a class")
        keep(tmp_path / "laptop/candidates", result, make_predictions(correct))
        keep(tmp_path / "full/candidates", with_run(result, note=""), make_predictions(correct))
    plain = "densenet121 better than vgg16"
    for scale, text in (("laptop", f"{plain} (here: 100 images a class in batches of 16)"), ("full", plain)):
        write_study(tmp_path / scale, {"candidates": Question("Candidates", ("densenet121", "vgg16"))})
        assert claim((tmp_path / scale / "study.md").read_text(), text)[3] == "one training"


def test_a_difference_has_one_p_value_in_table_and_claims(tmp_path: Path) -> None:
    """Candidates have six claims, of which two are rows of this table too: six comparisons, whichever are there."""
    for label, correct in (("densenet121", 370), ("vgg16", 355), ("dpn", 371)):
        keep(tmp_path / "candidates", make_result(label, correct=correct), make_predictions(correct))
    part = read_part(tmp_path / "candidates", Question("Candidates", ("densenet121", "vgg16", "dpn")))
    assert part
    ours = {c.than: c.ours for c in part.claims if c.ours}
    assert ours["vgg16"].adjusted_p == pytest.approx(6 * ours["vgg16"].comparison.p_value)
    row = part.rows["vgg16"]
    assert (row.adjusted_p, row.detectable) == (ours["vgg16"].adjusted_p, ours["vgg16"].detectable)
    assert row.comparison.difference == -ours["vgg16"].comparison.difference


def with_run(result: Result, **changes: Any) -> Result:
    return replace(result, run=replace(result.run, **changes))


@pytest.mark.parametrize(
    "change",
    [
        lambda result: with_run(result, epochs=3),
        lambda result: with_run(result, batch_size=8),
        lambda result: with_run(result, optimizer=Optimizer("adam")),
        lambda result: replace(result, data=replace(result.data, train_images=1)),
    ],
)
def test_trainings_by_another_recipe_tell_nothing_of_this_tables_seed_variance(
    tmp_path: Path, change: Callable[[Result], Result]
) -> None:
    keep_seeds(tmp_path / "table3", "ReLU", 300, 308, 304)
    keep_seeds(tmp_path / "table3", "ELU", 360)
    keep(tmp_path / "table4", make_result("ELU", correct=360), make_predictions(360))
    for seed, correct in enumerate((300, 308)):
        result = change(make_result("dropout_1", correct=correct, seed=seed))
        keep(tmp_path / "table4", result, make_predictions(correct))
    seed_variance = read_parts(tmp_path, {**QUESTIONS, "table4": TABLE4})["table3"].seed_variance
    assert seed_variance is not None
    assert seed_variance.df == 2


def test_a_training_that_diverged_in_one_part_is_not_hidden_in_another(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ELU", seed=1, diverged="the loss is not finite"), make_predictions(300))
    keep(tmp_path / "table4", make_result("again", model="ELU"), make_predictions(300))
    write_study(tmp_path, {**QUESTIONS, "table4": Question("Table 4", ("again",), 2)})
    found = line((tmp_path / "study.md").read_text().partition("## Table 4")[2], "again")
    assert found[3].endswith(", 1 of 2 diverged")


def test_files_that_are_the_same_computation_share_their_median_time(tmp_path: Path) -> None:
    """Two rows of one network at 2 and 4 times the reference, and a third at 3: all stand at 3."""
    for seed, p50 in enumerate((100, 200, 150)):
        keep(tmp_path / "table3", make_result("ReLU", seed=seed, p50_us=p50), make_predictions(300))
    keep(tmp_path / "table3", make_result("ELU", p50_us=1000), make_predictions(300))
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert line(text.partition("## Table 3")[2], "ReLU")[7] == "150 (3.0)"
    found = line(text.partition("### Cost of each network")[2], "ReLU")
    assert found[3:] == ["150", "3.0", "2.0–4.0", "3"]


def test_a_row_has_the_baseline_that_it_is_to_be_compared_with_and_bases_have_none(tmp_path: Path) -> None:
    """Transferred layer_4_2 stands against layer_4_2, not against layer_4_1."""
    for label, correct in (("layer_4_1", 100), ("layer_4_2", 300), ("base_4_clean", 200), ("transfer_4_clean", 320)):
        keep(tmp_path / "table9", make_result(label, correct=correct), make_predictions(correct))
    labels = ("layer_4_1", "layer_4_2", "base_4_clean", "transfer_4_clean")
    write_study(tmp_path, {"table9": Question("Table 9", labels)})
    text = (tmp_path / "study.md").read_text()
    assert line(text, "transfer_4_clean")[8].startswith("layer_4_2: +5.00 (")
    assert line(text, "base_4_clean")[8:] == ["–", "–"]
    assert line(text, "layer_4_2")[8:] == ["–", "–"]


@pytest.mark.parametrize(("note", "scale"), [("laptop: epochs 100 → 5", "laptop"), ("", "full")])
def test_rows_with_too_few_seeds_are_listed_with_the_command_that_runs_them(
    tmp_path: Path, note: str, scale: str
) -> None:
    """The scale is that of the Runs, whatever the folder's name."""
    keep(tmp_path / "table3", with_run(make_result("ReLU"), note=note), make_predictions(300))
    write_study(tmp_path, {"table3": Question("Table 3", ("ReLU", "ELU"), seeds=2)})
    text = (tmp_path / "study.md").read_text().partition("## Not run")[2]
    assert line(text, "table3")[1:] == [
        "ELU, ReLU (1 of 2 seeds)",
        f"glyphfront study run table3 --scale {scale} --seeds 2",
    ]


def test_the_final_model_is_listed_at_full_scale(tmp_path: Path) -> None:
    keep(tmp_path / "table3", with_run(make_result("ReLU"), note="laptop: epochs 100 → 5"), make_predictions(300))
    write_study(tmp_path, {**QUESTIONS, "final": Question("Final", ("final",), scale="full")})
    text = (tmp_path / "study.md").read_text().partition("## Not run")[2]
    assert line(text, "final")[1:] == ["all", "glyphfront study run final --scale full"]


def test_a_mean_of_two_trainings_that_is_not_pooled_has_the_interval_of_these_networks(tmp_path: Path) -> None:
    keep_seeds(tmp_path / "table9", "base_1_clean", 300, 300)
    part = read_part(tmp_path / "table9", Question("Table 9", ("base_1_clean",)))
    assert part
    half = 1.959964 * math.sqrt(0.75 * 0.25 / 400)
    assert part.interval("base_1_clean") == pytest.approx((0.75 - half, 0.75 + half))


@pytest.mark.parametrize("command", [["compare", "--baseline", "ReLU"], ["compare"], ["pick"]])
def test_cli_compares_and_picks_from_a_part_not_a_whole_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    (tmp_path / "brightness.json").write_text("{}")
    assert main([*command, str(tmp_path)]) == 2
    assert f"name one of them, such as {tmp_path / 'table3'}" in capsys.readouterr().err


def test_a_row_of_which_a_training_diverged_gets_no_verdict(tmp_path: Path) -> None:
    keep_seeds(tmp_path / "table3", "ReLU", 300, 302)
    keep_seeds(tmp_path / "table3", "ELU", 360, 362)
    lost = make_result("ELU", seed=2, diverged="the loss is not finite")
    keep(tmp_path / "table3", lost, make_predictions(300))
    write_study(tmp_path, QUESTIONS)
    text = (tmp_path / "study.md").read_text()
    assert claim(text, "ELU better than ReLU")[3] == "diverged"
    row = line(text.partition("## Table 3")[2], "ELU")
    assert row[3].endswith("), 1 of 3 diverged")
    assert (row[4], row[-1]) == ("2", "diverged")
    assert "of 1 a training diverged." in text


def test_the_page_is_made_without_torch(tmp_path: Path) -> None:
    keep(tmp_path / "table3", make_result("ReLU"), make_predictions(300))
    code = f"""
import pathlib, sys
from glyphfront.report.parts import Question
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
