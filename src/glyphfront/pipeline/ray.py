"""A study on many machines: each Run is one task of a Ray cluster, and this machine alone writes what it returns."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

import glyphfront
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.pipeline.execute import (
    bases,
    check_all,
    finish,
    is_done,
    keep,
    note_others,
    raise_faults,
    result_name,
    say,
    time_all,
    train_run,
)
from glyphfront.provenance import git_commit
from glyphfront.result import DataUsed, Result, load_result
from glyphfront.run import Data, Run
from glyphfront.training.folder import alone, move_aside_other_images

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

Files = dict[str, bytes]
"""A run's folder as it travels: the content of each file under its name."""

_RETRIES = 3
"""How often a Run is given out again when the machine or process that had it is lost."""
_LAST = ("trained.json", "result.json")  # written in this order after all else: each says that the rest is there
_OF_A_BASE = ("weights.safetensors", "model.seen.npz")  # what a Run needs of the one it starts from
_SAVING_SECONDS = 60.0  # given to cancelled Runs, to save where they stand


def execute_on_ray(
    runs: Sequence[Run],
    *,
    runs_dir: Path,
    out: Path,
    address: str | None = None,
    cpus: int = 1,
    data_dir: Path | None = None,
    latency_seconds: float = 1.0,
    examples: bool = True,
) -> list[Result]:
    """Carry a study out as `glyphfront.pipeline.execute.execute` does, its Runs side by side on a Ray cluster.

    A Run whose machine or process is lost is begun anew on another, or goes on from its last saved state where the
    machine that gets it has one. A fault of the Run itself is not tried again; the other Runs go on. All timings are
    taken on this machine, after the last training.

    Args:
        runs: as for `execute`. What a Run starts from is a Run of these, or lies in `runs_dir`.
        runs_dir: as for `execute`; only this process writes there.
        out: as for `execute`.
        address: of the cluster, such as ``10.0.0.1:6379``; by default one is started on this machine alone.
        cpus: cores, and threads, of each Run. Where the cluster has GPUs, each Run also takes one.
        data_dir: where EMNIST files lie, here and on every machine that has this folder; the others look where
            their own GLYPHFRONT_DATA says.
        latency_seconds: how long each latency scenario lasts.
        examples: also put images of confused pairs beside the results.

    Returns:
        The results, in the order of `runs`.

    Raises:
        GlyphfrontError: Ray is not installed or not reached, or a Run is faulty (before any is trained).
        RunsFailedError: as for `execute`.
        KeyboardInterrupt: interrupted; the tasks are cancelled, and the same call goes on.
    """
    check_all(runs)
    if cpus < 1:
        raise GlyphfrontError(f"--cpus must be at least 1, got {cpus}")
    ray = _ray()
    used: dict[Data, DataUsed] = {}
    started_from, to_do = bases(runs, out), []
    for run in runs:
        if run.data not in used:
            used[run.data] = prepare(run.data, data_dir).training.used
        if is_done(run, used[run.data], runs_dir, out, started_from):
            say(f"{result_name(run)}: done before")
        else:
            to_do.append(run)
    sent: dict[str, Any] = {}  # a base's files, once in the cluster however many Runs start from it

    def begin(run: Run) -> tuple[Files, Any]:
        move_aside_other_images(runs_dir / run.key, used[run.data])
        base = run.init_from
        if base is not None and base not in sent:
            missing = [name for name in _OF_A_BASE if not (runs_dir / base / name).exists()]
            if missing:
                raise GlyphfrontError(f"the Run it starts from has no {missing[0]} in {runs_dir / base}")
            sent[base] = ray.put({name: (runs_dir / base / name).read_bytes() for name in _OF_A_BASE})
        return read_folder(runs_dir / run.key), sent.get(base or "")

    def receive(run: Run, files: Files) -> str:
        folder = runs_dir / run.key
        write_folder(files, folder)
        (folder / "state.pt").unlink(missing_ok=True)
        result = load_result(folder / "result.json")
        if result.data != used[run.data]:
            raise GlyphfrontError(
                f"it was trained on other images than this machine has (on {result.provenance.machine}); "
                "give every machine the same data"
            )
        keep(result, folder, out, result_name(run), examples)
        return f"accuracy {result.accuracy.top1.value:.2%}" if result.accuracy else result.message

    work = functools.partial(
        carry_out, data_dir=data_dir and data_dir.absolute(), cwd=Path.cwd(), version=_code(), cpus=cpus
    )
    faults: dict[str, str] = {}
    if to_do:
        with connected(address, cpus) as gpus:
            lock = functools.partial(_locked, runs_dir)
            faults = spread(to_do, work, begin, receive, lock=lock, cpus=cpus, gpus=gpus)
    finished = [run for run in runs if result_name(run) not in faults]
    time_all(finished, runs_dir, out, latency_seconds)
    note_others(runs, out)
    raise_faults(faults, runs, out)
    return [load_result(out / f"{result_name(run)}.json") for run in runs]


def spread(
    runs: Sequence[Run],
    work: Callable[..., Any],
    begin: Callable[[Run], tuple[Any, ...]],
    receive: Callable[[Run, Any], str],
    *,
    lock: Callable[[Run], contextlib.AbstractContextManager[object]] = lambda run: contextlib.nullcontext(),
    cpus: int = 1,
    gpus: int = 0,
) -> dict[str, str]:
    """Give every Run to a worker of the cluster that this process is connected to.

    A Run that starts from another of these is given out when that one is received; of Runs with the same key, the
    second when the first is received.

    Args:
        runs: what to do.
        work: called on a worker, with a Run and what `begin` returned for it.
        begin: called here just before a Run is given out.
        receive: called here with a Run and what `work` returned for it; returns what to tell of it.
        lock: entered here while a Run is out.
        cpus: of each Run.
        gpus: of each Run.

    Returns:
        What went wrong, a line each, by the result name of the Run.

    Raises:
        KeyboardInterrupt: interrupted; all Runs that were out are cancelled.
    """
    ray = _ray()
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=_RETRIES, scheduling_strategy="SPREAD")(_call)
    waiting, faults, failed = list(runs), dict[str, str](), set[str | None]()
    out: dict[Any, tuple[Run, contextlib.ExitStack]] = {}

    def fault(run: Run, message: str) -> None:
        say(f"{result_name(run)}: failed: {message}")
        faults[result_name(run)] = message
        failed.add(run.key)

    try:
        while waiting or out:
            held = {run.key for run, _ in out.values()}
            unfinished, later = held | {run.key for run in waiting}, []
            for run in waiting:
                if run.init_from in failed:
                    fault(run, "the Run it starts from failed")
                elif run.key in failed:
                    fault(run, "the same Run under another label failed")
                elif run.key in held or run.init_from in unfinished:
                    later.append(run)
                else:
                    with contextlib.ExitStack() as stack:
                        try:
                            stack.enter_context(lock(run))
                            ref = task.options(name=result_name(run)).remote(work, run, *begin(run))
                            out[ref] = run, stack.pop_all()
                        except GlyphfrontError as error:
                            fault(run, str(error))
                held.add(run.key)
            waiting = later
            if not out:
                continue
            (ready, *_), _ = ray.wait(list(out), num_returns=1)
            run, stack = out[ready]
            with stack:
                try:
                    told = receive(run, ray.get(ready))
                except GlyphfrontError as error:  # of ours, or of the worker
                    fault(run, str(getattr(error, "cause", error)))
                except ray.exceptions.RayError as error:
                    cause = getattr(error, "cause", error)
                    fault(run, f"{type(cause).__name__}: {next(iter(str(cause).strip().splitlines()), '')}")
                else:
                    at = len(runs) - len(waiting) - len(out) + 1
                    say(f"[{at}/{len(runs)}] {result_name(run)}: {told}")
            del out[ready]
    except BaseException:
        for ref in out:
            ray.cancel(ref)
        if out:
            say(f"{len(out)} runs are cancelled; up to {_SAVING_SECONDS:.0f} s for them to save where they stand")
            ray.wait(list(out), num_returns=len(out), timeout=_SAVING_SECONDS)
            say("what is finished is kept; a cancelled run goes on where the machine that gets it has its state")
        for _, stack in out.values():
            stack.close()
        raise
    return faults


def carry_out(
    run: Run, before: Files, base: Files | None, *, data_dir: Path | None, cwd: Path, version: str, cpus: int
) -> Files:
    """On a worker: train, export and evaluate one Run in a folder of this machine; returns the folder's files.

    The folder goes when the Run is finished. It stays where the process is killed, so that the next try on this
    machine goes on from the state in it.

    Args:
        run: what to do.
        before: what the asking machine has of this Run: finished under another label, or unfinished.
        base: files of the Run that it starts from.
        data_dir: where EMNIST files lie, if this machine has that folder.
        cwd: what relative paths of data start from, if this machine has that folder.
        version: of the asking machine's glyphfront.
        cpus: threads of torch.

    Raises:
        GlyphfrontError: as `glyphfront.pipeline.execute.execute`, or this machine has another version.
    """
    if version != _code():
        raise GlyphfrontError(
            f"a machine has {_code()}, the one that started the study {version}: install the same on all"
        )
    torch.set_num_threads(cpus)
    own = _work_folder() / run.key
    own.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(own.with_suffix(".lock")), contextlib.chdir(cwd if cwd.is_dir() else Path.cwd()):
        folder = own / run.key
        if "trained.json" in before or not any((folder / name).exists() for name in ("state.pt", "trained.json")):
            shutil.rmtree(folder, ignore_errors=True)
            write_folder(before, folder)
        if run.init_from is not None:
            write_folder(base or {}, own / run.init_from)
        splits = prepare(run.data, data_dir if data_dir and data_dir.is_dir() else None)
        train_run(run, splits, own)
        finish(folder, splits.test)
        files = read_folder(folder)
        shutil.rmtree(own, ignore_errors=True)
        return files


def _code() -> str:
    """What has to be the same on all machines."""
    return f"glyphfront {glyphfront.__version__}, commit {git_commit() or 'unknown'}"


def read_folder(folder: Path) -> Files:
    """The files of a run's folder, but for its lock and what is half written; of no folder, none."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {p.name: p.read_bytes() for p in paths if p.is_file() and p.name != "lock" and p.suffix != ".partial"}


def write_folder(files: Files, folder: Path) -> None:
    """Write the files of a run's folder, each atomically; those that say that the run is finished come last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: (name in _LAST, name == _LAST[-1])):
        write_atomically(folder / name, functools.partial(Path.write_bytes, data=files[name]))


@contextlib.contextmanager
def connected(address: str | None, cpus: int = 1) -> Iterator[int]:
    """Be connected to a Ray cluster; by default to one that is started here and ends with the block.

    Yields:
        How many GPUs each Run takes: 1 where the cluster has any.

    Raises:
        GlyphfrontError: it is not reached, or no machine that a Run can go to has so many `cpus`.
    """
    ray = _ray()
    if address is not None:
        _knock(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        ray.init(address=address or "local", logging_level=logging.ERROR, include_dashboard=None if address else False)
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        where = f"the Ray cluster at {address} is not reached" if address else "Ray does not start here"
        raise GlyphfrontError(f"{where}: {reason}; see docs/cluster.md") from error
    try:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = int(any(machine.get("GPU", 0) >= 1 for machine in machines))
        most = max((int(m.get("CPU", 0)) for m in machines if m.get("GPU", 0) >= gpus), default=0)
        if most < cpus:
            kind = "machine with a GPU" if gpus else "machine"
            raise GlyphfrontError(f"no {kind} of the cluster has {cpus} cores, the largest has {most}; lower --cpus")
        yield gpus
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out at once that nobody answers there: Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise GlyphfrontError(f"--address must be HOST:PORT, such as 10.0.0.1:6379, got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise GlyphfrontError(
            f"no Ray cluster answers at {address} ({error}); start one with ray start --head, see docs/cluster.md"
        ) from None


def _call(work: Callable[..., Any], run: Run, *rest: Any) -> Any:
    return work(run, *rest)


def _locked(runs_dir: Path, run: Run) -> contextlib.AbstractContextManager[None]:
    return alone(runs_dir / run.key)


def _work_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("glyphfront", appauthor=False) / "cluster"


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process holds `path`: a worker that was given up may still be ending."""
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise GlyphfrontError("--on ray needs Ray: pip install 'glyphfront[cluster]'") from None
    return ray
