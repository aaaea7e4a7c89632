import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import multinomial, norm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import (
    Predictions,
    Scored,
    compare,
    compare_files,
    compare_results,
    compare_seeds,
    detectable_difference,
    holm,
    paired,
    read_predictions,
    read_scored,
)
from glyphfront.result import save_result
from results_factory import make_result


def compare_table(both, a_only, b_only, neither):
    counts = (both, a_only, b_only, neither)
    return compare(np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts))


TABLES = [(5, 0, 3, 1), (1, 1, 7, 12), (50, 12, 12, 9), (59, 6, 16, 80), (100, 10, 15, 40), (794, 150, 86, 570)]


def test_counts_are_those_of_the_images():
    a, b = np.array([1, 1, 1, 0, 0, 0], bool), np.array([1, 0, 0, 1, 0, 0], bool)
    result = compare(a, b)
    assert (result.both, result.a_only, result.b_only, result.neither) == (1, 2, 1, 2)


def test_difference_is_accuracy_of_b_minus_accuracy_of_a():
    assert compare_table(5, 3, 1, 1).difference == pytest.approx(6 / 10 - 8 / 10)


def test_discordance_is_the_share_that_one_alone_recognises():
    assert compare_table(5, 3, 1, 1).discordance == 0.4


@pytest.mark.parametrize("table", TABLES)
def test_p_value_matches_statsmodels(table):
    exact = table[1] + table[2] < 25
    expected = mcnemar(np.reshape(table, (2, 2)), exact=exact, correction=False).pvalue
    assert compare_table(*table).p_value == pytest.approx(expected, rel=1e-9)


def test_p_value_of_few_discordant_pairs_matches_published_value():
    # Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91, airway hyper-responsiveness: 2 * 9 / 2**8
    assert compare_table(1, 1, 7, 12).p_value == pytest.approx(0.0703, abs=5e-5)


def test_p_value_of_many_discordant_pairs_matches_published_chi_squared():
    # Wikipedia, McNemar's test, first example: (121 - 59)**2 / (121 + 59) = 21.35
    assert compare_table(101, 121, 59, 33).p_value == pytest.approx(2 * norm.sf(math.sqrt(21.35)), rel=5e-3)


def test_models_that_answer_alike_do_not_differ():
    assert compare_table(80, 0, 0, 20).p_value == 1


def test_interval_matches_published_example():
    # Fagerland, Lydersen and Laake 2014, doi:10.1002/sim.6148, airway hyper-responsiveness, Tango asymptotic score
    result = compare_table(1, 7, 1, 12)
    assert (result.low, result.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


def tango(a_only, b_only, images):
    """The same interval from its definition: the nuisance share by maximising the likelihood numerically."""

    def statistic(delta):
        def loss(share):
            cells = np.array([share, share + delta, 1 - 2 * share - delta])
            return -np.sum(np.array([a_only, b_only, images - a_only - b_only]) * np.log(np.maximum(cells, 1e-300)))

        share = minimize_scalar(
            loss, bounds=(max(0, -delta), (1 - delta) / 2), method="bounded", options={"xatol": 1e-12}
        ).x
        return (difference - delta) / math.sqrt((2 * share + delta - delta**2) / images)

    difference, z = (b_only - a_only) / images, norm.ppf(0.975)
    low = brentq(lambda delta: statistic(delta) - z, -0.999, difference - 1e-6)
    return low, brentq(lambda delta: statistic(delta) + z, difference + 1e-6, 0.999)


@pytest.mark.parametrize(("a_only", "b_only", "images"), [(1, 7, 21), (40, 20, 160), (300, 250, 9400), (3, 9, 9400)])
def test_interval_matches_its_definition(a_only, b_only, images):
    result = compare_table(images - a_only - b_only, a_only, b_only, 0)
    assert (result.low, result.high) == pytest.approx(tango(a_only, b_only, images), abs=1e-6)


def test_interval_of_models_that_answer_alike_matches_hand_computed_value():
    bound = 1.959964**2 / (100 + 1.959964**2)  # only gains are possible then, and n d / (1 - d) = z^2
    result = compare_table(80, 0, 0, 20)
    assert (result.low, result.high) == pytest.approx((-bound, bound), abs=1e-7)


def test_interval_turns_round_with_the_models():
    forth, back = compare_table(60, 9, 21, 10), compare_table(60, 21, 9, 10)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))


@pytest.mark.parametrize("gain", range(25, 45))
def test_interval_leaves_out_zero_exactly_when_chi_squared_is_significant(gain):
    result = compare_table(800, 20, gain, 100)
    assert (result.low > 0) == (result.p_value < 0.05)


def test_interval_ends_at_one_when_only_b_is_right():
    assert compare_table(0, 0, 30, 0).high == pytest.approx(1)


def test_interval_holds_the_truth_in_95_percent_of_samples():
    images, discordant, truth, held = 40, 0.2, 0.06, 0.0
    shares = [(discordant - truth) / 2, (discordant + truth) / 2, 1 - discordant]
    tables = np.array([(a, b, images - a - b) for a in range(20) for b in range(20)])
    for (a_only, b_only, rest), probability in zip(tables, multinomial.pmf(tables, images, shares), strict=True):
        if probability > 1e-5:
            result = compare_table(rest, a_only, b_only, 0)
            held += probability * (result.low <= truth <= result.high)
    assert held == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("a", "b"), [(np.ones(3, bool), np.ones(4, bool)), (np.ones(0, bool), np.ones(0, bool))])
def test_different_or_no_images_cannot_be_compared(a, b):
    with pytest.raises(GlyphfrontError, match="do not fit"):
        compare(a, b)


def trainings(seeds, images, *, gain=0.0, luck=0.0, rng):
    """Models that fail on hard images, each also by its own noise; gain and luck shift all images of a model."""
    ease = rng.normal(1.5, 1.0, images)
    a, b = (
        ease + shift + rng.normal(0, luck, (seeds, 1)) + rng.normal(0, 0.5, (seeds, images)) > 0 for shift in (0, gain)
    )
    return a, b


def test_mean_difference_over_seeds_is_the_difference_of_the_means():
    a, b = trainings(3, 200, gain=0.3, rng=np.random.default_rng(0))
    expected = np.mean([row.mean() for row in b]) - np.mean([row.mean() for row in a])
    assert compare_seeds(a, b, resamples=100).difference == pytest.approx(expected)


def test_standard_error_over_seeds_is_the_images_and_the_seeds_in_quadrature():
    a, b = trainings(4, 300, luck=0.3, rng=np.random.default_rng(1))
    b = b[:2]
    variance = np.var(b.mean(0) - a.mean(0)) / 300 + sum(np.var(m.mean(1), ddof=1) / len(m) for m in (a, b))
    assert compare_seeds(a, b).standard_error == pytest.approx(math.sqrt(variance), rel=0.03)


def test_seed_bootstrap_matches_drawing_image_by_image():
    a, b = trainings(4, 60, gain=0.8, rng=np.random.default_rng(2))
    b, rng = b[:3], np.random.default_rng(3)
    images, of_a, of_b = (rng.integers(0, n, (8000, draws)) for n, draws in ((60, 60), (4, 3), (3, 2)))
    drawn = (b.mean(0) - a.mean(0))[images].mean(1) - (b.mean() - a.mean())
    drawn += b.mean(1)[of_b].mean(1) - a.mean(1)[of_a].mean(1)
    result = compare_seeds(a, b)
    expected = (*np.quantile(drawn, (0.025, 0.975)), 2 * np.mean(drawn <= 0))
    assert (result.low, result.high, result.p_value) == pytest.approx(expected, abs=0.01)


def test_one_seed_each_has_the_spread_of_mcnemars_images():
    a, b = trainings(1, 2000, gain=0.1, rng=np.random.default_rng(4))
    pair = compare(a[0], b[0])
    expected = math.sqrt((pair.discordance - pair.difference**2) / 2000)
    assert compare_seeds(a, b).standard_error == pytest.approx(expected, rel=0.03)


def test_same_draws_give_the_same_comparison():
    a, b = trainings(2, 100, rng=np.random.default_rng(5))
    assert compare_seeds(a, b, resamples=500, seed=7) == compare_seeds(a, b, resamples=500, seed=7)


def test_other_draws_give_another_interval():
    a, b = trainings(2, 100, rng=np.random.default_rng(5))
    assert compare_seeds(a, b, resamples=500, seed=7) != compare_seeds(a, b, resamples=500, seed=8)


def test_kind_compared_with_itself_does_not_differ():
    a, _ = trainings(3, 100, rng=np.random.default_rng(6))
    assert compare_seeds(a, a, resamples=500).p_value > 0.5


def test_least_p_value_is_two_of_the_resamples():
    assert compare_seeds(np.zeros((2, 50), bool), np.ones((2, 50), bool), resamples=999).p_value == 0.002


@pytest.mark.parametrize(("seeds", "luck", "least"), [(3, 0.0, 0.96), (3, 0.03, 0.93), (2, 0.3, 0.8)])
def test_interval_over_seeds_holds_the_truth(seeds, luck, least):
    rng = np.random.default_rng(8)
    intervals = [compare_seeds(*trainings(seeds, 300, luck=luck, rng=rng), resamples=300) for _ in range(250)]
    assert np.mean([i.low <= 0 <= i.high for i in intervals]) >= least


@pytest.mark.parametrize(
    ("a", "b"), [((2, 5), (2, 6)), ((5,), (5,)), ((0, 5), (1, 5)), ((1, 0), (1, 0)), ((1, 5), (5,))]
)
def test_seeds_of_different_or_no_images_cannot_be_compared(a, b):
    with pytest.raises(GlyphfrontError, match="do not fit"):
        compare_seeds(np.ones(a, bool), np.ones(b, bool))


def test_holm_matches_hand_computed_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_holm_keeps_the_order_of_its_input():
    p_values = [0.2, 0.001, 0.9, 0.02, 0.0004]
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_holm_of_nothing_is_nothing():
    assert holm([]) == []


@pytest.mark.parametrize(
    ("images", "discordance", "difference"),
    [
        (59, 0.7, 0.3),  # Chow, Shao and Wang 2003, Sample Size Calculations in Clinical Research, example 6.4.3
        (23, 0.5, 0.4),  # shares 0.45 and 0.05, formula of Connor 1987: 22.01 images
    ],
)
def test_published_sample_size_is_the_least_that_shows_its_difference(images, discordance, difference):
    assert detectable_difference(images, discordance) <= difference < detectable_difference(images - 1, discordance)


@pytest.mark.parametrize(("images", "discordance"), [(9400, 0.06), (1024, 0.1)])
def test_detectable_difference_is_seen_in_80_percent_of_samples(images, discordance):
    rng, difference = np.random.default_rng(9), detectable_difference(images, discordance)
    shares = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    a_only, b_only, _ = rng.multinomial(images, shares, 50_000).T
    assert np.mean((b_only - a_only) ** 2 / (a_only + b_only) > 3.841459) == pytest.approx(0.8, abs=0.01)


def test_difference_beyond_the_discordance_takes_all_discordant_images():
    difference = detectable_difference(500, 0.0)
    needed = (norm.ppf(0.975) + norm.ppf(0.8) * math.sqrt(1 - difference)) ** 2 / difference
    assert needed == pytest.approx(500)  # Connor's formula with discordance = difference


def test_detectable_difference_of_many_tests_is_that_of_the_divided_level():
    assert detectable_difference(9400, 0.06, tests=10) == pytest.approx(detectable_difference(9400, 0.06, alpha=0.005))


def test_more_power_needs_a_larger_difference():
    assert detectable_difference(9400, 0.06, power=0.9) > detectable_difference(9400, 0.06)


def test_three_images_show_no_difference():
    assert detectable_difference(3, 1.0) == 1


@pytest.mark.parametrize("faulty", [{"images": 0}, {"discordance": 1.1}, {"alpha": 0.0}, {"power": 1.0}, {"tests": 0}])
def test_impossible_questions_of_power_are_refused(faulty):
    with pytest.raises(GlyphfrontError, match="no difference is defined"):
        detectable_difference(**{"images": 100, "discordance": 0.1, **faulty})


def predictions_of(correct):
    true = np.arange(len(correct)) % 4
    return Predictions(
        np.where(correct, true, (true + 1) % 4),
        true,
        np.full(len(correct), 0.5, np.float32),
        np.zeros(len(correct), np.bool_),
    )


def scored(label, correct, **options):
    result = make_result(label, correct=int(correct.sum()), total=len(correct), **options)
    return Scored(result, predictions_of(correct))


def keep(folder, one):
    stem = f"{one.result.run.label}-seed{one.result.run.seed}"
    kept = one.predictions
    save_result(one.result, folder / f"{stem}.json")
    np.savez(
        folder / f"{stem}.predictions.npz",
        predicted=kept.predicted.astype(np.uint8),
        true=kept.true.astype(np.uint8),
        probability_of_true=kept.probability_of_true.astype(np.float16),
    )
    return folder / f"{stem}.json"


def right(share, seed, images=400):
    return np.random.default_rng(seed).random(images) < share


def test_predictions_are_read_as_kept(tmp_path):
    path = keep(tmp_path, scored("a", right(0.7, 0)))
    read = read_predictions(path.with_suffix(".predictions.npz"))
    assert read.correct.tolist() == right(0.7, 0).tolist()
    assert (read.predicted.dtype, read.true.dtype, read.probability_of_true.dtype) == (np.int64, np.int64, np.float32)


def test_missing_predictions_are_named(tmp_path):
    with pytest.raises(GlyphfrontError, match=r"x\.npz: no such file"):
        read_predictions(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "fault",
    [
        {"predicted": np.zeros(3, np.uint8)},
        {"predicted": np.zeros((4, 1), np.uint8)},
        {"true": np.zeros(4, np.float32)},
        {"true": np.full(4, -1)},
        {"probability_of_true": np.full(4, np.nan)},
        {"probability_of_true": np.full(4, 1.5)},
        {"probability_of_true": np.zeros(4, int)},
        {"predicted": np.zeros(0, int), "true": np.zeros(0, int), "probability_of_true": np.zeros(0)},
    ],
)
def test_faulty_predictions_are_refused(tmp_path, fault):
    fine = {"predicted": np.zeros(4, int), "true": np.zeros(4, int), "probability_of_true": np.zeros(4)}
    np.savez(tmp_path / "p.npz", **{**fine, **fault})
    with pytest.raises(GlyphfrontError, match="no labels and probabilities"):
        read_predictions(tmp_path / "p.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_other_file_is_no_predictions_file(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(GlyphfrontError, match="not a predictions file"):
        read_predictions(tmp_path / "p.npz")


def test_predictions_file_without_an_array_is_refused(tmp_path):
    np.savez(tmp_path / "p.npz", predicted=np.zeros(4, int))
    with pytest.raises(GlyphfrontError, match="not a predictions file"):
        read_predictions(tmp_path / "p.npz")


def test_result_is_read_with_the_predictions_beside_it(tmp_path):
    one = scored("a", right(0.7, 0))
    read = read_scored(keep(tmp_path, one))
    assert read.result == one.result
    assert read.predictions.correct.tolist() == one.predictions.correct.tolist()


def test_paired_gives_a_row_a_model():
    a, b = right(0.7, 0), right(0.8, 1)
    assert paired([scored("a", a), scored("b", b)]).tolist() == [a.tolist(), b.tolist()]


def test_results_on_different_images_are_not_paired():
    with pytest.raises(GlyphfrontError, match=r"a is scored on .* and b on other images"):
        paired([scored("a", right(0.7, 0)), scored("b", right(0.8, 1), report_fingerprint="0" * 16)])


def test_predictions_of_another_result_are_not_paired():
    one = scored("a", right(0.7, 0))
    with pytest.raises(GlyphfrontError, match="a, seed 0: the predictions are not those of the result"):
        paired([one, replace(one, predictions=predictions_of(right(0.5, 1)))])


def test_table_compares_single_models_by_mcnemar(tmp_path):
    a, b = right(0.7, 0), right(0.8, 1)
    keep(tmp_path, scored("base", a))
    keep(tmp_path, scored("new", b))
    (row,) = compare_results(tmp_path, "base")
    assert (row.label, row.comparison) == ("new", compare(a, b))


def test_table_compares_several_seeds_by_bootstrap(tmp_path):
    a, b = [right(0.7, 0), right(0.7, 1)], [right(0.8, 2), right(0.8, 3), right(0.8, 4)]
    for label, models in (("base", a), ("new", b)):
        for seed, correct in enumerate(models):
            keep(tmp_path, scored(label, correct, seed=seed))
    (row,) = compare_results(tmp_path, "base", resamples=500, seed=3)
    assert row.comparison == compare_seeds(np.array(a), np.array(b), resamples=500, seed=3)


def three_row_table(folder):
    base = right(0.7, 0)
    near = base ^ (np.arange(400) < 4)
    for label, correct in (("base", base), ("far", right(0.95, 1)), ("near", near), ("same", base)):
        keep(folder, scored(label, correct))
    return compare_results(folder, "base")


def test_table_has_a_row_for_every_label_but_the_baseline(tmp_path):
    assert [row.label for row in three_row_table(tmp_path)] == ["far", "near", "same"]


def test_table_corrects_its_p_values(tmp_path):
    rows = three_row_table(tmp_path)
    assert [row.adjusted_p for row in rows] == pytest.approx(holm([row.comparison.p_value for row in rows]))


def test_table_marks_what_differs_beyond_chance(tmp_path):
    assert [row.differs for row in three_row_table(tmp_path)] == [True, False, False]


def test_table_says_what_a_row_could_have_seen(tmp_path):
    far = three_row_table(tmp_path)[0]
    assert far.detectable == detectable_difference(400, far.comparison.discordance, tests=3)


def test_row_of_several_seeds_could_have_seen_what_its_standard_error_allows(tmp_path):
    for label, share in (("base", 0.7), ("new", 0.8)):
        for seed in range(2):
            keep(tmp_path, scored(label, right(share, seed), seed=seed))
    (row,) = compare_results(tmp_path, "base", resamples=500)
    assert row.detectable == pytest.approx((1.959964 + 0.841621) * row.comparison.standard_error, rel=1e-6)


def test_table_leaves_out_what_diverged(tmp_path):
    keep(tmp_path, scored("base", right(0.7, 0)))
    save_result(make_result("lost", diverged="loss is NaN"), tmp_path / "lost-seed0.json")
    assert compare_results(tmp_path, "base") == []


def test_table_leaves_out_labels_scored_on_other_images(tmp_path):
    keep(tmp_path, scored("base", right(0.7, 0)))
    keep(tmp_path, scored("other", right(0.7, 1), report_fingerprint="0" * 16))
    assert compare_results(tmp_path, "base") == []


def test_missing_baseline_is_named_with_what_there_is(tmp_path):
    keep(tmp_path, scored("new", right(0.7, 0)))
    with pytest.raises(GlyphfrontError, match="labelled base; there are: new"):
        compare_results(tmp_path, "base")


def test_label_of_two_different_runs_is_refused(tmp_path):
    keep(tmp_path, scored("base", right(0.7, 0), model="lenet5_new"))
    keep(tmp_path, scored("base", right(0.7, 1), model="layer_4_1", seed=1))
    with pytest.raises(GlyphfrontError, match="labelled base are not of one Run"):
        compare_results(tmp_path, "base")


def test_two_files_are_compared_as_one_row_uncorrected(tmp_path):
    a, b = right(0.7, 0), right(0.8, 1)
    for label, correct in (("base", a), ("new", b)):
        keep(tmp_path, scored(label, correct))
    row = compare_files(tmp_path / "base-seed0.json", tmp_path / "new-seed0.json")
    found = compare(a, b)
    assert (row.label, row.comparison, row.adjusted_p) == ("new", found, found.p_value)
    assert row.detectable == detectable_difference(400, found.discordance)


def test_same_seed_twice_is_refused(tmp_path):
    one = scored("base", right(0.7, 0))
    save_result(one.result, keep(tmp_path, one).with_name("copy.json"))
    with pytest.raises(GlyphfrontError, match="labelled base are not of one Run"):
        compare_results(tmp_path, "base")
