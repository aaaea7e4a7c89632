"""One command line: its verb, what becomes of its faults, the exit status."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from glyphfront.cli.answer import print_json_fault
from glyphfront.cli.arguments import parse
from glyphfront.errors import GlyphfrontError
from glyphfront.training.torchrun import is_one_of_several, process_number


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status: 0, 1 for a fault of ours, 2 for bad input, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = _show_warning
    debug, json = "--debug" in arguments, "--json" in arguments
    if isinstance(sys.stdout, io.TextIOWrapper):  # names may hold what the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        if "" in arguments:
            raise GlyphfrontError(f"word {arguments.index('') + 1} of the command is empty; is a variable not set?")
        status = parse(arguments)() or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read our output has read enough
        _drop_output()
        return 0
    except (Exception, KeyboardInterrupt) as fault:
        if debug:
            raise
        message, status = _told(fault)
        output_lost = isinstance(fault, OSError) and fault.filename is None
        if output_lost:
            _drop_output()
        if json and not output_lost:
            print_json_fault(message)
        elif not (status == 130 and process_number()):  # of several processes one tells of Ctrl-C
            print(f"{_speaker()}: {message}", file=sys.stderr)
        return status


def _told(fault: BaseException) -> tuple[str, int]:
    """The one line that says what is wrong and what to do, and the exit status."""
    if isinstance(fault, GlyphfrontError):
        return str(fault), 2
    if isinstance(fault, KeyboardInterrupt):
        return "interrupted; give the same command again to go on", 130
    if isinstance(fault, OSError):  # a path that cannot be written to, or a full device
        advice = "make room, and give the same command again" if fault.errno == errno.ENOSPC else "give another path"
        return f"{fault.filename or 'output'}: {fault.strerror or fault}; {advice}", 2
    if isinstance(fault, ImportError) and not str(fault.name).startswith("glyphfront"):
        return f"this needs {fault.name}: pip install 'glyphfront[train]'", 2
    first = (str(fault).splitlines() or [""])[0]
    return f"{type(fault).__name__}: {first} (--debug shows where)", 1


def _drop_output() -> None:
    """What stands in the buffer cannot be written, and would be told again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    if not process_number():
        print(f"glyphfront: note: {message}", file=sys.stderr)


def _speaker() -> str:
    """Each of several processes says what keeps it from going on."""
    return f"glyphfront: process {process_number()}" if is_one_of_several() else "glyphfront"
