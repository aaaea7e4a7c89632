"""Where a figure was taken: machine, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import glyphfront
from glyphfront.result import Provenance

LIBRARIES = ("numpy", "onnx", "onnxruntime", "pillow", "scipy", "torch", "torchvision", "timm", "mlcommons-loadgen")
"""Whose versions a result records, where they are installed."""

_CPU_INFO = Path("/proc/cpuinfo")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm")
"""As Linux calls them: those that decide how fast fp32 and int8 are. CPUs of one name may have them or not."""


def cpu_model() -> str:
    """The processor's name as the system gives it, or at least its architecture."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def instruction_sets() -> tuple[str, ...]:
    """Those of this CPU that times hang on, by their names in Linux; none where the system does not tell."""
    flags = (_cpu_info("flags") or _cpu_info("Features")).split()
    return tuple(name for name in _INSTRUCTIONS if name in flags)


def _cpu_info(name: str) -> str:
    """What Linux says of the first processor; empty where it says nothing."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> str:
    """One line such as ``"AMD EPYC 7763 (avx2), 2 cores, Linux 6.8.0"``."""
    count, sets = cores(), " ".join(instruction_sets())
    system = f"{platform.system()} {platform.release()}"
    return f"{cpu_model()}{f' ({sets})' if sets else ''}, {count} core{'s' if count != 1 else ''}, {system}"


def library_versions(names: Iterable[str] = LIBRARIES) -> tuple[str, ...]:
    """``name==version`` of each of `names` that is installed."""
    found = []
    for name in names:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def git_commit() -> str:
    """12 hex digits of the checkout that this package runs from, with ``+`` when the package is changed there.

    Empty where the package is not part of a git checkout.
    """
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("rev-parse", "--short=12", "HEAD") + ("+" if _git("status", "--porcelain", "--", "..") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def provenance() -> Provenance:
    """Of a result that is finished now, on this machine."""
    return Provenance(
        glyphfront=glyphfront.__version__,
        commit=git_commit(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        python=platform.python_version(),
        libraries=library_versions(),
    )


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
