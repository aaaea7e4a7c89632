"""measure/judge.py: claims, families and leaks, on 400 made-up images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from glyphfront.measure.compare import compare_evaluated
from glyphfront.measure.folder import Evaluated, Part
from glyphfront.measure.judge import Judgement, judge, leak_p_values
from glyphfront.measure.power import detectable
from glyphfront.result import Result
from glyphfront.run import Optimizer, without_seed
from glyphfront.study import Claim, Pair, Published, Study
from results_factory import make_predictions, make_result


def group(label: str, *counts: int, change: Callable[[Result], Result] = lambda result: result) -> list[Evaluated]:
    """A training for each count of right images."""
    found = []
    for seed, correct in enumerate(counts):
        result = change(make_result(label, correct=correct, seed=seed))
        found.append(Evaluated(result, make_predictions(correct), row=without_seed(result.run).key))
    return found


def part(rows: dict[str, tuple[int, ...]], **study: Any) -> Part:
    groups = {label: tuple(group(label, *counts)) for label, counts in rows.items()}
    runs = {label: make_result(label).run for label in rows}
    return Part(study.pop("name", ""), Study("?", rows=runs, **study), groups)


def claimed(kind: str, **rows: tuple[int, ...]) -> Judgement:
    """One claim: new KIND old."""
    return Judgement(part(rows, baseline="old", family="f", claims=(Claim("new", "old", kind),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ((300, 302), (360, 362), "holds"),
        ((360, 362), (300, 302), "does not hold"),
        ((300, 302), (301, 305), "cannot be told"),
        ((300, 340), (350, 390), "cannot be told"),  # beyond the draw of the images, not beyond the seed variance
    ],
)
def test_a_claim_is_judged_where_the_seed_variance_is_known(
    old: tuple[int, ...], new: tuple[int, ...], verdict: str
) -> None:
    (found,) = claimed("better", old=old, new=new).claims
    assert found.verdict == verdict


def test_worse_is_the_reverse_of_better() -> None:
    (found,) = claimed("worse", old=(360, 362), new=(300, 302)).claims
    assert found.verdict == "holds"


def test_one_training_on_a_side_gives_no_verdict() -> None:
    (found,) = claimed("better", old=(300,), new=(360, 362)).claims
    assert found.verdict == "one training"
    assert found.ours is not None


@pytest.mark.parametrize(
    ("new", "verdict"), [((300, 300), "holds"), ((240, 242), "does not hold"), ((290, 300), "cannot be told")]
)
def test_as_good_means_within_a_point(new: tuple[int, ...], verdict: str) -> None:
    """400 images: a point is 4 of them."""
    (found,) = claimed("as good", old=(300, 300), new=new).claims
    assert found.verdict == verdict


def test_a_claim_of_which_a_training_diverged_gets_no_verdict() -> None:
    one = claimed("better", old=(300, 302), new=(360, 362))
    lost = Evaluated(make_result("new", seed=2, diverged="the loss is not finite"))
    rows = {**one.part.rows, "new": (*one.part.rows["new"], lost)}
    (found,) = Judgement(replace(one.part, rows=rows)).claims
    assert found.verdict == "diverged"


def test_a_claim_of_a_row_without_result_is_not_tested() -> None:
    (found,) = claimed("better", old=(300, 302), new=()).claims
    assert (found.verdict, found.ours) == ("not tested", None)


PUBLISHED = {
    "a": Published(test_accuracy=0.8818),
    "b": Published(test_accuracy=0.8418),
    "c": Published(test_accuracy=0.8984, validation_accuracy=0.9),
    "d": Published(validation_accuracy=0.88),
}


@pytest.mark.parametrize(
    ("row", "than", "kind", "published", "validation", "beyond"),
    [
        ("a", "b", "better", 0.04, False, True),  # two draws of 1,024 images differ by up to 1.96 * 1.52 points
        ("c", "a", "better", 0.0166, False, False),
        ("c", "d", "better", 0.02, True, None),
        ("a", "b", "as good", 0.04, False, None),
        ("a", "none", "better", None, False, None),
    ],
)
def test_published_figures_are_judged_by_the_draw_of_their_images(
    row: str, than: str, kind: str, published: float | None, validation: bool, beyond: bool | None
) -> None:
    claims = (Claim(row, than, kind),)  # type: ignore[arg-type]
    one = part({row: (300,), than: (300,)}, claims=claims, published=PUBLISHED, published_images=1024)
    (found,) = Judgement(one).claims
    assert found.published == (None if published is None else pytest.approx(published))
    assert (found.validation, found.beyond) == (validation, beyond)


def test_a_difference_has_one_p_value_in_table_and_claims() -> None:
    """Four comparisons are declared, of which one is a row of the table too and one has no result."""
    claims = tuple(Claim("base", other, "better") for other in ("a", "b", "missing"))
    rows = {"base": (370,), "a": (355,), "b": (371,), "c": (350,), "missing": ()}
    one = Judgement(part(rows, baseline="base", claims=claims))
    ours = {claim.claim.than: claim.ours for claim in one.claims if claim.ours}
    assert ours["a"].adjusted_p == pytest.approx(min(1, 3 * ours["a"].comparison.p_value))
    assert (one.rows["a"].adjusted_p, one.rows["a"].detectable) == (ours["a"].adjusted_p, ours["a"].detectable)
    assert one.rows["a"].comparison.difference == -ours["a"].comparison.difference


def test_rows_have_the_baseline_of_their_own_and_none_none() -> None:
    rows = {"small": (100,), "large": (300,), "base": (200,), "after": (320,)}
    baselines = {"base": None, "after": "large", "large": None}
    one = Judgement(part(rows, baseline="small", baselines=baselines))
    assert {label: one.baseline(label) for label in rows} == {
        "small": None,
        "large": None,
        "base": None,
        "after": "large",
    }
    assert one.rows["after"].comparison.difference == pytest.approx(0.05)
    assert list(one.rows) == ["after"]


def family(**more: tuple[int, ...]) -> list[Part]:
    first = part({"ReLU": (300, 308), "ELU": (360, 368)}, name="one", baseline="ReLU", family="f")
    second = part({"ELU": (360, 368), "x": (300, 308), "y": (301, 309), **more}, name="two", baseline="ELU", family="f")
    unlike = part({"far": (200, 300), "other": (100, 300)}, name="three", baseline="far")
    return [first, second, unlike]


def test_the_seed_variance_is_pooled_over_parts_of_one_family() -> None:
    """By hand: in four rows trainings 8 of 400 images apart, a variance of 2 points squared each; ELU counts once."""
    judged = judge(family())
    found = [one.seed_variance for one in judged]
    assert [variance.df for variance in found if variance] == [4, 4]
    assert found[0] is not None
    assert found[0].variance == pytest.approx(0.02**2 / 2)
    row = judged[0].rows["ELU"].comparison
    images = (0.14 - 0.15**2) / 400  # 52 images of 400 are right in ELU alone, 16 in half of the trainings besides
    assert row.standard_error == pytest.approx(math.sqrt(images + 2 * 0.02**2 / 2 / 2))  # type: ignore[union-attr]


def test_rows_of_no_family_are_compared_by_their_own_seed_variance() -> None:
    """One row's trainings lie a quarter of the images apart; what is said of the other two does not know of it."""
    one = Judgement(part({"wild": (200, 300), "a": (360, 364), "b": (360, 368)}, baseline="a"))
    assert one.seed_variance is None
    assert one.rows["b"].comparison == compare_evaluated(one.part.rows["a"], one.part.rows["b"])


@pytest.mark.parametrize(
    "change",
    [
        lambda result: replace(result, run=replace(result.run, epochs=3)),
        lambda result: replace(result, run=replace(result.run, batch_size=8)),
        lambda result: replace(result, run=replace(result.run, optimizer=Optimizer("adam"))),
        lambda result: replace(result, data=replace(result.data, train_images=1)),
    ],
)
def test_trainings_by_another_recipe_tell_nothing_of_a_parts_seed_variance(
    change: Callable[[Result], Result],
) -> None:
    first = part({"ReLU": (300, 308, 304), "ELU": (360,)}, name="one", baseline="ReLU", family="f")
    second = part({"ELU": (360,), "x": ()}, name="two", baseline="ELU", family="f")
    second = replace(second, rows={**second.rows, "x": tuple(group("x", 300, 308, change=change))})
    variance = judge([first, second])[0].seed_variance
    assert variance is not None
    assert variance.df == 2


def test_a_mean_that_is_not_pooled_has_the_seed_variance_of_its_own_trainings() -> None:
    """Of two that differ by 2.5 points, by a t distribution of one degree of freedom; of two alike none."""
    one = Judgement(part({"base": (300, 300), "new": (300, 310)}))
    half = 1.959964 * math.sqrt(0.75 * 0.25 / 400)
    assert one.interval("base") == pytest.approx((0.75 - half, 0.75 + half))
    low, high = one.interval("new") or (0.0, 0.0)
    assert high - low > 2 * 12.7062 * 0.0125


def test_the_interval_of_one_training_is_that_of_its_file() -> None:
    one = Judgement(part({"base": (300,)}))
    assert one.interval("base") == (pytest.approx(0.73), pytest.approx(0.77))


def leaky(fewer: dict[str, tuple[int, ...]], pairs: int = 0) -> Judgement:
    """400 images, 100 of them seen; as published right on all, clean on so many fewer of the seen."""
    seen, rows, declared = np.arange(400) < 100, {}, []
    for name, missed in fewer.items():
        declared.append(Pair(name, f"{name} published", f"{name} clean", "group"))
        for side, counts in (("published", (0,) * len(missed)), ("clean", missed)):
            trained = []
            for seed, count in enumerate(counts):
                right = np.arange(400) >= count
                result = make_result(f"{name} {side}", correct=int(right.sum()), seed=seed)
                mask = seen if side == "published" else np.zeros(400, bool)
                predictions = replace(make_predictions(0), predicted=np.where(right, 0, 1), seen=mask)
                trained.append(Evaluated(result, predictions, row=without_seed(result.run).key))
            rows[f"{name} {side}"] = tuple(trained)
    declared += [Pair(f"missing {n}", "x", "y") for n in range(pairs)]
    return Judgement(Part("", Study("?", pairs=tuple(declared)), rows))


def test_a_leak_is_compared_on_the_images_that_leaked_and_on_the_others() -> None:
    (leak,) = leaky({"a": (50, 50)}).leaks
    assert [c.difference for c in leak.compared if c] == pytest.approx([0.125, 0.5, 0.0, 0.5])


def test_a_leaks_effect_is_corrected_for_all_pairs_that_are_declared() -> None:
    one = leaky({"a": (50, 52)}, pairs=2)
    (leak,) = one.leaks
    assert leak.effect is not None
    assert leak_p_values(one.leaks) == {"a": pytest.approx(min(1, 3 * leak.effect.p_value))}
    assert leak.least == detectable(leak.effect, 3)


def test_pairs_of_one_group_share_their_seed_variance() -> None:
    alone, (first, _) = leaky({"a": (50, 52)}).leaks[0], leaky({"a": (50, 52), "b": (10, 40)}).leaks
    assert first.compared[0] is not None
    assert alone.compared[0] is not None
    assert first.compared[0].seed_df == 4  # type: ignore[union-attr]
    assert 1 <= alone.compared[0].seed_df <= 2  # type: ignore[union-attr]
    assert first.compared[0].standard_error > alone.compared[0].standard_error  # type: ignore[union-attr]


def test_where_no_image_leaked_there_is_no_effect_to_be_told() -> None:
    one = leaky({"a": (50, 52)})
    published = one.part.rows["a published"]
    clean = tuple(
        replace(each, predictions=replace(each.predictions, seen=np.zeros(400, bool)))  # type: ignore[type-var]
        for each in published
    )
    (leak,) = Judgement(replace(one.part, rows={**one.part.rows, "a published": clean})).leaks
    assert [compared is None for compared in leak.compared] == [False, True, False, True]
    assert leak.least is None


def test_rows_tested_on_other_images_are_not_compared_and_lend_no_seed_variance() -> None:
    one = part({"base": (300, 302), "new": (320, 322), "elsewhere": ()}, baseline="base", family="f")
    apart = group("elsewhere", 100, 300, change=lambda r: replace(r, data=replace(r.data, test_fingerprint="0" * 16)))
    whole = Judgement(replace(one, rows={**one.rows, "elsewhere": tuple(apart)}))
    assert list(whole.rows) == ["new"]
    assert whole.rows["new"].comparison == Judgement(one).rows["new"].comparison


def test_rows_of_the_same_images_lend_their_seed_variance_whatever_these_are_called() -> None:
    """Three rows with two trainings have three degrees of freedom."""
    one = part({"base": (300, 302), "new": (320, 322), "named": ()}, baseline="base", family="f")
    named = group("named", 310, 312, change=lambda r: replace(r, data=replace(r.data, test_source="official")))
    other = Part("other", replace(one.study), {"base": one.rows["base"], "named": tuple(named)})
    judged, _ = judge([one, other])
    assert judged.rows["new"].comparison.seed_df == 3


@pytest.mark.parametrize(
    ("kind", "said"), [("better", "a better than b"), ("worse", "a worse than b"), ("as good", "a as good as b")]
)
def test_a_claim_in_words(kind: Any, said: str) -> None:
    assert Claim("a", "b", kind).text == said
