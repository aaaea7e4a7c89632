"""The committed pages are what the committed results say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from glyphfront.report.page import write_report

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "results").glob("*/report.md")))
def test_a_committed_page_is_made_from_the_committed_results(tmp_path: Path, name: str) -> None:
    listed = subprocess.run(["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True)
    for file in listed.stdout.splitlines():  # a study that is running here may have left more
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    if listed.returncode:  # no checkout, as in an unpacked archive
        shutil.copytree(ROOT / "results", tmp_path / "results")
    write_report(tmp_path / "results" / name)
    page = Path("results") / name / "report.md"
    assert (tmp_path / page).read_text() == (ROOT / page).read_text(), "run make results"
