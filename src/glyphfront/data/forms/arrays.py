"""Arrays with names: numpy's .npz and .npy, and MATLAB's .mat as NIST publishes EMNIST (arXiv:1702.05373)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.forms.piece import Piece, What, check_bytes
from glyphfront.data.forms.pixels import as_stack, numbered
from glyphfront.data.listing import File
from glyphfront.data.naming import kind_of, split_of, words
from glyphfront.errors import GlyphfrontError


def read_npz(file: File, what: What | None) -> list[Piece]:
    """Arrays of .npz and .npy, called by such names as x_train, test_labels or images; ones of Python objects are not.

    Raises:
        GlyphfrontError: the file is damaged, or its arrays are no images and labels.
    """
    check_bytes(file)
    try:
        loaded = np.load(file.at if file.member is None else io.BytesIO(file.read()), allow_pickle=False)
        arrays = {"arr_0": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except GlyphfrontError:
        raise
    except Exception as error:  # numpy raises a dozen types for damaged archives
        reason = " ".join(str(error).split())
        raise GlyphfrontError(f"{file}: not a readable numpy file ({reason}); get it again") from None
    return _named_arrays(file, arrays, what)


def _named_arrays(file: File, arrays: dict[str, NDArray[Any]], what: What | None) -> list[Piece]:
    if what is not None and len(arrays) == 1:
        (array,) = arrays.values()
        return [Piece(as_stack(file, array), None) if what == "images" else Piece(None, *numbered(array))]
    found: dict[tuple[str | None, str | None], NDArray[Any]] = {}
    for name, array in arrays.items():
        found.setdefault((split_of(name), kind_of(name) or _kind(name)), array)
    pieces = []
    for split in ("train", "validation", "test", None):
        images, labels = found.get((split, "images")), found.get((split, "labels"))
        if images is not None and (labels is not None or what == "images"):
            numbers, names = (None, None) if labels is None else numbered(labels)
            pieces.append(Piece(as_stack(file, images), numbers, names, split=split))
        elif labels is not None and what == "labels":
            numbers, names = numbered(labels)
            pieces.append(Piece(None, numbers, names, split=split))
    if not pieces:
        raise GlyphfrontError(f"{file}: no images with labels among its arrays {', '.join(arrays) or 'none'}")
    return pieces


def _kind(name: str) -> What | None:
    """Of names that mean something else in the names of files."""
    found = set(words(name))
    return "images" if "data" in found else "labels" if found & {"classes", "class"} else None


def read_mat(file: File, what: What | None) -> list[Piece]:
    """MATLAB's files up to version 7: a struct dataset with train, test and mapping, or arrays with names.

    Raises:
        GlyphfrontError: the file is damaged or of version 7.3, or its arrays are no images and labels.
    """
    from scipy.io import loadmat

    check_bytes(file)
    source: Any = str(file.at) if file.member is None else io.BytesIO(file.read())
    try:
        content = loadmat(source, simplify_cells=True)
    except NotImplementedError as error:
        with file.open() as raw:
            new = b"\x89HDF" in raw.read(1024)
        what_it_is = "a MATLAB file of version 7.3; save it with -v7, or as .npz"
        raise GlyphfrontError(f"{file}: {what_it_is if new else f'not a readable MATLAB file ({error})'}") from None
    except GlyphfrontError:
        raise
    except Exception as error:  # scipy raises a dozen types for damaged files
        reason = " ".join(str(error).split())
        raise GlyphfrontError(f"{file}: not a readable MATLAB file ({reason}); get it again") from None
    dataset = content.get("dataset")
    if not isinstance(dataset, dict):
        arrays = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
        return _named_arrays(file, arrays, what)
    mapping = dataset.get("mapping")
    pieces = []
    for split in ("train", "test"):
        part = dataset.get(split)
        if isinstance(part, dict) and "images" in part and "labels" in part:
            labels, names = numbered(np.atleast_1d(part["labels"]))
            pieces.append(
                Piece(
                    as_stack(file, np.atleast_2d(part["images"])),
                    labels,
                    names or _names_of_mapping(mapping),
                    split,
                )
            )
    if not pieces:
        raise GlyphfrontError(f"{file}: no dataset.train or dataset.test with images and labels")
    return pieces


def _names_of_mapping(mapping: Any) -> tuple[str, ...] | None:
    """Rows of label and code points, as in the mapping files; labels below the first row's have no name."""
    if not isinstance(mapping, np.ndarray) or mapping.ndim != 2 or mapping.shape[1] < 2:
        return None
    first = int(mapping[0, 0])
    return ("",) * first + tuple(chr(int(row[1])) for row in mapping)
