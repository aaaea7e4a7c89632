"""Layouts of well-known sets of pictures whose folders are named by a rule of their own."""

from __future__ import annotations

import re
import string
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Literal

_CHARS74K = string.digits + string.ascii_uppercase + string.ascii_lowercase


def nist(names: Collection[str]) -> dict[str, str] | None:
    """NIST Special Database 19: a folder is the hexadecimal ASCII code of its character, such as 4a for J."""
    codes = [name for name in names if re.fullmatch(r"[34567][0-9a-f]", name)]
    letters = any(re.search("[a-f]", name) for name in codes)
    if len(codes) < len(names) or not letters:
        return None
    return {name: chr(int(name, 16)) for name in names}


def nist_split(folders: tuple[str, ...]) -> Literal["train", "test"] | None:
    """NIST's recommendation for SD 19: partition hsf_4 is for testing, all else for training; None elsewhere."""
    part = next((folder for folder in folders if re.fullmatch(r"hsf_\d|train_[0-9a-f]{2}", folder)), None)
    return None if part is None else "test" if part == "hsf_4" else "train"


def ascii_codes(names: Collection[str]) -> dict[str, str] | None:
    """A folder is the decimal ASCII code of its character, such as 65 for A; counted classes begin at 0 or 1."""
    codes = [int(name) for name in names if re.fullmatch(r"\d{2,3}", name)]
    if len(codes) < len(names) or len(codes) < 10 or min(codes) < 33 or max(codes) > 126:
        return None
    if not any(chr(code).isalpha() for code in codes) and not all(chr(code).isdigit() for code in codes):
        return None  # signs without letters: classes that are counted from another number
    return {name: chr(int(name)) for name in names}


def chars74k(names: Collection[str]) -> dict[str, str] | None:
    """Chars74K: Sample001 is 0, Sample011 A, Sample037 a."""
    if not names or not all(re.fullmatch(r"Sample0\d\d", name) and 1 <= int(name[-3:]) <= 62 for name in names):
        return None
    return {name: _CHARS74K[int(name[-3:]) - 1] for name in names}


def omniglot_writer(path: PurePosixPath) -> str | None:
    """Omniglot: character07/0394_13.png was drawn by person 13."""
    found = re.fullmatch(r"\d{4}_(\d\d)\.png", path.name)
    return found[1] if found and is_omniglot(path.parent.name) else None


def is_omniglot(folder: str) -> bool:
    """Whether a folder is named as one of Omniglot's characters."""
    return re.fullmatch(r"character\d\d", folder) is not None


NAMES = (nist, chars74k, ascii_codes)
