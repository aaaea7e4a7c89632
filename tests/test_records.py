from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.records import from_plain, load, save, to_plain


@dataclass(frozen=True)
class Inner:
    name: str
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    inner: Inner
    kind: Literal["a", "b"] = "a"
    count: int = 1
    on: bool = False
    maybe: int | None = None
    other: Inner | None = None
    sizes: tuple[int, ...] | None = None
    pair: tuple[int, str] = (0, "")
    many: tuple[Inner, ...] = ()
    table: tuple[tuple[int, ...], ...] = ()
    anything: Any = None


FULL = Outer(
    inner=Inner("x", 0.25),
    kind="b",
    count=3,
    on=True,
    maybe=0,
    other=Inner("µ\n"),
    sizes=(1, 2),
    pair=(4, "z"),
    many=(Inner("p"), Inner("q", 1.0)),
    table=((1, 2), (), (3,)),
    anything={"k": [1, None]},
)


@pytest.mark.parametrize("value", [Outer(Inner("x")), FULL])
def test_a_record_survives_json(value: Outer) -> None:
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value


def test_plain_is_what_json_knows() -> None:
    assert to_plain(Outer(Inner("x"), many=(Inner("p"),), table=((1,),))) == {
        "inner": {"name": "x", "share": 0.5},
        "kind": "a",
        "count": 1,
        "on": False,
        "maybe": None,
        "other": None,
        "sizes": None,
        "pair": [0, ""],
        "many": [{"name": "p", "share": 0.5}],
        "table": [[1]],
        "anything": None,
    }


def test_missing_fields_take_their_defaults() -> None:
    assert from_plain(Outer, {"inner": {"name": "x"}}) == Outer(Inner("x"))


def test_a_whole_number_is_a_float_where_one_is_asked_for() -> None:
    share = from_plain(Inner, {"name": "x", "share": 1}).share
    assert (share, type(share)) == (1.0, float)


@pytest.mark.parametrize(
    ("field_name", "wrong", "told"),
    [
        ("inner", 3, "Outer.inner must be an object"),
        ("inner", {"name": 3}, "Outer.inner.name must be str, got 3"),
        ("inner", {"name": "x", "share": "1"}, "Outer.inner.share must be float, got '1'"),
        ("inner", {"name": "x", "share": True}, "Outer.inner.share must be float, got True"),
        ("inner", {"name": "x", "colour": 1}, "Outer.inner has no field 'colour'"),
        ("inner", {}, "Outer.inner: .*'name'"),
        ("kind", "c", "Outer.kind must be one of a, b, got 'c'"),
        ("count", 1.5, "Outer.count must be int, got 1.5"),
        ("count", True, "Outer.count must be int, got True"),
        ("count", None, "Outer.count must be int, got None"),
        ("on", 1, "Outer.on must be bool, got 1"),
        ("maybe", "3", "Outer.maybe .*'3'"),
        ("other", {"name": 3}, "Outer.other"),
        ("sizes", [1, "2"], "Outer.sizes"),
        ("pair", [1], "Outer.pair must have 2 items"),
        ("pair", ["z", 1], r"Outer.pair\[0\] must be int, got 'z'"),
        ("many", [{"name": "p"}, {"name": 4}], r"Outer.many\[1\].name must be str, got 4"),
        ("table", [[1], [2, None]], r"Outer.table\[1\]\[1\] must be int, got None"),
        ("table", 5, "Outer.table must be a list"),
        ("other", {"name": "x" * 10_000, "share": "1"}, r"^Outer.other.share must be float, got '1'$"),
        ("other", 3, "Outer.other must be an object"),
        ("maybe", list(range(10_000)), r"^Outer.maybe cannot be \[0, 1, 2, .{,30}\]$"),
        ("count", "x" * 10_000, r"^Outer.count must be int, got 'x{,20}\.\.\.x{,20}'$"),
    ],
)
def test_a_value_of_another_type_is_named(field_name: str, wrong: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        from_plain(Outer, {"inner": {"name": "x"}, field_name: wrong})


def test_a_list_is_no_record() -> None:
    with pytest.raises(ValueError, match="Inner must be an object"):
        from_plain(Inner, ["x"])


def test_lists_and_records_inside_one_another_are_converted_all_the_way() -> None:
    @dataclass(frozen=True)
    class Holder:
        held: list[Any] = field(default_factory=list)

    assert to_plain(Holder([(Inner("x"), 1)])) == {"held": [[{"name": "x", "share": 0.5}, 1]]}


@pytest.mark.parametrize("line_a_field", [True, False])
@pytest.mark.parametrize("value", [Outer(Inner("x")), FULL])
def test_a_record_survives_its_file(tmp_path: Path, value: Outer, line_a_field: bool) -> None:
    save(value, tmp_path / "a" / "record.json", line_a_field=line_a_field)
    assert load(Outer, tmp_path / "a" / "record.json", advice="") == value


def test_a_line_a_field_is_a_line_each(tmp_path: Path) -> None:
    save(FULL, tmp_path / "record.json", line_a_field=True)
    lines = (tmp_path / "record.json").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(fields(Outer))
    assert lines[5] == '"other":{"name":"µ\\n","share":0.5},'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file; make one"),
        (b"", "holds no Outer .*; make one"),
        (b"{", "holds no Outer .*; make one"),
        (b"\xff", "holds no Outer .*; make one"),
        (b"[]", r"holds no Outer \(Outer must be an object\); make one"),
        (b'{"inner": {"name": "x"}, "count": "1"}', "Outer.count must be int, got '1'"),
        (b"[" * 100_000, "holds no Outer .*; make one"),
    ],
)
def test_what_is_no_record_is_one_line_that_names_the_file(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GlyphfrontError, match=rf"record\.json: {told}|record\.json: .*{told}") as caught:
        load(Outer, path, advice="make one")
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_a_record_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="cannot be read"):
        load(Outer, tmp_path, advice="make one")
