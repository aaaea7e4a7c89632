"""Records: frozen dataclasses in JSON files, with the types checked as they are read; arrays in npz files."""

from __future__ import annotations

import dataclasses
import json
import reprlib
import types
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically, write_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")


def save(value: object, path: Path, *, line_a_field: bool = False) -> None:
    """Write a record as JSON, atomically.

    Args:
        value: a dataclass.
        path: of the file.
        line_a_field: each field of the record on one line, for long ones; otherwise indented, for people.

    Raises:
        GlyphfrontError: the disk is full.
    """
    plain = to_plain(value)
    if line_a_field:
        lines = [f"{_json(name)}:{_json(item, separators=(',', ':'))}" for name, item in plain.items()]
        write_text(path, "{" + ",\n".join(lines) + "}\n")
    else:
        write_text(path, _json(plain, indent=2) + "\n")


def load(kind: type[T], path: Path, *, advice: str) -> T:
    """Read what `save` wrote of the dataclass `kind`.

    Args:
        kind: of the record.
        path: of the file.
        advice: how to come by such a file, as the end of an error message: "train the Run first".

    Raises:
        GlyphfrontError: the file is missing, cannot be read, or holds no such record.
    """
    try:
        return from_plain(kind, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file; {advice}") from None
    except OSError as error:
        raise GlyphfrontError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # no UTF-8 and no JSON are ValueErrors, too
        raise GlyphfrontError(f"{path}: holds no {kind.__name__} ({error}); {advice}") from None


def save_arrays(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write arrays as a compressed npz file, atomically.

    Raises:
        GlyphfrontError: the disk is full.
    """
    import numpy as np

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_atomically(path, write)


def load_arrays(what: str, path: Path, *names: str, advice: str) -> dict[str, NDArray[Any]]:
    """Read an npz file; nothing in it is run.

    Args:
        what: it holds, for error messages: "predictions".
        path: of the file.
        names: of the arrays that must be there.
        advice: how to come by such a file.

    Returns:
        All arrays by name.

    Raises:
        GlyphfrontError: the file is missing, is no npz file, or lacks an array.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file; {advice}") from None
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error):  # what NumPy raises of others
        arrays = {}
    if not arrays.keys() >= set(names):
        raise GlyphfrontError(f"{path}: holds no {what}; {advice}")
    return arrays


def _json(value: object, **settings: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **settings)


def to_plain(value: Any) -> Any:
    """Dataclasses and mappings become dicts, tuples lists; everything else stays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[T], plain: Any) -> T:
    """The inverse of `to_plain` for the dataclass `kind`.

    Fields that are missing take their defaults.

    Raises:
        ValueError: a field is unknown, missing without a default, or of another type; the message names it.
    """
    return cast(T, _convert(kind, plain, kind.__name__))


def _convert(kind: Any, plain: Any, where: str) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(plain, dict):
            raise ValueError(f"{where} must be an object")
        hints = get_type_hints(kind)
        unknown = set(plain) - {f.name for f in dataclasses.fields(kind)}
        if unknown:
            raise ValueError(f"{where} has no field {sorted(unknown)[0]!r}")
        try:
            return kind(**{k: _convert(hints[k], v, f"{where}.{k}") for k, v in plain.items()})
        except (TypeError, GlyphfrontError) as error:
            raise ValueError(f"{where}: {error}") from None
    if origin in (Union, types.UnionType):
        for option in get_args(kind):
            try:
                return _convert(option, plain, where)
            except ValueError:
                continue
        record, *more = [option for option in get_args(kind) if option is not types.NoneType]
        if plain is not None and dataclasses.is_dataclass(record) and not more:
            return _convert(record, plain, where)  # raises, and says which field is at fault
        raise ValueError(f"{where} cannot be {reprlib.repr(plain)}")
    if origin is Literal:
        if plain not in get_args(kind):
            raise ValueError(f"{where} must be one of {', '.join(map(str, get_args(kind)))}, got {reprlib.repr(plain)}")
        return plain
    if origin is Mapping:
        if not isinstance(plain, dict):
            raise ValueError(f"{where} must be an object")
        if no_names := [name for name in plain if not isinstance(name, str)]:
            raise ValueError(f"{where}: a name is a text, such as '{no_names[0]}', not {reprlib.repr(no_names[0])}")
        return {name: _convert(get_args(kind)[1], item, f"{where}[{name!r}]") for name, item in plain.items()}
    if origin is tuple:
        if not isinstance(plain, list | tuple):
            raise ValueError(f"{where} must be a list")
        kinds = get_args(kind)
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return tuple(_convert(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(plain))
        if len(kinds) != len(plain):
            raise ValueError(f"{where} must have {len(kinds)} items")
        return tuple(_convert(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(kinds, plain, strict=True)))
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if kind is types.NoneType:
        kind = type(None)
    if kind is not Any and (not isinstance(plain, kind) or (kind is int and isinstance(plain, bool))):
        raise ValueError(f"{where} must be {getattr(kind, '__name__', kind)}, got {reprlib.repr(plain)}")
    return plain
