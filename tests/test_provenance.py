import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import glyphfront
from glyphfront import provenance as machine


def test_versions_are_those_the_libraries_give_and_missing_ones_are_left_out():
    assert machine.library_versions(["numpy", "no-such-library"]) == (f"numpy=={np.__version__}",)


def test_machine_is_one_line_with_its_cores():
    line = machine.machine()
    assert "\n" not in line
    assert line.startswith(f"{machine.cpu_model()} (" if machine.instruction_sets() else machine.cpu_model())
    assert re.search(rf", {machine.cores()} cores?, \w+", line)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx avx2 vaes\n", "AMD EPYC (avx2), "),
        (
            "model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16\n",
            "AMD EPYC (avx2 avx512f avx512_vnni avx512_bf16), ",
        ),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", " (asimddp), "),
        ("processor\t: 0\n", ", "),
    ],
)
def test_processors_of_one_name_are_told_apart_by_what_times_hang_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, name: str
) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")
    assert machine.machine().split(f"{machine.cores()} core")[0].endswith(name)


def test_a_system_that_tells_nothing_of_its_processor_still_has_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "none")
    assert machine.instruction_sets() == ()
    assert machine.cpu_model() in machine.machine()


def test_commit_is_that_of_the_checkout_and_tells_of_changes(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=b", *arguments], check=True)

    package = tmp_path / "package" / "measure"
    package.mkdir(parents=True)
    (package / "machine.py").write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    head = subprocess.check_output(["git", "-C", tmp_path, "rev-parse", "HEAD"], text=True)
    monkeypatch.setattr(machine, "__file__", str(package / "machine.py"))
    assert machine.git_commit() == head[:12]
    (tmp_path / "notes.txt").write_text("not the package")
    assert machine.git_commit() == head[:12]
    (package / "new.py").write_text("2")
    assert machine.git_commit() == head[:12] + "+"


def test_commit_of_somebody_elses_checkout_is_not_taken(tmp_path, monkeypatch):
    subprocess.run(["git", "-C", tmp_path, "init", "-q"], check=True)
    (tmp_path / "machine.py").write_text("installed here, not part of the checkout")
    monkeypatch.setattr(machine, "__file__", str(tmp_path / "machine.py"))
    assert machine.git_commit() == ""


def test_provenance_tells_version_and_time_in_utc():
    provenance = machine.provenance()
    assert provenance.glyphfront == glyphfront.__version__
    assert abs(datetime.fromisoformat(provenance.finished) - datetime.now(UTC)).total_seconds() < 60
