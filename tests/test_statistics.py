import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest, chi2, multinomial, norm, t, ttest_ind
from statsmodels.api import OLS

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import accuracy_interval
from glyphfront.measure.power import detectable, detectable_difference, trainings_needed
from glyphfront.measure.statistics import (
    SeedVariance,
    compare,
    compare_seeds,
    holm,
    mean_interval,
    of_networks,
    pooled_seed_variance,
    reverse,
    single,
)


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
def test_p_value_is_binomial_below_25_discordant_pairs_and_chi_squared_from_there_on(table):
    _, a_only, b_only, _ = table
    if a_only + b_only < 25:
        expected = binomtest(a_only, a_only + b_only).pvalue
    else:
        expected = chi2.sf((b_only - a_only) ** 2 / (a_only + b_only), 1)
    assert compare_table(*table).p_value == pytest.approx(expected, rel=1e-9)


def test_models_that_agree_on_all_images_do_not_differ():
    assert compare_table(8, 0, 0, 2).p_value == 1


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


def trainings(seeds, images, *, kinds=2, gain=0.0, seed_sd=0.0, rng):
    """Models that fail on hard images, each also by its own noise; gain and seed shift all images of a model."""
    ease = rng.normal(1.5, 1.0, images)
    shifts = [gain, *[0.0] * (kinds - 1)][::-1]
    return [
        ease + shift + rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, 0.5, (seeds, images)) > 0 for shift in shifts
    ]


def test_mean_difference_over_seeds_is_the_difference_of_the_means():
    a, b = trainings(3, 200, gain=0.3, rng=np.random.default_rng(0))
    expected = np.mean([row.mean() for row in b]) - np.mean([row.mean() for row in a])
    assert compare_seeds(a, b).difference == pytest.approx(expected)


def test_seed_variance_is_the_pooled_variance_of_an_analysis_of_variance():
    models = trainings(3, 100, kinds=4, seed_sd=0.3, rng=np.random.default_rng(1))
    models[1] = models[1][:1]
    scores = [m.mean(1) for m in models]
    kinds = np.repeat(range(4), [3, 1, 3, 3])
    linear = OLS(np.concatenate(scores), np.eye(4)[kinds]).fit()
    variance_of_seeds = pooled_seed_variance(models)
    assert (variance_of_seeds.variance, variance_of_seeds.df) == (pytest.approx(linear.mse_resid), linear.df_resid)


def test_nothing_is_known_of_the_variance_between_seeds_without_a_second_seed():
    assert pooled_seed_variance(trainings(1, 50, kinds=3, rng=np.random.default_rng(2))) is None


def test_comparison_over_seeds_matches_hand_computed_values():
    """a: 2 and 3 of 4 images right, b: 4 and 3; seed variance 1/32 with 2 degrees of freedom."""
    a, b = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool), np.array([[1, 1, 1, 1], [0, 1, 1, 1]], bool)
    of_images = np.var([-0.5, 0, 0.5, 1]) / 4
    variance = of_images + 1 / 32
    df = variance**2 / ((1 / 32) ** 2 / 2)
    found = compare_seeds(a, b, seed_variance=pooled_seed_variance([a, b]))
    assert found.difference == 0.25
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    assert (found.of_trainings, found.seed_df, found.df) == (pytest.approx(1 / 32), 2, pytest.approx(df))
    half = t.ppf(0.975, df) * math.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((0.25 - half, 0.25 + half))
    assert found.p_value == pytest.approx(2 * t.sf(0.25 / math.sqrt(variance), df))


def test_a_side_with_its_own_variance_has_for_each_part_the_interval_that_it_asks_for():
    """As above, where the two variances happen to be alike: half of the interval is a hypotenuse."""
    a, b = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool), np.array([[1, 1, 1, 1], [0, 1, 1, 1]], bool)
    of_images, of_trainings = np.var([-0.5, 0, 0.5, 1]) / 4, 1 / 32
    half = math.hypot(norm.ppf(0.975) * math.sqrt(of_images), t.ppf(0.975, 2) * math.sqrt(of_trainings))
    found = compare_seeds(a, b)
    assert (found.low, found.high) == pytest.approx((max(0.25 - half, -1), min(0.25 + half, 1)))
    assert (found.of_trainings, found.seed_df) == pytest.approx((of_trainings, 2))
    assert found.p_value == pytest.approx(2 * t.sf(0.25 / found.standard_error, found.df))


def test_trainings_that_do_not_differ_leave_the_images():
    a, b = (np.repeat(kind, 2, 0) for kind in trainings(1, 500, gain=0.3, rng=np.random.default_rng(7)))
    found = compare_seeds(a, b)
    assert (found.of_trainings, found.seed_df, found.df) == (0, 2, None)


def test_without_others_each_side_has_its_own_variance_between_seeds():
    """Trainings that recognise all of many images or none: what is left is Welch's test of their accuracies."""
    a, b = np.zeros((4, 100_000), bool), np.ones((6, 100_000), bool)
    a[0], b[:2] = True, False
    found = compare_seeds(a, b)
    welch = ttest_ind(b.mean(1), a.mean(1), equal_var=False)
    interval = welch.confidence_interval()
    assert (found.p_value, found.df) == pytest.approx((welch.pvalue, welch.df))
    assert interval.high > 1  # no accuracies differ by so much
    assert (found.low, found.high) == pytest.approx((interval.low, 1))


@pytest.mark.parametrize("ratio", [1, 8])
def test_two_trainings_a_side_that_scatter_differently_are_seldom_told_apart(ratio):
    """The size of the test where one net's trainings lie far apart: at most 5 of 100, with leeway for 400 draws."""
    rng, p_values = np.random.default_rng(8), []
    for _ in range(400):
        ease = rng.normal(0, 1, 500)
        accuracies = [0.75 + rng.normal(0, sd, (2, 1)).clip(-0.2, 0.2) for sd in (0.01, 0.01 * ratio)]
        a, b = (ease + rng.normal(0, 0.5, (2, 500)) > math.sqrt(1.25) * norm.isf(each) for each in accuracies)
        p_values.append(compare_seeds(a, b).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_spread_of_the_images_is_that_of_a_paired_bootstrap():
    a, b = (m[:1] for m in trainings(1, 300, gain=0.4, rng=np.random.default_rng(3)))
    drawn = np.random.default_rng(4).integers(300, size=(20_000, 300))
    expected = (b[0].astype(float) - a[0])[drawn].mean(1).std()
    assert compare_seeds(a, b).standard_error == pytest.approx(expected, rel=0.02)


def test_without_a_second_seed_its_variance_is_left_out_and_the_test_is_mcnemars():
    a, b = trainings(1, 2000, gain=0.1, rng=np.random.default_rng(4))
    pair, found = compare(a[0], b[0]), compare_seeds(a, b)
    assert (found.seed_df, found.df) == (0, None)
    assert found.p_value == pytest.approx(pair.p_value, rel=0.05)
    assert (found.low, found.high) == pytest.approx((pair.low, pair.high), rel=0.05)


def test_single_trainings_get_the_seed_variance_of_the_other_rows():
    a, b = trainings(1, 500, gain=0.2, rng=np.random.default_rng(5))
    alone, pooled = compare_seeds(a, b), compare_seeds(a, b, seed_variance=SeedVariance(0.01**2, 4))
    assert pooled.standard_error**2 == pytest.approx(alone.standard_error**2 + 2 * 0.01**2)
    assert pooled.high - pooled.low > alone.high - alone.low


def test_weights_choose_images_and_take_one_difference_from_another():
    a, b = trainings(2, 400, gain=0.5, seed_sd=0.1, rng=np.random.default_rng(6))
    some = np.arange(400) < 100
    chosen = compare_seeds(a, b, weights=some / 100)
    alone = compare_seeds(a[:, some], b[:, some])
    assert asdict(chosen) == pytest.approx(asdict(alone))
    rest = compare_seeds(a[:1], b[:1], weights=~some / 300)
    first = compare_seeds(a[:1], b[:1], weights=some / 100)
    both = compare_seeds(a[:1], b[:1], weights=some / 100 - ~some / 300)
    assert both.difference == pytest.approx(first.difference - rest.difference)
    assert both.standard_error == pytest.approx(math.hypot(first.standard_error, rest.standard_error))
    assert both.images == 400


def test_kind_compared_with_itself_does_not_differ():
    a, _ = trainings(3, 100, rng=np.random.default_rng(6))
    assert compare_seeds(a, a).p_value == 1


def test_models_that_differ_in_nothing_but_one_way_differ_surely():
    found = compare_seeds(np.zeros((2, 50), bool), np.ones((2, 50), bool))
    assert (found.difference, found.high) == (1, 1)
    assert found.low > 0.9
    assert found.p_value < 1e-6


@pytest.mark.parametrize("images", [1, 2, 6])
def test_a_few_images_alone_tell_nothing_beyond_chance(images):
    """By hand: six images that all speak for one side are p = 2 / 2 ** 6 = 0.03 of a sign test; two are 0.5."""
    found = compare_seeds(np.zeros((2, images), bool), np.ones((2, images), bool))
    assert found.p_value == pytest.approx(2 / 2**images)


def test_trainings_that_agree_on_every_image_are_known_no_better_than_one_is():
    """As wide as Tango's and Wilson's of one training: 30 easy images show no mean of 100 %, nor that two are alike."""
    right = np.ones((3, 30), bool)
    found, one = compare_seeds(right, right), compare(right[0], right[0])
    assert (found.low, found.high, found.p_value) == (pytest.approx(one.low), pytest.approx(one.high), 1)
    assert mean_interval(right) == (pytest.approx(accuracy_interval(30, 30)[0]), 1)
    assert mean_interval(~right) == (0, pytest.approx(accuracy_interval(0, 30)[1]))
    assert trainings_needed(found, 0.05) == math.inf


@pytest.mark.parametrize(("seeds", "kinds", "seed_sd"), [(2, 4, 0.0), (2, 4, 0.05), (2, 6, 0.3), (3, 3, 0.1)])
def test_of_kinds_that_do_not_differ_few_are_told_apart(seeds, kinds, seed_sd):
    """The size of the test, over tables of rows that do not differ: at most 5 of 100, with leeway for 400 draws."""
    rng, p_values = np.random.default_rng(8), []
    for _ in range(400):
        models = trainings(seeds, 500, kinds=kinds, seed_sd=seed_sd, rng=rng)
        p_values.append(compare_seeds(models[0], models[1], seed_variance=pooled_seed_variance(models)).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_a_real_difference_is_seen():
    rng = np.random.default_rng(9)
    tables = [trainings(2, 500, kinds=4, gain=1.0, seed_sd=0.05, rng=rng) for _ in range(50)]
    found = [compare_seeds(m[0], m[-1], seed_variance=pooled_seed_variance(m)) for m in tables]
    assert np.mean([one.p_value < 0.05 for one in found]) > 0.9


def test_one_degree_of_freedom_tells_nothing_and_networks_are_compared():
    """Two trainings against one: their own variance has one degree of freedom."""
    a, b = trainings(2, 400, gain=0.5, rng=np.random.default_rng(1))
    b = b[:1]
    found = compare_seeds(a, b)
    assert pooled_seed_variance([a, b]) is None
    assert (found.seed_df, found.df, of_networks(found), single(found)) == (0, None, True, True)
    each = b[0] - a.mean(0)
    assert found.standard_error == pytest.approx(each.std() / math.sqrt(each.size))


def test_a_comparison_turned_round_is_that_of_b_and_a():
    a, b = trainings(3, 400, gain=0.5, rng=np.random.default_rng(1))
    a = a[:2]
    turned, other = reverse(compare_seeds(a, b)), compare_seeds(b, a)
    assert (turned.a_seeds, turned.b_seeds) == (other.a_seeds, other.b_seeds) == (3, 2)
    assert [turned.difference, turned.low, turned.high] == pytest.approx([other.difference, other.low, other.high])
    turned, other = reverse(compare(a[0], b[0])), compare(b[0], a[0])
    assert (turned.a_only, turned.b_only, turned.p_value) == (other.a_only, other.b_only, other.p_value)
    assert [turned.difference, turned.low, turned.high] == pytest.approx([other.difference, other.low, other.high])


def test_interval_of_a_mean_holds_images_and_seeds():
    (models,) = trainings(4, 300, kinds=1, seed_sd=0.3, rng=np.random.default_rng(1))
    own = SeedVariance(float(np.var(models.mean(1), ddof=1)), 3)
    of_images, of_seeds = np.var(models.mean(0)) / 300, own.variance / 4
    half = math.hypot(norm.ppf(0.975) * math.sqrt(of_images), t.ppf(0.975, 3) * math.sqrt(of_seeds))
    assert mean_interval(models) == pytest.approx((models.mean() - half, models.mean() + half))
    variance = of_images + of_seeds
    half = t.ppf(0.975, variance**2 / (of_seeds**2 / 3)) * math.sqrt(variance)
    assert mean_interval(models, own) == pytest.approx((models.mean() - half, models.mean() + half))
    assert mean_interval(np.ones((2, 10), bool), SeedVariance(0.01, 3))[1] == 1


@pytest.mark.parametrize(
    ("a", "b"), [((2, 5), (2, 6)), ((5,), (5,)), ((0, 5), (1, 5)), ((1, 0), (1, 0)), ((1, 5), (5,))]
)
def test_seeds_of_different_or_no_images_cannot_be_compared(a, b):
    with pytest.raises(GlyphfrontError, match="do not fit"):
        compare_seeds(np.ones(a, bool), np.ones(b, bool))


def test_holm_matches_hand_computed_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_holm_keeps_the_order_of_its_input():
    """By hand: 4 times 0.0004, 3 times 0.001 ... raised to the one before where that is more."""
    assert holm([0.2, 0.001, 0.9, 0.0004]) == pytest.approx([0.4, 0.003, 0.9, 0.0016])


def test_holm_counts_tests_still_to_come():
    assert holm([0.01, 0.04], tests=5) == pytest.approx([0.05, 0.16])


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


def two_kinds(seeds, images=4000):
    """Two kinds that differ by chance alone; trainings of one kind lie about a point apart."""
    rng = np.random.default_rng(3)
    drawn = rng.random((2 * seeds, images)) < rng.normal(0.85, 0.01, (2 * seeds, 1))
    return compare_seeds(drawn[:seeds], drawn[seeds:])


def test_with_as_many_trainings_as_are_needed_the_difference_is_just_detectable():
    """The definition, with a variance of images and trainings split by hand."""
    compared = two_kinds(3)
    needed = trainings_needed(compared, 0.02)
    of_trainings = compared.of_trainings
    found = []
    for each in (needed - 1, needed):
        part, seed_df = of_trainings * 3 / each, compared.seed_df + 2 * (each - 3)
        variance = compared.standard_error**2 - of_trainings + part
        df = variance**2 / (part**2 / seed_df)
        found.append(detectable(replace(compared, standard_error=math.sqrt(variance), df=df)))
    assert found[1] <= 0.02 < found[0]


def test_nothing_above_100_points_is_asked_for_where_seeds_lie_far_apart():
    a, b = np.zeros((2, 60), bool), np.ones((2, 60), bool)
    a[0] = b[0] = np.arange(60) % 2 == 0
    assert detectable(compare_seeds(a, b)) == 1


def test_no_number_of_trainings_shows_what_the_images_are_too_few_for():
    """1.96 + 0.84 standard errors of the images alone are 1.3 points and more."""
    assert trainings_needed(two_kinds(3), 0.001) == math.inf


def test_more_tests_of_one_table_take_more_trainings():
    compared = two_kinds(3)
    assert trainings_needed(compared, 0.02) < trainings_needed(compared, 0.02, tests=10)


@pytest.mark.parametrize(("difference", "seeds"), [(0.0, 2), (1.1, 2), (0.02, 1)])
def test_trainings_needed_are_not_defined_without_difference_or_variance(difference, seeds):
    with pytest.raises(GlyphfrontError, match="no number of trainings"):
        trainings_needed(two_kinds(seeds), difference)


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


@pytest.mark.parametrize("df", [2, 6])
def test_detectable_difference_over_seeds_is_seen_in_80_percent_of_samples(df):
    """Draws of a normal difference and an independent chi-squared standard error."""
    rng = np.random.default_rng(10)
    like = replace(compare_seeds(*trainings(2, 100, seed_sd=0.2, rng=rng)), standard_error=0.01, df=float(df))
    errors = 0.01 * np.sqrt(rng.chisquare(df, 50_000) / df)
    drawn = rng.normal(detectable(like, tests=3), 0.01, 50_000) / errors
    assert np.mean(np.abs(drawn) > t.ppf(1 - 0.05 / 6, df)) == pytest.approx(0.8, abs=0.01)
