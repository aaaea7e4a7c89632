"""cli/main.py and cli/arguments.py: any command line gives help, an answer, or one line that says what is wrong."""

from __future__ import annotations

import errno
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tyro

from command_lines import fails
from glyphfront.cli import arguments as command_line
from glyphfront.cli import main
from glyphfront.errors import GlyphfrontError

VERBS = command_line.VERBS


def verbs(level: Mapping[str, Any] = VERBS, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for word, verb in level.items():
        if callable(verb):
            yield (*words, word)
        else:
            yield from verbs(verb, (*words, word))


def verb_of(words: tuple[str, ...]) -> Any:
    found: Any = VERBS
    for word in words:
        found = found[word]
    return found


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a verb, `broken`, that raises what it is given."""

    def add(fault: BaseException) -> None:
        def broken(json: command_line.use.Json = False) -> None:
            raise fault

        monkeypatch.setitem(VERBS, "broken", broken)

    return add


@pytest.mark.parametrize("words", list(verbs()), ids=" ".join)
def test_help_of_every_command_shows_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    assert f"Example: glyphfront {' '.join(words)}" in capsys.readouterr().out


def test_without_a_command_all_are_listed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in VERBS)
    assert "Example:" not in out


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "glyphfront 0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["recognise"], "no command 'recognise' (did you mean recognize?); choose from: recognize, read, pick"),
        (["data", "fetsh"], "no command 'data fetsh' (did you mean fetch?); choose from: fetch, check, show, suspects"),
        (
            ["data"],
            "say what to do: glyphfront data fetch, glyphfront data check, glyphfront data show, glyphfront data",
        ),
        (["study", "time"], "no command 'study time'"),
        (["recognize"], "no picture given; see glyphfront recognize --help"),
        (["recognize", "a.png", "--model", "nosuch"], "nosuch: no shipped model"),
        (
            ["recognize", "a.png", "--topp", "3"],
            "takes no --topp (did you mean --top?); see glyphfront recognize --help",
        ),
        (["recognize", "a.png", "--top"], "--top needs a value; see glyphfront recognize --help"),
        (["recognize", "a.png", "--top", "0"], "--top must be at least 1"),
        (["export"], "glyphfront export needs RUN; see glyphfront export --help"),
        (["export", "one", "two"], "glyphfront export takes no 'two'"),
        (["train", "--epochs", "ten"], "--epochs takes INT: invalid literal"),
        (["train", "--data.limit", "few"], "--data.limit takes INT: invalid literal"),
        (["train", "--optimizer.name", "sgdd"], "--optimizer.name is one of adam, adamax"),
        (["train", "--precision", "fp16"], "--precision is one of bf16, fp32, not 'fp16'"),
        (["train", "--optimiser.lr", "1"], "takes no --optimiser.lr (did you mean --optimizer.lr?)"),
        (["train", "--model.name", "nosuch", "--data.limit", "2"], "unknown model 'nosuch'"),
        (["train", "--data.train", "nosuch"], "no data set 'nosuch'"),
        (["train", "--optimizer.lr", "-1"], "--optimizer.lr must be above 0"),
        (["train", "missing.json"], "missing.json: no such file"),
        (["study", "run", "nosuch"], "no study 'nosuch'; there are"),
        (["study", "run", "quick", "--seeds", "0"], "--seeds must be at least 1"),
        (["study", "run", "quick", "--latency-seconds", "0"], "--latency-seconds must be above 0"),
        (["study", "run", "quick", "--latency-seconds", "nan"], "--latency-seconds must be above 0"),
        (["search", "--budget-us", "60", "--latency-seconds", "nan"], "--latency-seconds must be above 0"),
        (["study", "run", "quick", "--cpus", "2"], "say --on ray too"),
        (["study", "run", "quick", "--scale", "laptop"], "no scale 'laptop'"),
        (["study", "run", "nowhere.py:widths"], "nowhere.py: no such file"),
        (["study", "show", "nosuch"], "no study 'nosuch'"),
        (["study", "cost", "nosuch"], "no study 'nosuch'"),
        (["report", "nowhere"], "nowhere: no result files there"),
        (["pick", "nowhere"], "nowhere: no result files there"),
        (["export", "nowhere"], "no such file; train a Run first"),
        (["evaluate", "nowhere"], "nowhere: no shipped model"),
        (["latency", "nowhere"], "nowhere: no shipped model"),
        (["latency", "--study", "nowhere"], "nowhere: no results of exported files there"),
        (["latency"], "name models to time, or a folder of results with --study"),
        (["gradients", "nosuch@32"], "unknown model 'nosuch'"),
        (["gradients"], "no gradients to draw"),
        (["gradients", "glyphnet-xs", "--out", "gradients.png"], "take a name that ends in .svg"),
        (["layers", "nosuch"], "unknown model 'nosuch'"),
        (["layers", "nosuch.json"], "nosuch.json: no such file"),
        (["layers", "lenet5_new", "--classes", "0"], "--classes must be at least 1"),
        (["compare"], "two result files, or one folder"),
        (["compare", ".", "."], "two result files, or one folder"),
        (["compare", "a.json", "b.json"], "a.json: no such file or folder"),
        (["compare", ".", "--baseline", "x"], "no result files there; run a study first"),
        (["data", "check", "balanced", "--data-dir", "nowhere"], "nowhere"),
        (["data", "fetch", "nosuch"], "nosuch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in fails(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [words for words in verbs() if "json" in inspect.signature(verb_of(words)).parameters], ids=" ".join
)
def test_with_json_bad_input_is_one_object_and_status_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every verb that answers in JSON."""
    assert main([*words, "--json", "--such-flag"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    (line,) = out.splitlines()
    found = json.loads(line)
    assert found.pop("error").startswith(f"glyphfront {' '.join(words)} takes no --such-flag")
    assert found == {"schema": 1, "ok": False}


def test_every_verb_whose_answer_is_more_than_a_path_has_json() -> None:
    with_json = {" ".join(words) for words in verbs() if "json" in inspect.signature(verb_of(words)).parameters}
    told_in_paths = {"train", "export", "gradients", "study run", "data fetch", "data show", "search"}
    assert with_json | told_in_paths | {"serve"} == {" ".join(words) for words in verbs()}
    described = (Path(__file__).parent.parent / "docs" / "json.md").read_text(encoding="utf-8")
    assert [verb for verb in sorted(with_json) if f"| `{verb}` |" not in described] == []


def test_debug_shows_where_a_fault_comes_from() -> None:
    with pytest.raises(GlyphfrontError, match="nowhere"):
        main(["report", "nowhere", "--debug"])


@pytest.mark.parametrize(
    ("fault", "told", "status"),
    [
        (ZeroDivisionError("by zero\nand more"), "ZeroDivisionError: by zero (--debug shows where)", 1),
        (GlyphfrontError("do this"), "do this", 2),
        (KeyboardInterrupt(), "interrupted; give the same command again to go on", 130),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.json"),
            "x.json: No space left on device; make room, and give the same command again",
            2,
        ),
        (ImportError("no torch", name="torch"), "this needs torch: pip install 'glyphfront[train]'", 2),
        (ImportError("no x", name="glyphfront.x"), "ImportError: no x (--debug shows where)", 1),
    ],
    ids=["ours", "theirs", "ctrl-c", "full disk", "extra", "our import"],
)
def test_any_fault_is_one_line_on_stderr_or_one_object_on_stdout(
    fault: BaseException, told: str, status: int, raising: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(fault)
    assert main(["broken"]) == status
    assert capsys.readouterr() == ("", f"glyphfront: {told}\n")
    assert main(["broken", "--json"]) == status
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == ({"schema": 1, "ok": False, "error": told}, "")


def test_a_verb_that_raises_a_value_error_is_not_taken_for_bad_arguments(
    raising: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(ValueError("inside"))
    assert main(["broken"]) == 1
    assert "ValueError: inside" in capsys.readouterr().err


def test_a_path_that_cannot_be_written_to_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    told = fails(capsys, "data", "show", "strokes", "--out", str(file))
    assert str(file) in told
    assert "give another path" in told


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "glyphfront.models", raising=False)
    assert "this needs torch: pip install 'glyphfront[train]'" in fails(capsys, "models")


@pytest.mark.parametrize("options", [[], ["-OO"]], ids=["plain", "without docstrings"])
def test_commands_work_with_and_without_docstrings(options: list[str], tmp_path: Path) -> None:
    """-OO strips docstrings and assertions: nothing that is printed or done may come from them."""

    def run(*arguments: str) -> str:
        command = [sys.executable, *options, "-m", "glyphfront", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "recognize" in run()
    assert "--top" in run("recognize", "--help")
    assert "Which of four models" in run("study", "list")
    assert "glyphnet-xs" in run("study", "show", "quick")
    assert "glyphnet-s" in run("models")
    assert run("train", "--model.name", "glyphnet-xs", "--data.limit", "5", "--epochs", "1").startswith("runs/")


def in_bash(command: str) -> tuple[int, str]:
    """Exit status and stderr of a command line whose output is buffered."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    script = ["bash", "-c", f"set -o pipefail; {command}"]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_reader_that_stops_early_is_no_fault() -> None:
    assert in_bash(f"{sys.executable} -m glyphfront | true") == (0, "")


@pytest.mark.parametrize("options", ["", " --json"], ids=["plain", "json"])
def test_a_device_that_is_full_is_told_once(options: str) -> None:
    told = "glyphfront: output: No space left on device; make room, and give the same command again\n"
    assert in_bash(f"{sys.executable} -m glyphfront devices{options} > /dev/full") == (2, told)


def test_a_tyro_without_its_hook_still_tells_of_bad_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hook is not part of what tyro promises to keep."""
    monkeypatch.delattr(tyro, "_errors")
    monkeypatch.setitem(sys.modules, "tyro._errors", None)
    assert main(["recognize", "--topp", "3"]) == 2
    assert "--topp" in capsys.readouterr().err


def test_ctrl_c_while_the_command_line_is_still_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tyro.py").write_text("raise KeyboardInterrupt\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "glyphfront", "models"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stderr) == (130, "glyphfront: interrupted; give the same command again\n")
