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


_CPUINFO = Path("/proc/cpuinfo")
_INSTRUCTIONS = {
    "AVX-512 VNNI": "avx512_vnni",
    "AVX-512": "avx512f",
    "AVX-VNNI": "avx_vnni",
    "AVX2": "avx2",
    "NEON dot product": "asimddp",
    "NEON": "asimd",
}
"""Those that a network's time depends on, the widest first, with the flag that Linux gives a CPU that has them."""


def cpu_model() -> str:
    """The processor's name as the system gives it, or at least its architecture; then its widest vector instructions.

    Virtual machines give one name to CPUs that differ in these.
    """
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    told: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        told.setdefault(key.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    flags = told.get("flags", told.get("Features", "")).split()
    widest = next((words for words, flag in _INSTRUCTIONS.items() if flag in flags), "")
    return f"{name} ({widest})" if widest else name


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> str:
    """One line such as ``"AMD EPYC 7763 (AVX2), 2 cores, Linux 6.8.0"``."""
    count = cores()
    system = f"{platform.system()} {platform.release()}"
    return f"{cpu_model()}, {count} core{'s' if count != 1 else ''}, {system}"


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
