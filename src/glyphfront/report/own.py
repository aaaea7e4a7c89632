"""How good a model is on own pictures: the figures, each class, and the worst pairs with their pictures."""

from __future__ import annotations

from pathlib import Path

from glyphfront.data.show import Row, sheet
from glyphfront.files import write_text
from glyphfront.measure.overlap import LOOK_ALIKES, Beside, Overlap
from glyphfront.report.document import Document, Item, PageFigure, Section, Table, render_html
from glyphfront.report.tables import p_value, signed_points, span
from glyphfront.result import Proportion

_SHEET = "mistakes.svg"
_LEVEL = 0.05


def own_document(
    found: Overlap, model: str, figure: PageFigure | None = None, beside: Beside | None = None
) -> Document:
    """What `evaluate_overlap` found of `model`, for the terminal and, with a figure of the mistakes, for a page."""
    top1 = found.accuracy.top1
    facts = (
        ("Accuracy", f"{top1.value:.2%}", f"{_interval(top1)}, {top1.correct:,} of {top1.total:,} images"),
        ("All its classes allowed", f"{found.free.value:.2%}", _interval(found.free)),
        ("Look-alikes as one", f"{found.look_alikes.value:.2%}", f"{_interval(found.look_alikes)}; {_groups()}"),
    )
    said = [f"{found.dataset.name}: {found.dataset.source}. The alphabet is its {len(found.classes)} classes."]
    if beside:
        said.append(_against(beside, model, len(found.classes)))
    if found.unknown_images:
        names = ", ".join(found.unknown[:12]) + (", ..." if len(found.unknown) > 12 else "")
        said.append(f"Left out: {found.unknown_images:,} images of classes that {model} does not know: {names}.")
    if found.seen:
        said.append(f"Left out: {found.seen:,} images that {model} was trained on.")
    elif found.seen is None:
        said.append(f"Which of the images {model} was trained on is not known.")
    classes = Section("Each class", items=(Item(table=_classes(found)),))
    pairs = Section("What is taken for what", items=(Item(table=_pairs(found), figure=figure),))
    mistakes = (pairs,) if top1.correct < top1.total else ()
    return Document(f"{model} on {found.dataset.name}", (Section(before=tuple(said), facts=facts), classes, *mistakes))


def _against(beside: Beside, model: str, classes: int) -> str:
    """What is known of the difference from the other model."""
    compared, other, share = beside.comparison, beside.model, beside.overlap.accuracy.top1
    verdict = "beyond chance" if compared.p_value < _LEVEL else "so the two cannot be told apart on them"
    apart = len(beside.overlap.classes)
    unsure = beside.overlap.seen is None
    return (
        f"Beside it {other}, on the same {compared.images:,} images: {share.value:.2%} "
        f"({_interval(share)}). {model} less {other}: {signed_points(compared.difference)} points "
        f"({span(compared)}; McNemar's p {p_value(compared.p_value)}), {verdict}."
        + (f" {other} tells {apart} classes apart." if apart != classes else "")
        + (f" Which of them {other} was trained on is not known." if unsure else "")
        + (
            f" Left out: {beside.left_out:,} images that one of them was trained on or whose class it does not know."
            if beside.left_out
            else ""
        )
    )


def write_own_page(found: Overlap, model: str, folder: Path, beside: Beside | None = None) -> Path:
    """Write own.html and the sheet of mistakes, mistakes.svg, into `folder`; returns the page's path."""
    figure = None
    rows = _rows(found)
    if rows:
        top1 = found.accuracy.top1
        title = f"{found.dataset.name}: {top1.total - top1.correct:,} of {top1.total:,} read wrong"
        path = sheet(rows, title, folder / _SHEET)
        alt = "Pictures of the most confused pairs, each with what it is, what it was read as and how surely"
        figure = PageFigure(_SHEET, path.read_text(encoding="utf-8"), alt)
    write_text(folder / "own.html", render_html(own_document(found, model, figure, beside)))
    return folder / "own.html"


def _groups() -> str:
    return ", ".join(LOOK_ALIKES)


def _interval(share: Proportion) -> str:
    return f"{share.low:.2%} to {share.high:.2%}"


def _classes(found: Overlap) -> Table:
    """Each class, the one read worst first."""
    ranked = sorted(zip(found.accuracy.per_class, found.classes, strict=True), key=lambda of: of[0].value)
    rows = tuple(
        (name, str(share.correct), str(share.total), f"{share.value:.0%}", f"{share.low:.0%} to {share.high:.0%}")
        for share, name in ranked
        if share.total
    )
    return Table(("class", "right", "images", "accuracy", "95 % interval"), rows)


def _pairs(found: Overlap) -> Table:
    rows = []
    for a, b, count, images in found.worst_pairs():
        files = "" if found.dataset.files is None else ", ".join(map(str, found.dataset.files[images[:3]]))
        rows.append((f"{a} and {b}", files, str(count)))
    return Table(("pair", "such as", "images"), tuple(rows), text_columns=2)


def _rows(found: Overlap) -> list[Row]:
    rows = []
    for a, b, count, images in found.worst_pairs(most=10):
        captions = tuple(
            f"{found.classes[found.dataset.labels[i]]}, read {found.classes[found.predicted[i]]} "
            f"({found.confidence[i]:.0%})"
            for i in images
        )
        rows.append(Row(f"{a} and {b}: {count}", found.dataset.images[images], captions))
    return rows
