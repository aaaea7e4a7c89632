"""Labels that look wrong: confident learning (Northcutt, Jiang, Chuang 2021, arXiv:1911.00068) by cleanlab.

Each image's probabilities come from a classifier that was fitted on other images: a logistic regression on what a
shipped model says of an image, and on its pixels, cross-validated. It needs no training of a network, and takes any
classes.
"""

from __future__ import annotations

import csv
import io
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import fingerprints
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.measure.overlap import look_alike
from glyphfront.ship.recognizer import Recognizer

_FOLDS = 5
_PENALTY = 0.3  # inverse; of 0.01 to 1 that with which six of six changed labels in 320 drawings were found
_SURE = 0.8  # of another class: then 102 of 112 sets with one moved label are told it, else 91 (LOG.md)
_LEAST = 1e-4  # a probability below counts as this among the features
_HEADER = ("fingerprint", "file", "given", "suggested", "quality")


@dataclass(frozen=True)
class Suspect:
    """An image whose label looks wrong.

    Attributes:
        index: of the image in its set.
        given: its label's class.
        suggested: the class that the other images say it is.
        quality: probability of the given class, or of the look-alikes that it is one of, 0 to 1, by a classifier that
            did not see the image.
        model: the class that the shipped model says it is, and how surely, 0 to 1.
    """

    index: int
    given: str
    suggested: str
    quality: float
    model: tuple[str, float]


def find_suspects(
    dataset: Dataset, recognizer: Recognizer, *, look_alikes: bool = False, seed: int = 0
) -> list[Suspect]:
    """The images whose labels look wrong, the worst first.

    Classes that people do not tell apart (`LOOK_ALIKES`) count as one: a 0 that looks like O is no fault of a label.
    Of images that the recogniser was trained on, it repeats the label that it was told, so that fewer are found.

    Args:
        dataset: any set; a class needs at least two images.
        recognizer: a model, whose classes may be others.
        look_alikes: find labels too that are of the group that the image looks like.
        seed: of the folds; images of one writer, where that is known, are in one fold.

    Raises:
        GlyphfrontError: cleanlab is not installed, or the set is too small.
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        raise GlyphfrontError("finding suspects needs cleanlab: pip install 'glyphfront[suspects]'") from None
    counts = dataset.counts()
    if len(dataset.classes) < 2 or counts.min() < 2:
        few = dataset.classes[int(counts.argmin())] if len(counts) else "none"
        raise GlyphfrontError(f"{dataset.name}: a class needs two images at least, and there must be two; see {few!r}")
    said = recognizer.probabilities(dataset.images)
    probabilities = _cross_validated(dataset, said, seed)
    groups = [name if look_alikes else look_alike([name]) for name in dataset.classes]
    names = sorted(set(groups))
    of_class = np.array([names.index(group) for group in groups])
    merged = np.stack([probabilities[:, of_class == number].sum(1) for number in range(len(names))], axis=1)
    labels = of_class[dataset.labels]
    quality = get_label_quality_scores(labels, merged)
    named = find_label_issues(labels, merged, n_jobs=1)
    # confident learning counts errors, and rounds a single one of a few classes down to none
    named |= (merged.argmax(1) != labels) & (merged.max(1) >= _SURE)
    ranked = np.flatnonzero(named)[np.argsort(quality[named], kind="stable")]
    return [
        Suspect(
            int(i),
            dataset.classes[dataset.labels[i]],
            dataset.classes[int(probabilities[i].argmax())],
            float(quality[i]),
            (recognizer.classes[int(said[i].argmax())], float(said[i].max())),
        )
        for i in ranked
    ]


def _cross_validated(dataset: Dataset, said: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """Probabilities of each image's classes from a classifier fitted on the other folds: (N, classes)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

    small = dataset.images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(len(dataset), -1)
    features = np.concatenate([np.log(np.maximum(said, _LEAST)) / 4, small / 255], axis=1)
    folds = int(min(_FOLDS, dataset.counts().min()))
    splitter, groups = StratifiedKFold(folds, shuffle=True, random_state=seed), None
    if dataset.writers is not None and len(np.unique(dataset.writers)) >= folds:
        by_writer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        parts = list(by_writer.split(features, dataset.labels, dataset.writers))
        if all(len(np.unique(dataset.labels[train])) == len(dataset.classes) for train, _ in parts):
            splitter, groups = by_writer, dataset.writers
    classifier = LogisticRegression(C=_PENALTY, max_iter=300)
    found: NDArray[np.float64] = cross_val_predict(
        classifier, features, dataset.labels, groups=groups, cv=splitter, method="predict_proba"
    )
    return found


def save_suspects(suspects: list[Suspect], dataset: Dataset, path: Path) -> Path | None:
    """Write a CSV file with the fingerprint of each suspect, by which a Run can leave it out.

    Returns:
        Where the file is now that lay there before and differs, as somebody may have taken lines away; None without.
    """
    marks = fingerprints(dataset.images)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for one in suspects:
        file = "" if dataset.files is None else str(dataset.files[one.index])
        writer.writerow([f"{int(marks[one.index]):016x}", file, one.given, one.suggested, f"{one.quality:.4f}"])
    kept = None
    if path.exists() and path.read_bytes() != text.getvalue().encode():
        free = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in itertools.count(1))
        kept = path.rename(next(name for name in free if not name.exists()))
    write_text(path, text.getvalue())
    return kept
