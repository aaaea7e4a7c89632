from dataclasses import replace

import numpy as np
import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import (
    compare_evaluated,
    compare_files,
    compare_labels,
    compare_results,
    paired,
)
from glyphfront.measure.folder import Evaluated, read_evaluated
from glyphfront.measure.power import detectable_difference
from glyphfront.measure.predictions import Predictions, save_predictions
from glyphfront.measure.statistics import compare, compare_seeds
from glyphfront.result import save_result
from glyphfront.run import without_seed
from results_factory import make_result


def predictions_of(correct):
    true = np.arange(len(correct)) % 4
    return Predictions(
        np.where(correct, true, (true + 1) % 4),
        true,
        np.full(len(correct), 0.5, np.float32),
        np.zeros(len(correct), np.bool_),
    )


def evaluated(label, correct, **options):
    result = make_result(label, correct=int(correct.sum()), total=len(correct), **options)
    return Evaluated(result, predictions_of(correct), row=without_seed(result.run).key)


def keep(folder, one):
    stem = f"{one.result.run.label}-seed{one.result.run.seed}"
    save_result(one.result, folder / f"{stem}.json")
    save_predictions(one.predictions, folder / f"{stem}.predictions.npz")
    return folder / f"{stem}.json"


def right(share, seed, images=400):
    return np.random.default_rng(seed).random(images) < share


def test_result_is_read_with_the_predictions_beside_it(tmp_path):
    one = evaluated("a", right(0.7, 0))
    read = read_evaluated(keep(tmp_path, one))
    assert read.result == one.result
    assert read.predictions.correct.tolist() == one.predictions.correct.tolist()


def test_paired_gives_a_row_a_model():
    a, b = right(0.7, 0), right(0.8, 1)
    assert paired([evaluated("a", a), evaluated("b", b)]).tolist() == [a.tolist(), b.tolist()]


def test_results_on_different_images_are_not_paired():
    with pytest.raises(GlyphfrontError, match=r"a was tested on .* and b on other images"):
        paired([evaluated("a", right(0.7, 0)), evaluated("b", right(0.8, 1), test_fingerprint="0" * 16)])


def test_predictions_of_another_result_are_not_paired():
    one = evaluated("a", right(0.7, 0))
    with pytest.raises(GlyphfrontError, match="a, seed 0: the predictions are not those of the result"):
        paired([one, replace(one, predictions=predictions_of(right(0.5, 1)))])


def test_table_compares_single_models_by_mcnemar(tmp_path):
    a, b = right(0.7, 0), right(0.8, 1)
    keep(tmp_path, evaluated("base", a))
    keep(tmp_path, evaluated("new", b))
    (row,) = compare_results(tmp_path, "base")
    assert (row.label, row.comparison) == ("new", compare(a, b))


def test_each_pair_of_a_table_has_the_variance_between_its_own_seeds(tmp_path):
    """Where one network's trainings lie far apart, nothing is said by it of the others."""
    table = {"base": (0.7, 0.72), "new": (0.8, 0.81), "wild": (0.3, 0.9)}
    models = {name: np.array([right(p, 10 * len(name) + n) for n, p in enumerate(ps)]) for name, ps in table.items()}
    for label, group in models.items():
        for seed, correct in enumerate(group):
            keep(tmp_path, evaluated(label, correct, seed=seed))
    rows = {row.label: row.comparison for row in compare_results(tmp_path, "base")}
    assert rows["new"] == compare_seeds(models["base"], models["new"])
    assert rows["wild"] == compare_seeds(models["base"], models["wild"])


def test_one_difference_less_another_is_of_the_images_of_each():
    a, b = right(0.7, 0), right(0.8, 1)
    seen = np.arange(400) < 150
    found = compare_evaluated([evaluated("a", a)], [evaluated("b", b)], images=seen, less=~seen)
    gain = b.astype(float) - a
    assert found.difference == pytest.approx(gain[seen].mean() - gain[~seen].mean())
    on_seen = compare_evaluated([evaluated("a", a)], [evaluated("b", b)], images=seen)
    assert on_seen == compare(a[seen], b[seen])


def test_a_table_is_corrected_for_the_rows_it_is_to_have():
    groups = {name: [evaluated(name, right(p, n))] for n, (name, p) in enumerate({"base": 0.7, "new": 0.77}.items())}
    (now,) = compare_labels(groups, [("new", "base")])
    (later,) = compare_labels(groups, [("new", "base")], tests=4)
    assert later.adjusted_p == pytest.approx(min(1, 4 * now.adjusted_p))
    assert later.detectable > now.detectable


def three_row_table(folder):
    base = right(0.7, 0)
    near = base ^ (np.arange(400) < 4)
    for label, correct in (("base", base), ("far", right(0.95, 1)), ("near", near), ("same", base)):
        keep(folder, evaluated(label, correct))
    return compare_results(folder, "base")


def test_table_has_a_row_for_every_label_but_the_baseline(tmp_path):
    assert [row.label for row in three_row_table(tmp_path)] == ["far", "near", "same"]


def test_table_corrects_its_p_values(tmp_path):
    """Of three p-values the smallest counts three times, the next twice."""
    rows = three_row_table(tmp_path)
    assert rows[0].adjusted_p == pytest.approx(3 * rows[0].comparison.p_value)
    assert [row.adjusted_p for row in rows[1:]] == [pytest.approx(min(1, 2 * rows[1].comparison.p_value)), 1]


def test_table_marks_what_differs_beyond_chance(tmp_path):
    assert [row.differs for row in three_row_table(tmp_path)] == [True, False, False]


def test_table_says_what_a_row_could_have_seen(tmp_path):
    far = three_row_table(tmp_path)[0]
    assert far.detectable == detectable_difference(400, far.comparison.discordance, tests=3)


def test_table_leaves_out_what_diverged(tmp_path):
    keep(tmp_path, evaluated("base", right(0.7, 0)))
    save_result(make_result("lost", diverged="loss is NaN"), tmp_path / "lost-seed0.json")
    assert compare_results(tmp_path, "base") == []


def test_table_leaves_out_labels_tested_on_other_images(tmp_path):
    keep(tmp_path, evaluated("base", right(0.7, 0)))
    keep(tmp_path, evaluated("other", right(0.7, 1), test_fingerprint="0" * 16))
    assert compare_results(tmp_path, "base") == []


def test_missing_baseline_is_named_with_what_there_is(tmp_path):
    keep(tmp_path, evaluated("new", right(0.7, 0)))
    with pytest.raises(GlyphfrontError, match="labelled base; there are: new"):
        compare_results(tmp_path, "base")


def test_label_of_two_different_runs_is_refused(tmp_path):
    keep(tmp_path, evaluated("base", right(0.7, 0), model="lenet5_new"))
    keep(tmp_path, evaluated("base", right(0.7, 1), model="layer_4_1", seed=1))
    with pytest.raises(GlyphfrontError, match="labelled base are not of one Run"):
        compare_results(tmp_path, "base")


def test_two_files_are_compared_as_one_row_uncorrected(tmp_path):
    a, b = right(0.7, 0), right(0.8, 1)
    for label, correct in (("base", a), ("new", b)):
        keep(tmp_path, evaluated(label, correct))
    row = compare_files(tmp_path / "base-seed0.json", tmp_path / "new-seed0.json")
    found = compare(a, b)
    assert (row.label, row.comparison, row.adjusted_p) == ("new", found, found.p_value)
    assert row.detectable == detectable_difference(400, found.discordance)


def test_a_run_whose_result_lies_there_twice_counts_once(tmp_path):
    one = evaluated("base", right(0.7, 0))
    path = keep(tmp_path, one)
    save_result(one.result, path.with_name("copy-seed0.json"))
    assert compare_results(tmp_path, "base") == []
