import re
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest

import glyphfront
from glyphfront import provenance as machine


def test_versions_are_those_the_libraries_give_and_missing_ones_are_left_out():
    assert machine.library_versions(["numpy", "no-such-library"]) == (f"numpy=={np.__version__}",)


def test_machine_is_one_line_with_its_cores():
    line = machine.machine()
    assert line.startswith(machine.cpu_model())
    assert re.search(rf", {machine.cores()} cores?, \w+", line)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("model name\t: EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni\n", "EPYC (AVX-512 VNNI)"),
        ("model name\t: EPYC\nflags\t\t: fpu avx2\nmodel name\t: other\nflags\t\t: avx512f\n", "EPYC (AVX2)"),
        ("model name\t: Atom\nflags\t\t: fpu sse2\n", "Atom"),
        ("model name\t: Neoverse\nFeatures\t: fp asimd asimddp\n", "Neoverse (NEON dot product)"),
    ],
)
def test_cpu_is_told_with_its_vector_instructions(told, name, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    assert machine.cpu_model() == name


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
