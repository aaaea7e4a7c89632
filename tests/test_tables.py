from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphfront.errors import GlyphfrontError
from glyphfront.report.document import escape_markdown, markdown_table
from glyphfront.report.front import by_test_set, data_label, front, seed_groups
from glyphfront.report.tables import (
    MORE,
    RESULTS,
    confused_table,
    microseconds,
    results_table,
    rows_table,
    seed_table,
    short_count,
    signed_points,
)
from results_factory import make_file, make_result, share


def labels(files):
    return [file.result.run.label for file in files]


def on_front(files):
    return labels(point.file for point in front(files))


def cell(files, row, column):
    table = results_table(files, RESULTS if column in RESULTS else MORE)
    return next(r for r in table.rows if r[0] == row)[table.header.index(column)]


def test_front_holds_what_nothing_beats_in_both_and_starts_with_the_fastest():
    results = [
        make_file("slow and best", correct=360, p50_us=500),
        make_file("fast", correct=300, p50_us=50),
        make_file("beaten", correct=320, p50_us=300),
        make_file("middle", correct=340, p50_us=200),
    ]
    assert on_front(results) == ["fast", "middle", "slow and best"]


def test_front_goes_by_the_ratio_to_the_reference_of_the_same_call():
    busy = make_file("busy", correct=350, p50_us=200, reference_us=100)  # ratio 2
    quiet = make_file("quiet", correct=340, p50_us=150, reference_us=50)  # ratio 3, though fewer µs
    assert on_front([busy, quiet]) == ["busy"]


def test_front_keeps_results_that_are_equal_in_both():
    assert on_front([make_file("b"), make_file("a")]) == ["a", "b"]


@pytest.mark.parametrize("change", [{"correct": 299}, {"p50_us": 101}])
def test_front_drops_what_is_equal_in_one_and_worse_in_the_other(change):
    assert on_front([make_file("better"), make_file("worse", **change)]) == ["better"]


def test_front_leaves_out_diverged_and_untimed_results():
    results = [make_file("nan", diverged="loss is NaN"), make_file("untimed", correct=399, timed=False)]
    assert front(results) == []
    assert on_front([*results, make_file("a")]) == ["a"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=12))
def test_front_is_the_set_of_points_that_no_point_dominates(points):
    results = [make_file(f"m{i}", correct=c, p50_us=float(t)) for i, (c, t) in enumerate(points)]
    undominated = {
        f"m{i}"
        for i, (c, t) in enumerate(points)
        if not any(c2 >= c and t2 <= t and (c2, t2) != (c, t) for c2, t2 in points)
    }
    assert set(on_front(results)) == undominated


def test_lowest_seed_stands_for_all_and_not_the_best():
    seeds = [make_file(f"a{s}", model="a", seed=s, correct=c) for s, c in ((2, 390), (0, 300), (1, 350))]
    assert on_front(seeds) == ["a0"]


def test_front_refuses_results_scored_on_different_images():
    results = [make_file("a"), make_file("b", test_fingerprint="0" * 16, source="official")]
    with pytest.raises(
        GlyphfrontError, match=r"a was tested on balanced .*, b on other images \(balanced \(official\)\)"
    ):
        front(results)


def test_results_on_the_same_images_stand_together():
    a, b, c = make_file("a"), make_file("b", test_fingerprint="0"), make_file("c")
    assert [labels(group) for group in by_test_set([a, b, c])] == [["a", "c"], ["b"]]


def test_runs_that_differ_in_more_than_seed_and_label_are_no_repeats():
    a = make_file("a", seed=0)
    longer = make_file("a", seed=1)
    longer = replace(longer, evaluated=replace(longer.evaluated, row="another row"))
    repeat = make_file("another label", model="a", seed=1)
    assert [labels(group) for group in seed_groups([a, longer, repeat])] == [["a", "another label"], ["a"]]


def test_seed_table_gives_mean_n_and_sample_standard_deviation():
    seeds = [make_file("a", seed=s, correct=c) for s, c in ((0, 320), (1, 328), (2, 336))]  # 80, 82, 84 %
    table = seed_table([*seeds, make_file("alone")])
    assert table.rows == (("a", "0, 1, 2", "3", "82.00", "2.00", "0"),)


def test_seed_table_counts_diverged_seeds_and_gives_no_spread_of_one():
    table = seed_table([make_file("a"), make_file("a", seed=1, diverged="loss is NaN")])
    assert table.rows == (("a", "0, 1", "1", "75.00", "–", "1"),)


def test_results_table_rows_by_hand():
    file = make_file("a", model="lenet5_new")
    (row,) = results_table([file]).rows
    assert row == ("a", "75.00 (73.00–77.00)", "100", "2.00", "61,234", "417 k", "248")
    (row,) = results_table([file], MORE).rows
    assert row == ("a", "lenet5_new", "99.75", "0.2500", "200", "300", "–", "12,345", "33", "1,800", "finished")


def test_accuracy_is_that_of_the_exported_file():
    file = make_file("a", correct=300)
    file = replace(file, exported=replace(file.exported, top1=share(280, 400)))
    assert cell([file], "a", "accuracy, % (95 % interval)") == "70.00 (68.00–72.00)"


def test_an_int8_file_has_a_row_of_its_own():
    file = make_file("a", correct=300)
    int8 = replace(file, exported=replace(file.exported, precision="int8", top1=share(296, 400)), timing=None)
    assert [row[:3] for row in results_table([file, int8]).rows] == [
        ("a", "75.00 (73.00–77.00)", "100"),
        ("a, int8", "74.00 (72.00–76.00)", "–"),
    ]


def test_most_accurate_row_comes_first_and_unscored_ones_last():
    results = [make_file("nan", diverged="x"), make_file("low", correct=200), make_file("high", correct=390)]
    assert [row[0] for row in results_table(results).rows] == ["high", "low", "nan"]


def test_a_diverged_row_says_so_and_shows_no_measures():
    results = [make_file("nan", diverged="loss is NaN")]
    assert cell(results, "nan", "status") == "diverged"
    assert {cell(results, "nan", c) for c in ("loss", "p50, µs", "file, KB", "top-5, %")} == {"–"}


def test_a_loss_that_is_not_a_number_is_a_dash():
    file = make_file("a")
    result = replace(file.result, accuracy=replace(file.result.accuracy, loss=float("nan")))
    assert cell([replace(file, evaluated=replace(file.evaluated, result=result))], "a", "loss") == "–"


def test_rows_that_share_a_label_are_told_apart_by_seed():
    assert {row[0] for row in results_table([make_file("a"), make_file("a", seed=3)]).rows} == {
        "a, seed 0",
        "a, seed 3",
    }


def test_markdown_table_has_a_line_a_result_numbers_to_the_right_and_the_front_in_bold():
    lines = markdown_table(results_table([make_file("a"), make_file("b", correct=200, p50_us=300)])).splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("| --- | ---: | ---: |")
    assert lines[2].startswith("| **a** | **75.00 (73.00–77.00)** |")
    assert lines[3].startswith("| b | 50.00 (48.00–52.00) |")


def test_markdown_cells_cannot_break_out_of_the_table():
    line = markdown_table(results_table([make_file("a|b\n<i>*c*", model="m")])).splitlines()[2]
    assert r"a\|b \<i\>\*c\*" in line


def test_markdown_leaves_underscores_inside_words_alone():
    assert escape_markdown("layer_4_1 _x_") == r"layer_4_1 \_x\_"


def test_confused_table_counts_both_directions_for_every_model():
    first = make_result("a", correct=370)  # 20 zeros read as O, 10 ones read as l
    table = confused_table(first, [make_result("b", correct=394)])
    assert table.header == ("pair", "a", "b")
    assert table.rows == (("0 / O", "20", "4"), ("1 / l", "10", "2"))


def test_confused_table_of_a_faultless_or_unscored_result_is_none():
    assert confused_table(make_result(correct=400)) is None
    assert confused_table(make_result(diverged="x")) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(999, "999"), (1000, "1 k"), (240_123, "240 k"), (999_600, "1 M"), (6_812_345, "6.81 M"), (2 * 10**9, "2 G")],
)
def test_short_counts_have_three_digits(number, text):
    assert short_count(number) == text


@pytest.mark.parametrize(("us", "text"), [(72.64, "72.6"), (211.4, "211"), (1488.0, "1,488")])
def test_microseconds_text(us, text):
    assert microseconds(us) == text


@pytest.mark.parametrize(("difference", "text"), [(0.0106, "+1.06"), (-0.004, "−0.40"), (-1e-6, "+0.00")])
def test_differences_have_a_sign_and_zero_no_minus(difference, text):
    assert signed_points(difference) == text


def test_data_label_names_the_set_once():
    assert data_label(make_result()) == "balanced (unofficial, 400 of 800 test images)"
    assert data_label(make_result(source="built-in balanced pictures")) == "built-in balanced pictures"


def test_importing_tables_and_pick_loads_nothing_that_the_base_install_lacks():
    extra = {"torch", "matplotlib", "jinja2", "scipy", "statsmodels"}
    code = f"import glyphfront.report.pick, sys; print({extra} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_rows_table_has_the_lowest_seed_with_mean_and_spread_over_all():
    files = [make_file("a", seed=seed, correct=correct) for seed, correct in ((2, 320), (0, 300), (1, 340))]
    table = rows_table([*files, make_file("alone", correct=200, p50_us=50)])
    assert [row[:3] for row in table.rows] == [
        ("a", "75.00 (73.00–77.00)", "80.00 ± 5.00 (3)"),  # seed 0; of 75, 80 and 85 % the deviation is 5
        ("alone", "50.00 (48.00–52.00)", "–"),
    ]


def test_rows_table_of_one_seed_each_is_the_results_table():
    files = [make_file("a"), make_file("b", correct=200)]
    assert rows_table(files) == results_table(files)
