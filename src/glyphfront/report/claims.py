"""The sections about the claims of a study: which hold, each difference, and what it would take to tell the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from glyphfront.measure.judge import MARGIN, Judged, Judgement, Verdict
from glyphfront.measure.statistics import SeedComparison
from glyphfront.report.document import Item, PageFigure, Section, Table
from glyphfront.report.study_figures import VERDICTS, claims_figure, differences_figure
from glyphfront.report.tables import DASH, difference, signed_points

_ENOUGH, _IMAGES = "enough here", "more images"


def claims_sections(judged: Sequence[Judgement], scale: str) -> list[Section]:
    """A strip that shows which claims hold; then the count in words, each difference, and the claims one by one."""
    claims = [(one.part.name, claim) for one in judged for claim in one.claims]
    told = [(name, claim) for name, claim in claims if claim.verdict != "not tested"]
    counted = [claim for _, claim in told if claim.claim.counted]
    if not told:
        return []
    shown = [claim for claim in counted if claim.ours]
    header = (
        *("part", "claim", "published, points", "beyond two draws of its images", "here, points", "verdict here"),
        "trainings a side that would show the published difference",
    )
    table = Table(header, tuple((name, _text(claim), *_cells(claim)) for name, claim in told), text_columns=2)
    notes = (
        "A claim holds, or does not hold, beyond chance: at 5 %, corrected by Holm over all comparisons of its part, "
        f"those of the part's table among them. As good: the interval begins above −{100 * MARGIN:g} point, not "
        "corrected. With one training on a side there is no verdict: nobody saw how another would differ. Claims that "
        "were not put to the test are not listed. Claims with a remark that they are somebody else's, or rest on a "
        "fault, are not counted.",
        "Beyond two draws: the published difference is larger than two equal models would differ by on a draw of "
        "images for each, at 5 %. If all rows were tested on the same images, less would do.",
        "Trainings a side: so many would show a difference as large as the published one with 80 % probability, if "
        f"trainings and images vary as they do here. {_ENOUGH.capitalize()}: there are as many. {_IMAGES.capitalize()}"
        f": no number of trainings would, on these test images. {DASH}: nothing was published that speaks for the "
        "claim, or it is not known how trainings differ.",
    )
    first = None
    if counted:
        alt = "How many claims hold, do not hold, and cannot be told"
        first = Section(items=(Item(figure=PageFigure("claims.svg", claims_figure(counted), alt)),))
    items = [Item("Every claim in numbers", table, notes=notes, folded=True)]
    if shown:
        alt = "The difference of each claim, here and published"
        items.insert(0, Item(figure=PageFigure("differences.svg", differences_figure(shown), alt)))
    said = _sentences([claim for _, claim in claims if claim.claim.counted], counted, scale)
    return [section for section in (first, Section("Which claims hold", tuple(said), tuple(items))) if section]


def _sentences(own: Sequence[Judged], tested: Sequence[Judged], scale: str) -> list[str]:
    """How many claims hold; how many would be told by more trainings; how many published differences are chance."""
    return [said for said in (_count(own, tested, scale), _open(tested), _drawn(own)) if said]


def _count(own: Sequence[Judged], tested: Sequence[Judged], scale: str) -> str:
    if len(own) < 2:
        return "".join(f"The claim “{one.claim.text}” {_verb(one.verdict, 1)} at {scale} scale." for one in own)
    verdicts = Counter(claim.verdict for claim in tested)
    told = ", ".join(f"{n} {_verb(verdict, n)}" for verdict in VERDICTS if (n := verdicts[verdict]))
    claims = f"{len(own)} claims that a row is better or worse than another, or as good,"
    if not tested:
        return f"Of {claims} none was tested at {scale} scale."
    if len(tested) == len(own):
        return f"All {claims} were tested at {scale} scale: {told}."
    return f"Of {claims} {len(tested)} {'was' if len(tested) == 1 else 'were'} tested at {scale} scale: {told}."


def _verb(verdict: Verdict, n: int) -> str:
    several = {
        "holds": "hold",
        "does not hold": "do not hold",
        "one training": "have one training on a side and get no verdict",
        "diverged": "have a training that diverged",
    }
    one = {
        "one training": "has one training on a side and gets no verdict",
        "diverged": "has a training that diverged",
        "not tested": "was not tested",
    }
    return (one if n == 1 else several).get(verdict, verdict)


def _open(tested: Sequence[Judged]) -> str:
    """What it would take to tell the claims that cannot be told."""
    untold = [claim for claim in tested if claim.verdict == "cannot be told"]
    cells = Counter(map(_needed, untold))
    numbers = sorted(int(cell) for cell in cells.elements() if cell.isdigit())
    kinds = [
        ("no more than there are", cells[_ENOUGH]),
        (_span(numbers), len(numbers)),
        ("no number, as the test images are too few,", cells[_IMAGES]),
    ]
    said = ", ".join(f"{what} for {count}" for what, count in kinds if count)
    which = f"the {len(untold)} claims that cannot be told" if len(untold) > 1 else "the claim that cannot be told"
    rest = f"; for {cells[DASH]} nothing was published that speaks for it" if cells[DASH] else ""
    asked = f"How many trainings of each row would show a difference as large as published, for {which}"
    return f"{asked}: {said}{rest}." if said else ""


def _span(numbers: Sequence[int]) -> str:
    return f"{numbers[0]}" if len(set(numbers)) == 1 else f"{numbers[0]} to {numbers[-1]}" if numbers else ""


def _drawn(own: Sequence[Judged]) -> str:
    """How many published differences are larger than a draw of images explains."""
    figures = [claim for claim in own if claim.beyond is not None]
    larger = [claim.claim.text for claim in figures if claim.beyond]
    if not figures:
        return ""
    if len(figures) == 1:
        isnt = "is" if larger else "is not"
        return f"The one published difference of test accuracy {isnt} larger than the draw of the images explains."
    named = f"{len(larger) or 'none'}{' (' + ', '.join(larger) + ')' if larger else ''}"
    are = "are" if len(larger) > 1 else "is"
    return (
        f"Of {len(figures)} published differences of test accuracy, {named} {are} larger than the draw of the images "
        "explains."
    )


def _text(claim: Judged) -> str:
    against = claim.published is not None and claim.claim.kind == "better" and claim.published < 0
    remarks = [claim.claim.remark, "against its own figures" if against and claim.claim.counted else ""]
    remarks.append(f"here: {claim.claim.at_scale}" if claim.claim.at_scale else "")
    return claim.claim.text + "".join(f" ({remark})" for remark in remarks if remark)


def _cells(claim: Judged) -> tuple[str, ...]:
    theirs = DASH if claim.published is None else signed_points(claim.published)
    theirs += " (validation)" if claim.validation else ""
    beyond = DASH if claim.beyond is None else "yes" if claim.beyond else "no"
    ours = difference(claim.ours.comparison) if claim.ours else DASH
    return theirs, beyond, ours, claim.verdict, _needed(claim)


def _needed(claim: Judged) -> str:
    """How many trainings a side would show the published difference."""
    if claim.trainings is None or claim.ours is None:
        return DASH
    if math.isinf(claim.trainings):
        return _IMAGES
    compared = claim.ours.comparison
    there = min(compared.a_seeds, compared.b_seeds) if isinstance(compared, SeedComparison) else 1
    return _ENOUGH if claim.trainings <= there else f"{claim.trainings:.0f}"
