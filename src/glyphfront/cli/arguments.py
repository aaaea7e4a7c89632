"""From the words of a command line to a call of its verb; a word that does not fit gives one line."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from tyro.extras import SubcommandApp

from glyphfront.cli import data, models, results, search, serve, study, train, use
from glyphfront.errors import GlyphfrontError
from glyphfront.run import load_run
from glyphfront.training.torchrun import is_one_of_several

Verb = Callable[..., int | None]
Commands = Mapping[str, Verb | Mapping[str, Verb]]

VERBS: dict[str, Verb | Mapping[str, Verb]] = {
    "recognize": use.recognize,
    "read": use.read,
    "pick": results.pick,
    "report": results.report,
    "compare": results.compare,
    "study": {"list": study.show_all, "show": study.show, "cost": study.cost, "run": study.run},
    "search": search.search,
    "train": train.train,
    "export": train.export,
    "evaluate": models.evaluate,
    "latency": models.latency,
    "gradients": models.gradients,
    "models": models.models,
    "layers": models.layers,
    "devices": train.devices,
    "data": {"fetch": data.fetch, "check": data.check, "show": data.show, "suspects": data.suspects},
    "serve": serve.serve,
}


def parse(arguments: Sequence[str]) -> Callable[[], int | None]:
    """What the command line `arguments` calls; help is printed at once.

    Raises:
        GlyphfrontError: there is no such command or flag, a value does not fit, or one is missing.
    """
    if list(arguments) == ["--version"]:
        return _print_version
    words, found = _command(arguments)
    rest, verbs = list(arguments[len(words) :]), dict(VERBS)
    if is_one_of_several() and found is not train.train:
        raise GlyphfrontError(f"{_name(words)} is one process; torchrun is for glyphfront train")
    if found is train.train and rest and rest[0].endswith(".json"):
        verbs["train"] = train.departing_from(load_run(Path(rest.pop(0))))
    elif found is train.train and (base := _shipped_base(rest)):
        from glyphfront.training.further import further

        verbs["train"] = train.departing_from(further(base))
    app = _app(verbs, brief=not callable(found))
    try:
        with _faults_in_one_line(words, found, rest):
            call: Callable[[], int | None] = app.cli(prog="glyphfront", args=[*words, *rest] or ["--help"])
    except SystemExit as stop:
        return functools.partial(int, stop.code or 0)
    return call


def _shipped_base(rest: Sequence[str]) -> str | None:
    """The shipped model that --init-from names, if it does."""
    words = [part for word in rest for part in word.split("=", 1)]
    flags = [word.replace("_", "-") for word in words]
    if "--init-from" not in flags[:-1]:
        return None
    from glyphfront.models.weights import shipped_names

    name = words[flags.index("--init-from") + 1].partition("@")[0]
    return name if name in shipped_names() else None


def _print_version() -> None:
    from glyphfront import __version__

    print(f"glyphfront {__version__}")


def _name(words: Sequence[str]) -> str:
    return " ".join(["glyphfront", *words])


def _command(arguments: Sequence[str]) -> tuple[list[str], Verb | Commands]:
    """The leading words that name a command, and what they name."""
    words = list[str]()
    found: Verb | Commands = VERBS
    for word in arguments:
        if callable(found) or word not in found:
            break
        words.append(word)
        found = found[word]
    return words, found


def _app(commands: Commands, *, brief: bool) -> SubcommandApp:
    """Parser of tyro for `commands`, which returns calls; where it is `brief`, a list has a line a command."""
    app = SubcommandApp()
    for word, verb in commands.items():
        if callable(verb):
            first = (verb.__doc__ or "").partition("\n")[0]  # python -OO leaves no docstrings
            app.command(name=word, help=first if brief else None)(_deferred(verb))
        else:
            app.command(_app(verb, brief=brief), name=word, help=", ".join(verb))
    return app


def _deferred(verb: Verb) -> Callable[..., Callable[[], int | None]]:
    """Instead of calling `verb`, keep the call: its errors are not those of its arguments."""

    @functools.wraps(verb)
    def keep(*args: Any, **kwargs: Any) -> Callable[[], int | None]:
        return functools.partial(verb, *args, **kwargs)

    return keep


@contextlib.contextmanager
def _faults_in_one_line(words: Sequence[str], found: Verb | Commands, rest: Sequence[str]) -> Iterator[None]:
    """What tyro complains of becomes a GlyphfrontError; a tyro without its hook for that prints its own message."""
    try:
        from tyro import _errors as errors
    except ImportError:
        yield
        return

    known = _flags_or_words(found)

    def told(event: errors.ParseErrorEvent) -> str:
        if not callable(found):
            if isinstance(event, errors.MissingSubcommand) or not rest:
                return f"say what to do: {', '.join(_name([*words, word]) for word in known)}"
            wrong = " ".join([*words, rest[0]])
            return f"no command {wrong!r}{_meant(rest[0], known)}; choose from: {', '.join(known)}"
        unknown = [flag for flag in map(_plain_flag, rest) if flag.startswith("--") and flag not in known]
        if unknown:
            return f"{_name(words)} takes no {unknown[0]}{_meant(unknown[0], known)}"
        match event:
            case errors.UnrecognizedArgs(tokens=tokens):
                return f"{_name(words)} takes no {tokens[0]!r}"
            case errors.MissingArgs(missing_arguments=missing):
                return f"{_name(words)} needs {', '.join(one.arg.display_name().upper() for one in missing)}"
            case errors.InvalidChoice(argument=argument, value=value, choices=choices):
                known_values = ", ".join(sorted({*choices} - {"None"}))
                return f"{argument.display_name()} is one of {known_values}, not {value!r}"
            case errors.BadValue(argument=argument):
                return f"{argument.display_name()} needs a value"
            case errors.InstantiationFailure(argument=argument, message=message) if argument:
                wanted = str(argument.lowered.metavar).replace("{None}|", "")
                reason = re.sub(r".*- <class '[^']+'>: ", "", message, flags=re.DOTALL)  # of alternatives the last
                return f"{argument.display_name()} takes {wanted}: {reason}"
        return "bad arguments"

    def refuse(event: errors.ParseErrorEvent) -> None:
        where = f"; see {_name(words)} --help" if callable(found) else ""
        raise GlyphfrontError(" ".join(told(event).split()) + where)

    with errors.on_parse_error(refuse):
        yield


def _plain_flag(word: str) -> str:
    """`word` as `_flags_or_words` has it, where it is a flag: without value, hyphens only, nothing negated."""
    return word.partition("=")[0].replace("_", "-").replace("--no-", "--").replace(".no-", ".")


def _meant(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _flags_or_words(found: Verb | Commands) -> list[str]:
    """The flags of a verb, or the words of a group."""
    if not callable(found):
        return list(found)
    hints = get_type_hints(found)
    return [flag for name in inspect.signature(found).parameters for flag in _flags(name, hints[name])]


def _flags(name: str, kind: Any) -> list[str]:
    """`--name`; of a Run, whose fields are flags themselves, all of these."""
    if not dataclasses.is_dataclass(kind):
        return [f"--{name.replace('_', '-')}"]
    prefix = "" if name == "run" else f"{name}."
    hints = get_type_hints(kind)
    return [flag for f in dataclasses.fields(kind) for flag in _flags(prefix + f.name, hints[f.name])]
