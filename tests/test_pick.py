from __future__ import annotations

from dataclasses import replace

import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.report.pick import NothingFits, budget_table, pick
from results_factory import make_result

SMALL = make_result("small", correct=300, p50_us=50)  # 75 %, ratio 1
MIDDLE = make_result("middle", correct=340, p50_us=200)  # 85 %, ratio 4
LARGE = make_result("large", correct=344, p50_us=500)  # 86 %, ratio 10
ALL = [LARGE, SMALL, MIDDLE]


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
    assert choice.result is chosen
    assert choice.runner_up is runner_up


def test_of_equally_accurate_models_the_faster_is_picked():
    assert pick([make_result("slow", p50_us=90), make_result("fast", p50_us=80)]).result.run.label == "fast"


def test_of_equally_fast_models_the_more_accurate_is_picked():
    results = [make_result("a", correct=310), make_result("b", correct=320)]
    assert pick(results, min_accuracy=0.5).result.run.label == "b"


def test_best_of_several_seeds_is_not_picked():
    seeds = [make_result("a", seed=s, correct=c) for s, c in ((0, 320), (1, 336))]
    choice = pick(seeds)
    assert choice.result is seeds[0]
    assert choice.runner_up is None
    # 80 and 84 %: mean 82, standard deviation 4 / sqrt 2
    assert "Over 2 seeds its kind has 82.00 % on average, standard deviation 2.83 points." in choice.sentence


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


def test_as_many_right_is_said_without_intervals():
    text = pick([make_result("a"), make_result("b", p50_us=200)]).certainty
    assert "as many right on the same 400 images" in text
    assert "overlap" not in text


def test_a_runner_up_that_is_slower_may_be_more_accurate():
    assert "Runner-up (the next fastest) is large" in pick(ALL, min_accuracy=0.8).certainty
    assert "1.00 points more" in pick(ALL, min_accuracy=0.8).certainty


@pytest.mark.parametrize(("asked", "said"), [(0.84, True), (0.83, False)])
def test_an_interval_that_reaches_below_the_accuracy_asked_for_is_pointed_out(asked, said):
    text = pick(ALL, min_accuracy=asked).certainty  # middle: 83 to 87 %
    assert ("Its interval reaches below 84 %" in text) is said


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
    "bounds", [{"budget_us": 0}, {"budget_us": -1}, {"budget_ratio": 0}, {"min_accuracy": 89}, {"min_accuracy": -0.1}]
)
def test_bounds_out_of_range_are_refused(bounds):
    with pytest.raises(GlyphfrontError, match="got"):
        pick(ALL, **bounds)


def test_results_without_latency_are_no_choice():
    with pytest.raises(GlyphfrontError, match="none of the 2 results has both accuracy and latency"):
        pick([make_result("a", timed=False), make_result("b", diverged="loss is NaN")])


def test_a_budget_in_microseconds_goes_by_the_time_as_measured():
    slow_call = replace(SMALL, latency=replace(SMALL.latency, p50_us=150.0, reference_p50_us=150.0))
    with pytest.raises(NothingFits):
        pick([slow_call], budget_us=100)
    assert pick([slow_call], budget_ratio=1).result is slow_call


def test_budget_table_has_a_step_for_each_model_on_the_front():
    beaten = make_result("beaten", correct=310, p50_us=300)
    table = budget_table([*ALL, beaten], chosen=MIDDLE)
    assert table.rows == (
        ("from 50.0 µs (1.00 ×)", "small", "75.00 % (73.00–77.00)", "the fastest"),
        ("from 200 µs (4.00 ×)", "middle", "85.00 % (83.00–87.00)", "+10.00 points, intervals apart"),
        ("from 500 µs (10.00 ×)", "large", "86.00 % (84.00–88.00)", "+1.00 points, intervals overlap"),
    )
    assert table.strong == {1}


def test_budget_table_says_when_two_models_are_equal():
    assert budget_table([make_result("a"), make_result("b")]).rows[1][3] == "equal in both"
