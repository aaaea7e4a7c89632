"""The genuine pictures that GLYPHFRONT_REAL names, and where results of benchmarks on pictures go."""

from __future__ import annotations

import csv
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent.parent.parent / "results" / "pictures"
NEEDS_DATA = 77  # exit status of a benchmark that finds none of the data it needs


@dataclass(frozen=True)
class Genuine:
    """A labelled picture."""

    path: Path
    label: str
    source: str


def genuine() -> list[Genuine]:
    """All labelled pictures of the folder that GLYPHFRONT_REAL names (labels.csv and pictures.zip, or its files)."""
    folder = os.environ.get("GLYPHFRONT_REAL")
    if not folder:
        print("GLYPHFRONT_REAL names no folder with labels.csv and pictures.zip", file=sys.stderr)
        raise SystemExit(NEEDS_DATA)
    files = Path(folder)
    unpacked = Path(os.environ.get("GLYPHFRONT_UNPACKED", files))
    if (archive := files / "pictures.zip").exists() and not (unpacked / "canvas62").is_dir():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(unpacked)
    with (files / "labels.csv").open(encoding="utf-8", newline="") as table:
        return [Genuine(unpacked / row["path"], row["label"], row["source"]) for row in csv.DictReader(table)]


def save(name: str, figures: Mapping[str, object], how: str) -> None:
    """Write results/pictures/NAME.json with how and where the figures were taken."""
    from glyphfront.provenance import library_versions, provenance
    from glyphfront.records import to_plain

    where = {
        **to_plain(provenance()),
        "libraries": list(library_versions(("numpy", "opencv-python-headless", "onnxruntime"))),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**figures, "how": how, **where}, indent=2, ensure_ascii=False) + "\n"
    (RESULTS / f"{name}.json").write_text(text, "utf-8")
