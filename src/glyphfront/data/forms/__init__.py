"""The forms in which people keep sets of labelled images as arrays: one reader a form, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from glyphfront.data.forms.arrays import read_mat, read_npz
from glyphfront.data.forms.idx import read_idx
from glyphfront.data.forms.parquet import read_parquet
from glyphfront.data.forms.piece import Piece, What
from glyphfront.data.forms.table import read_table
from glyphfront.data.listing import File
from glyphfront.data.naming import without_copy

__all__ = ["FORMS", "Form", "Piece", "What", "form_of"]


@dataclass(frozen=True)
class Form:
    """A way to keep images as arrays.

    Attributes:
        name: what people call it.
        suffixes: of file names, lower case, without .gz.
        read: the pieces of a file; `what` says which half its name promises, None where it holds both.
        slow: worth keeping what was read.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[File, What | None], list[Piece]]
    slow: bool = False


FORMS = (
    Form("IDX", ("-ubyte", ".idx", ".idx1", ".idx3", "idx1-ubyte", "idx3-ubyte"), read_idx),
    Form("MATLAB", (".mat",), read_mat, slow=True),
    Form("numpy", (".npz", ".npy"), read_npz),
    Form("parquet", (".parquet",), read_parquet, slow=True),
    Form("CSV", (".csv", ".tsv", ".data", ".train", ".test"), read_table, slow=True),
)
"""In the order of preference where a set is there in several."""


def form_of(name: str) -> Form | None:
    """The form that a file's name promises."""
    plain = without_copy(name.lower()).replace("_", "-")
    for packed in (".gz", ".bz2"):
        plain = plain.removesuffix(packed)
    return next((form for form in FORMS if plain.endswith(form.suffixes)), None)
