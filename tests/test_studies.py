"""studies: how a study is found by name, in a package or in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.execute import check_all
from glyphfront.pipeline.scale import trainings
from glyphfront.run import Run, check
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find as shipped_file
from glyphfront.ship.recognizer import shipped
from glyphfront.studies import find, installed
from glyphfront.studies.front import front, recipe
from glyphfront.study import Study

FILE = """
from dataclasses import replace
from glyphfront.run import Model, Run
from glyphfront.study import Claim, Pair, Published, Scale, Study

def rates(data="strokes"):
    return Study("?", rows={f"lr_{lr}": replace(Run(), optimizer=replace(Run().optimizer, lr=lr)) for lr in (.1, .01)})

def nothing():
    return None

def row(**changes):
    return Study("?", rows={"x": replace(Run(), **changes)})

def two():
    return Study("?", parts={"a": row(model=Model("glyphnet-s", widths=[8] * 6)), "b": row(epochs=3)})

def half():
    return row(epochs=2.5)

def fails():
    return row(1)

def leaves():
    raise SystemExit(3)

def breaks():
    raise RuntimeError("one\\ntwo")

def says(**more):
    return Study("?", rows={"long": Run(), "short": Run(epochs=1)}, **more)

def baseline():
    return says(baseline="shrot")

def baselines():
    return says(baselines={"short": "longer"})

def claim():
    return Study("?", parts={"a": says(claims=[Claim("short", "lon", "better")])})

def pair():
    return says(pairs=[Pair("p", "short", "lnog")])

def published():
    return says(published={"lnog": Published()})

def numbers():
    return Study("?", rows={lr: Run() for lr in (0.1, 0.01)})

def itself():
    return says(claims=[Claim("long", "long", "better")])

def percent():
    return says(published={"long": Published(test_accuracy=90.1)})

def never():
    return says(seeds=0)

def seldom():
    return says(seeds_of={"long": "3"})

def others():
    return says(seeds_of={"lnog": 3})

def after():
    base, start = Run(epochs=3), Run(init_from=Run(epochs=3).key)
    return Study("?", rows={"base": base, "start": start}, seeds_of={"start": 3})

def before():
    base, start = Run(epochs=3), Run(init_from=Run(epochs=3).key)
    return Study("?", rows={"base": base, "start": start}, seeds=2, seeds_of={"base": 1})

def twice():
    return says(pairs=[Pair("p", "short", "long"), Pair("p", "long", "short")])

def whole():
    return Study("?", parts={"a": says()}, baseline="long")

def both():
    return Study("?", rows={"a": Run()}, parts={"p": row()})

def shrunk():
    return says(scales=[Scale("tiny", epochs_divisor=0)])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def test_our_own_studies_and_the_guest_are_installed() -> None:
    assert {"quick", "front", "recipe", "emnist-study"} <= set(installed())


@pytest.mark.parametrize("data", ["strokes", "balanced", None])
def test_our_own_studies_ask_a_question_with_runs_that_can_be_run(data: str | None) -> None:
    study = find("quick", data=data)
    assert study.name == "quick"
    assert study.question.endswith("?")
    assert study.expected
    for label, run in study.rows.items():
        check(run)
        assert run.label == label
        assert run.data.train == (data or run.data.train)


@pytest.mark.parametrize("study", [front(), recipe()], ids=lambda study: study.name)
def test_the_students_of_the_front_learn_from_rows_before_them(study: Study) -> None:
    check_all(study)
    teachers, *others = (trainings(part) for part in study.parts.values())
    students = [run for part in others for run in part if not run.init_from]
    assert not any(run.distill.teachers for run in teachers)
    assert {key for run in students for key in run.distill.teachers} == {run.key for run in teachers}


def test_rows_that_differ_in_nothing_but_their_names_are_refused_before_the_training() -> None:
    twice = Study("?", rows={"a": Run(label="a"), "b": Run(label="b")})
    with pytest.raises(GlyphfrontError, match="rows 'a' and 'b' differ in nothing but their names"):
        check_all(twice)
    check_all(Study("?", parts={name: Study("?", rows={name: Run(label=name)}) for name in "ab"}))


def test_each_size_of_the_front_is_trained_further_as_its_own_teacher() -> None:
    sizes, shipped = (trainings(front().parts[name]) for name in ("sizes", "shipped"))
    further = [run for run in shipped if run.init_from]
    own = {run.key: run.model for run in sizes if run.seed == 0}
    assert {run.init_from: run.model for run in further} == own
    assert all(run.distill.teachers == (run.init_from,) and run.keep_head for run in further)


def test_all_seeds_of_a_student_of_the_front_have_the_same_teachers() -> None:
    students = trainings(front().parts["sizes"])
    assert {run.seed for run in students} == {0, 1, 2}
    assert len({run.distill.teachers for run in students}) == 1


def test_shipped_models_are_rows_of_the_front() -> None:
    keys = {run.key for run in trainings(front())}
    assert shipped()
    assert {load_card(shipped_file(name)).run.key for name in shipped()} <= keys


def test_a_part_is_the_whole_study_with_that_part_alone() -> None:
    study = find("emnist-study:table3", scale="laptop")
    assert (study.name, list(study.parts), study.scale) == ("emnist-study", ["table3"], "laptop")


def test_a_function_in_a_file_is_a_study_of_that_name(file: Path) -> None:
    study = find(f"{file}:rates", data="digits")
    assert isinstance(study, Study)
    assert study.name == f"{file}:rates"
    assert [run.optimizer.lr for run in study.rows.values()] == [0.1, 0.01]


def test_a_part_of_a_study_in_a_file_is_asked_for_as_any(file: Path) -> None:
    study = find(f"{file}:two:b")
    assert (study.name, list(study.parts)) == (f"{file}:two", ["b"])


def test_lists_in_a_function_of_a_file_are_as_good_as_tuples(file: Path) -> None:
    assert find(f"{file}:two").parts["a"].rows["x"].model.widths == (8, 8, 8, 8, 8, 8)


@pytest.mark.parametrize(
    ("name", "data", "scale", "told"),
    [
        ("quik", None, None, r"no study 'quik'; there are .*quick.*FILE.py:FUNCTION"),
        ("quick:table3", None, None, "quick has no part 'table3'; it has none"),
        ("emnist-study:table10", None, None, "no part 'table10'; it has baselines, table7"),
        ("emnist-study", "letters", None, "takes no data set"),
        ("emnist-study", None, "tiny", "no scale 'tiny'; there are full, laptop"),
        ("emnist-study:final", None, "laptop", "final: carried out at another scale than laptop only"),
        ("none.py:rates", None, None, "none.py: no such file"),
        ("mine.py", None, None, "say which of its functions"),
        ("mine.py:none", None, None, "has no function 'none'"),
        ("mine.py:nothing", None, None, "must return a glyphfront.study.Study, not NoneType"),
        ("mine.py:nothing", "strokes", None, "takes no data set"),
        ("mine.py:rates:table3", None, None, "mine.py:rates has no part 'table3'; it has none"),
        ("mine.py:two:c", None, None, "mine.py:two has no part 'c'; it has a, b"),
        ("mine.py:fails", None, None, r"mine.py:fails fails: TypeError: row\(\) takes 0 positional arguments"),
        ("mine.py:half", None, None, r"mine.py:half: Study.rows\['x'\].epochs cannot be 2.5"),
        ("mine.py:leaves", None, None, "^mine.py:leaves fails: SystemExit: 3$"),
        ("mine.py:breaks", None, None, "^mine.py:breaks fails: RuntimeError: one$"),
        (
            "mine.py:baseline",
            None,
            None,
            "mine.py:baseline: baseline: 'shrot' is none of its rows; the nearest is 'short'",
        ),
        ("mine.py:baselines", None, None, "baselines: 'longer' is none of its rows; the nearest is 'long'"),
        (
            "mine.py:claim",
            None,
            None,
            "mine.py:claim, part a: claims: 'lon' is none of its rows; the nearest is 'long'",
        ),
        ("mine.py:pair", None, None, "pairs: 'lnog' is none of its rows; the nearest is 'long'"),
        ("mine.py:published", None, None, "published: 'lnog' is none of its rows; the nearest is 'long'"),
        ("mine.py:numbers", None, None, r"^mine.py:numbers: Study.rows: a name is a text, such as '0.1', not 0.1$"),
        ("mine.py:itself", None, None, "mine.py:itself: claims: 'long' is compared with itself"),
        ("mine.py:percent", None, None, "^a published accuracy is a share between 0 and 1, such as 0.9, not 90.1$"),
        ("mine.py:never", None, None, "a study's seeds are how often each row is trained, at least 1, not 0"),
        ("mine.py:seldom", None, None, "a whole number from 1 on; not long: '3'"),
        ("mine.py:others", None, None, "seeds_of: 'lnog' is none of its rows; the nearest is 'long'"),
        ("mine.py:after", None, None, "'start' is trained 3 times and needs 'base', which is trained 1 times"),
        ("mine.py:before", None, None, "'start' is trained 2 times and needs 'base', which is trained 1 times"),
        ("mine.py:twice", None, None, "mine.py:twice: pairs: two are called 'p'; give each a name of its own"),
        ("mine.py:whole", None, None, "baseline: 'long' is none of its rows; it has none: say that of the part"),
        ("mine.py:both", None, None, "a study has rows or parts, not both"),
        ("mine.py:shrunk", None, None, "scale tiny: divisors must be at least 1"),
        ("leaves.py:any", None, None, "^leaves.py: cannot be read as Python: SystemExit: 1$"),
        ("faulty.py:any", None, None, "faulty.py: cannot be read as Python: SyntaxError"),
    ],
)
def test_what_is_not_found_is_named(
    name: str, data: str | None, scale: str | None, told: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    Path("faulty.py").write_text("def any(:\n")
    Path("leaves.py").write_text("import sys\nsys.exit(1)\n")
    with pytest.raises(GlyphfrontError, match=told):
        find(name, data=data, scale=scale)
