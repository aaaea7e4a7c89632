from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import read_folder
from glyphfront.measure.power import detectable_difference
from glyphfront.report.front import files_of
from glyphfront.report.pick import NothingFits, against_table, budget_table, level_with_best, pick
from results_factory import keep, keep_timings, make_file, make_predictions, share

SMALL = make_file("small", correct=300, p50_us=50)  # 75 %, ratio 1
MIDDLE = make_file("middle", correct=340, p50_us=200)  # 85 %, ratio 4
LARGE = make_file("large", correct=344, p50_us=500)  # 86 %, ratio 10
ALL = [LARGE, SMALL, MIDDLE]
# of 400 images, small misses 100 and middle 60 of these; large is right on those 60 and misses 56 others
PREDICTIONS = {
    "small": make_predictions(300),
    "middle": make_predictions(340),
    "large": make_predictions(344, shift=56),
}


def with_predictions(file, predictions=None):
    predictions = predictions or PREDICTIONS[file.name]
    return replace(file, evaluated=replace(file.evaluated, predictions=predictions))


SMALL_P, MIDDLE_P, LARGE_P = (with_predictions(file) for file in (SMALL, MIDDLE, LARGE))
ALL_P = [LARGE_P, SMALL_P, MIDDLE_P]


@pytest.mark.parametrize(
    ("bounds", "chosen", "runner_up"),
    [
        ({}, LARGE, MIDDLE),
        ({"budget_us": 300}, MIDDLE, SMALL),
        ({"budget_us": 200}, MIDDLE, SMALL),
        ({"budget_us": 60}, SMALL, None),
        ({"budget_ratio": 4}, MIDDLE, SMALL),
        ({"min_accuracy": 0.8}, MIDDLE, LARGE),
        ({"min_accuracy": 0.86}, LARGE, None),
        ({"min_accuracy": 0.7, "budget_us": 300}, MIDDLE, SMALL),
        ({"budget_us": 600, "budget_ratio": 2}, SMALL, None),
    ],
)
def test_pick_takes_the_most_accurate_in_the_budget_or_the_fastest_that_is_accurate_enough(bounds, chosen, runner_up):
    choice = pick(ALL, **bounds)
    assert choice.file is chosen
    assert choice.runner_up is runner_up


def test_of_equally_accurate_models_the_faster_is_picked():
    assert pick([make_file("slow", p50_us=90), make_file("fast", p50_us=80)]).file.name == "fast"


def test_of_equally_fast_models_the_more_accurate_is_picked():
    results = [make_file("a", correct=310), make_file("b", correct=320)]
    assert pick(results, min_accuracy=0.5).file.name == "b"


def test_best_of_several_seeds_is_not_picked():
    seeds = [make_file("a", seed=s, correct=c) for s, c in ((0, 320), (1, 336))]
    choice = pick(seeds)
    assert choice.file is seeds[0]
    assert choice.runner_up is None
    # 80 and 84 %: mean 82, standard deviation 4 / sqrt 2
    assert "Over 2 seeds it has 82.00 % on average, standard deviation 2.83 points." in choice.sentence


def test_sentence_names_bound_model_accuracy_interval_data_latency_and_ratio():
    assert pick(ALL, budget_us=300).sentence.startswith(
        "Within 300 µs an image, take middle: accuracy 85.00 % (95 % interval 83.00–87.00 %) "
        "on balanced (unofficial, 400 of 800 test images), 200 µs an image (p50), 4.00 × the reference lenet5_new. "
    )


def test_overlapping_intervals_are_said_not_to_decide():
    text = pick(ALL).certainty
    assert "middle with 85.00 % (83.00–87.00 %) in 200 µs, 1.00 points less on the same 400 images" in text
    assert "the intervals overlap, so they do not show which of the two is the more accurate" in text


def test_intervals_apart_are_said_to_differ():
    assert "the intervals do not overlap" in pick(ALL, budget_us=300).certainty


def test_with_predictions_the_runner_up_is_compared_image_by_image():
    p = mcnemar([[0, 60], [56, 0]], exact=False, correction=False).pvalue
    text = pick(ALL_P).certainty
    assert "in 200 µs, −1.00 points on the same 400 images (paired 95 % interval −6." in text
    assert f"McNemar's p {p:.3f}), so the two cannot be told apart there." in text
    assert "overlap" not in text


def test_a_paired_difference_beyond_chance_is_said_to_be_so_of_this_pair():
    text = pick(ALL_P, budget_us=300).certainty  # 40 images that middle alone recognises
    assert "−10.00 points on the same 400 images" in text
    assert "McNemar's p < 0.001), beyond chance for this pair by itself." in text


def test_intervals_that_overlap_do_not_hide_a_paired_difference():
    a, b = make_file("a", correct=320), make_file("b", correct=310, p50_us=200)
    assert "the intervals overlap" in pick([a, b]).certainty
    both = [with_predictions(a, make_predictions(320)), with_predictions(b, make_predictions(310))]
    assert "beyond chance" in pick(both).certainty


@pytest.mark.parametrize("kept", [SMALL, MIDDLE, LARGE])
def test_predictions_of_one_model_alone_leave_it_at_the_intervals(kept):
    files = [with_predictions(file) if file is kept else file for file in ALL]
    assert pick(files).certainty == pick(ALL).certainty


def test_predictions_of_another_evaluation_are_refused():
    with pytest.raises(GlyphfrontError, match="middle, seed 0: the predictions are not those of the result"):
        pick([LARGE_P, SMALL_P, with_predictions(MIDDLE, make_predictions(339))])


def test_the_base_install_picks_by_the_intervals(tmp_path):
    for file in ALL:
        keep(tmp_path, file.result, PREDICTIONS[file.name])
    keep_timings(tmp_path, {"small": 50, "middle": 200, "large": 500})
    missing = tmp_path / "missing"
    missing.mkdir()
    for name in ("torch", "matplotlib", "jinja2", "scipy", "statsmodels"):
        (missing / f"{name}.py").write_text("raise ImportError")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(missing), *sys.path])}

    def picked(*arguments):
        command = [sys.executable, "-m", "glyphfront", "pick", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=missing, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    from_results, from_cards = picked(str(tmp_path)), picked()
    assert "take large" in from_results
    assert "take glyphnet" in from_cards
    assert "the intervals overlap" in from_results


def test_a_model_is_chosen_by_its_files_and_an_int8_file_has_a_row_of_its_own(tmp_path):
    """Large in int8 loses 2 of 400 images and takes 150 µs instead of 500: within 300 µs it is the one to take."""
    fp32 = LARGE.exported
    int8 = replace(fp32, precision="int8", graph="graph of large, int8", top1=share(342, 400))
    keep(tmp_path, replace(LARGE.result, exported=(fp32, int8)), PREDICTIONS["large"])
    keep(tmp_path, MIDDLE.result, PREDICTIONS["middle"])
    keep_timings(tmp_path, {"large": 500, "large, int8": 150, "middle": 200})
    reading = read_folder(tmp_path)
    files = files_of(reading.evaluated, reading.timings)
    choice = pick(files, budget_us=300)
    assert [file.name for file in files] == ["large", "large, int8", "middle"]
    assert (choice.file.name, choice.runner_up.name) == ("large, int8", "middle")
    assert "the intervals overlap" in choice.certainty  # predictions are those of the weights, not of an int8 file
    assert [row[1] for row in budget_table(files).rows] == ["large, int8", "large"]


def test_as_many_right_is_said_without_intervals():
    text = pick([make_file("a"), make_file("b", p50_us=200)]).certainty
    assert "as many right on the same 400 images" in text
    assert "overlap" not in text


def test_a_runner_up_that_is_slower_may_be_more_accurate():
    assert "Runner-up (the next fastest) is large" in pick(ALL, min_accuracy=0.8).certainty
    assert "1.00 points more" in pick(ALL, min_accuracy=0.8).certainty


@pytest.mark.parametrize(("asked", "said"), [(0.84, True), (0.83, False)])
def test_an_interval_that_reaches_below_the_accuracy_asked_for_is_pointed_out(asked, said):
    text = pick(ALL, min_accuracy=asked).certainty  # middle: 83 to 87 %
    assert ("Its interval reaches below 84 %" in text) is said


def test_trainings_that_diverged_are_counted_beside_those_that_did_not():
    """A row is not said to have one seed where its other trainings failed."""
    ended = [make_file("a", seed=seed, correct=320) for seed in (0, 2)]
    lost = [make_file("a", seed=seed, diverged="loss is NaN") for seed in (1, 3, 4)]
    assert pick([*ended, *lost]).certainty.endswith("standard deviation 0.00 points. 3 more diverged.")
    assert pick([ended[0], *lost[:2]]).certainty.endswith(
        "Of its 3 trainings 2 diverged: how much another that does not would differ is not known."
    )
    int8 = replace(ended[0], exported=replace(ended[0].exported, precision="int8"))
    assert "Of its 2 trainings 1 diverged" in pick([int8, lost[0]]).certainty


def test_one_seed_is_said_to_leave_the_spread_unknown():
    assert pick(ALL).certainty.endswith("one seed: how much another training would differ is not known.")


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"budget_us": 20}, "no model here fits 20 µs: the fastest is small (75.00 %, 50.0 µs, 1.00 × the reference)"),
        ({"budget_ratio": 0.5}, "no model here fits 0.5 × the reference: the fastest is small"),
        ({"min_accuracy": 0.9}, "no model here reaches 90 %: the most accurate is large (86.00 %, 500 µs"),
        (
            {"budget_us": 100, "min_accuracy": 0.8},
            "no model here does both: the most accurate within 100 µs is small (75.00 %, 50.0 µs, 1.00 × the "
            "reference), the fastest reaching 80 % is middle",
        ),
        (
            {"budget_us": 100, "min_accuracy": 0.9},
            "no model here reaches 90 %: the most accurate within 100 µs is small",
        ),
        ({"budget_us": 20, "min_accuracy": 0.8}, "no model here fits 20 µs: the fastest reaching 80 % is middle"),
        ({"budget_us": 20, "min_accuracy": 0.9}, "no model here fits 20 µs or reaches 90 %: the fastest is small"),
    ],
)
def test_what_nothing_fits_is_answered_with_the_nearest_in_one_line(bounds, message):
    with pytest.raises(NothingFits) as caught:
        pick(ALL, **bounds)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "bounds",
    [
        *({"budget_us": 0}, {"budget_us": -1}, {"budget_us": float("inf")}, {"budget_ratio": 0}),
        *({"min_accuracy": 89}, {"min_accuracy": -0.1}),
    ],
)
def test_bounds_out_of_range_are_refused(bounds):
    with pytest.raises(GlyphfrontError, match="got"):
        pick(ALL, **bounds)


def test_an_accuracy_that_is_missed_by_its_rounding_is_told_to_more_digits():
    almost = make_file("almost", correct=8999, total=9999)  # 89.99900 %
    with pytest.raises(NothingFits, match=r"no model here reaches 90 %: .* \(90.00 %, .*; that is 89.9990 %"):
        pick([almost], min_accuracy=0.9)


def test_results_without_latency_are_no_choice():
    with pytest.raises(GlyphfrontError, match="none of the 2 results has both accuracy and latency"):
        pick([make_file("a", timed=False), make_file("b", diverged="loss is NaN")])


def test_a_budget_in_microseconds_goes_by_the_time_as_measured():
    slow_call = make_file("small", p50_us=150.0, reference_us=150.0)
    with pytest.raises(NothingFits):
        pick([slow_call], budget_us=100)
    assert pick([slow_call], budget_ratio=1).file is slow_call


def test_budget_table_has_a_step_for_each_model_on_the_front():
    beaten = make_file("beaten", correct=310, p50_us=300)
    table = budget_table([*ALL, beaten], chosen=MIDDLE)
    assert table.rows == (
        ("from 50.0 µs (1.00 ×)", "small", "75.00 % (73.00–77.00)", "the fastest"),
        ("from 200 µs (4.00 ×)", "middle", "85.00 % (83.00–87.00)", "+10.00, intervals apart"),
        ("from 500 µs (10.00 ×)", "large", "86.00 % (84.00–88.00)", "+1.00, intervals overlap"),
    )
    assert table.strong == {1}


def test_budget_table_says_when_two_models_are_equal():
    assert budget_table([make_file("a"), make_file("b")]).rows[1][3] == "equal in both"


def test_budget_table_steps_by_the_paired_difference_where_predictions_are_there():
    steps = [row[3] for row in budget_table(ALL_P).rows]
    assert steps[0] == "the fastest"
    assert steps[1].startswith("+10.00 (+7.")
    assert steps[1].endswith("), beyond chance")
    assert steps[2].startswith("+1.00 (−4.")
    assert steps[2].endswith("), not told apart")


def test_against_table_gives_each_other_model_its_difference_verdict_and_corrected_p():
    table, _ = against_table(ALL_P, LARGE_P)
    counts = ([[0, 60], [56, 0]], [[0, 100], [56, 0]])  # images that large alone and that the other alone recognises
    p = multipletests([mcnemar(c, exact=False, correction=False).pvalue for c in counts], method="holm")[1]
    assert table.header[1] == "against large"
    assert [(row[0], row[1], row[2].split()[0], row[3]) for row in table.rows] == [
        ("middle", "cannot be told apart on these 400 images", "−1.00", f"{p[0]:.3f}"),
        ("small", "less accurate beyond chance", "−11.00", "< 0.001"),
    ]


def test_against_table_names_what_is_more_accurate_than_a_pick_with_a_budget():
    table, _ = against_table(ALL_P, SMALL_P)
    assert table.rows[0][:2] == ("large", "more accurate beyond chance")
    assert table.rows[1][:2] == ("middle", "more accurate beyond chance")


def test_against_table_corrects_for_its_length():
    missed = make_predictions(336, shift=2)  # 4 against 0: exact p 2 / 2**4
    other = make_file("other", correct=336, p50_us=600, predictions=missed)
    twin = make_file("twin", correct=336, p50_us=700, predictions=missed)
    alone, _ = against_table([MIDDLE_P, other], MIDDLE_P)
    both, _ = against_table([MIDDLE_P, other, twin], MIDDLE_P)
    assert [row[3] for row in alone.rows] == ["0.125"]
    assert [row[3] for row in both.rows] == ["0.250", "0.250"]


def test_against_table_says_what_it_could_have_seen_and_what_it_speaks_of():
    _, sentence = against_table(ALL_P, LARGE_P)
    least, most = (100 * detectable_difference(400, alone / 400, tests=2) for alone in (116, 156))
    assert f"The table shows a true difference of {least:.2f} to {most:.2f} points" in sentence
    assert "these trained models, one seed each, and not of other trainings" in sentence


def test_against_table_compares_the_lowest_seed_of_each_kind_and_names_what_it_lacks():
    seeds = [make_file("middle", correct=340, p50_us=200, seed=s, predictions=make_predictions(340)) for s in (1, 2)]
    alone = make_file("alone", correct=10)
    nan = make_file("nan", diverged="loss is NaN")
    table, sentence = against_table([*seeds, LARGE_P, nan, alone], LARGE_P)
    assert [row[0] for row in table.rows] == ["middle"]
    assert sentence.endswith("Not in it, for want of predictions: alone.")


def test_without_predictions_there_is_no_table_against_and_of_one_model_nothing_to_say():
    table, sentence = against_table(ALL, LARGE)
    assert table is None
    assert sentence.startswith("large cannot be compared image by image")
    assert against_table([LARGE], LARGE) == (None, "")


def test_level_with_the_best_is_what_mcnemar_corrected_over_all_does_not_tell_from_it():
    # against large, middle has 60 wrong alone of 116 and small some 44 more wrong of 400: computed by statsmodels
    tests = [mcnemar([[0, b], [c, 0]], exact=False).pvalue for b, c in ((60, 56), (100, 56))]
    level = [not rejected for rejected in multipletests(tests, method="holm")[0]]
    assert level == [True, False]
    assert [point.file for point in level_with_best(ALL_P)] == [LARGE_P, MIDDLE_P]


def test_nothing_without_predictions_is_level_with_the_best():
    assert [point.file for point in level_with_best(ALL)] == [LARGE]
