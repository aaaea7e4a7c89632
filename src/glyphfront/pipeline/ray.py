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

import filelock
import torch

import glyphfront
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.pipeline.execute import Do, Task, Work, make, needed_as, say
from glyphfront.provenance import git_commit
from glyphfront.result import Precision, load_result
from glyphfront.run import Run
from glyphfront.training.folder import alone, move_aside_other_images

Files = dict[str, bytes]
"""A run's folder as it travels: the content of each file under its name."""

_RETRIES = 3
"""How often a Run is given out again when the machine or process that had it is lost."""
_LAST = ("trained.json", "result.json")  # written in this order after all else: each says that the rest is there
_OF_A_NEEDED = ("run.json", "weights.safetensors", "model.seen.npz", "trained.json")  # what a Run needs of another
_SAVING_SECONDS = 60.0  # given to cancelled Runs, to save where they stand


def on_ray(address: str | None = None, *, cpus: int = 1, data_dir: Path | None = None) -> Do:
    """What does the Runs of a study side by side on a Ray cluster, for `glyphfront.pipeline.execute.execute`.

    A Run whose machine or process is lost is begun anew on another, or goes on from its last saved state where the
    machine that gets it has one. A fault of the Run itself is not tried again; the other Runs go on. Only this process
    writes to the folders of runs and results.

    Args:
        address: of the cluster, such as ``10.0.0.1:6379``; by default one is started on this machine alone.
        cpus: cores, and threads, of each Run. Where the cluster has GPUs, each Run also takes one.
        data_dir: where EMNIST files lie, on every machine that has this folder; the others look where their own
            GLYPHFRONT_DATA says.

    Raises:
        GlyphfrontError: Ray is not installed; or, when it does them, not reached.
    """
    if cpus < 1:
        raise GlyphfrontError(f"--cpus must be at least 1, got {cpus}")
    _ray()  # before anything is read
    there = functools.partial(
        on_worker,
        data_dir=data_dir and data_dir.absolute(),
        cwd=Path.cwd(),
        version=_code(),
        cpus=cpus,
    )

    def do(work: Work) -> dict[str, str]:
        with connected(address, cpus) as gpus:
            return spread(work, there, cpus=cpus, gpus=gpus)

    return do


def spread(work: Work, there: Callable[..., Files], *, cpus: int = 1, gpus: int = 0) -> dict[str, str]:
    """Give every task to a worker of the cluster that this process is connected to; its folder is locked meanwhile.

    A Run that needs others of these is given out when they are received.

    Args:
        work: what to do.
        there: called on a worker, with a Run, what this machine has of it, and what it needs of other Runs.
        cpus: of each Run.
        gpus: of each Run.

    Returns:
        What went wrong, a line each, by the task's name.

    Raises:
        KeyboardInterrupt: interrupted; all Runs that were out are cancelled.
    """
    ray = _ray()
    there = functools.partial(there, precisions=work.precisions, compile=work.compile)
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=_RETRIES, scheduling_strategy="SPREAD")(_call)
    waiting, faults, failed = list(work.tasks), dict[str, str](), set[str]()
    out: dict[Any, tuple[Task, contextlib.ExitStack]] = {}
    sent: dict[str, Any] = {}  # files of a Run, once in the cluster however many others need them

    def fault(task: Task, message: str) -> None:
        say(f"{task.name}: failed: {message}")
        faults[task.name] = message
        failed.add(task.run.key)

    def give_out(task: Task) -> None:
        folder = work.runs_dir / task.run.key
        with contextlib.ExitStack() as stack:
            stack.enter_context(alone(folder))
            if result := work.of_diverged_need(task.run):
                work.keep(task, result)
                return
            move_aside_other_images(task.run, folder, work.data.used(task.run.data))
            for key in task.run.needs:
                if key not in sent:
                    sent[key] = ray.put(_files_of_needed(task.run, key, work.runs_dir))
            needed = [sent[key] for key in task.run.needs]
            ref = remote.options(name=task.name).remote(there, task.run, pack(folder), *needed)
            out[ref] = task, stack.pop_all()

    try:
        while waiting or out:
            unfinished = {task.run.key for task, _ in out.values()} | {task.run.key for task in waiting}
            later = [task for task in waiting if unfinished.intersection(task.run.needs)]
            for task in waiting:
                if task in later:
                    continue
                try:
                    if gone := [key for key in task.run.needs if key in failed]:
                        raise GlyphfrontError(f"{needed_as(task.run, gone[0])} failed")
                    give_out(task)
                except GlyphfrontError as error:
                    fault(task, str(error))
            waiting = later
            if not out:
                continue
            (ready, *_), _ = ray.wait(list(out), num_returns=1)
            task, stack = out[ready]
            with stack:
                try:
                    told = _receive(work, task, ray.get(ready))
                except GlyphfrontError as error:  # of ours, or of the worker
                    fault(task, str(getattr(error, "cause", error)))
                except ray.exceptions.RayError as error:
                    cause = getattr(error, "cause", error)
                    fault(task, f"{type(cause).__name__}: {next(iter(str(cause).strip().splitlines()), '')}")
                else:
                    say(f"[{len(work.tasks) - len(waiting) - len(out) + 1}/{len(work.tasks)}] {task.name}: {told}")
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


def _files_of_needed(run: Run, key: str, runs_dir: Path) -> Files:
    folder = runs_dir / key
    if missing := [name for name in _OF_A_NEEDED if not (folder / name).exists()]:
        raise GlyphfrontError(f"{needed_as(run, key)} has no {missing[0]} in {folder}")
    return {name: (folder / name).read_bytes() for name in _OF_A_NEEDED}


def _receive(work: Work, task: Task, files: Files) -> str:
    """Keep what a worker returned; returns what to tell of it."""
    folder = work.runs_dir / task.run.key
    unpack(files, folder)
    (folder / "state.pt").unlink(missing_ok=True)
    result = load_result(folder / "result.json")
    if not result.data.same_images(work.data.used(task.run.data)):
        raise GlyphfrontError(
            f"it was trained on other images than this machine has (on {result.provenance.machine}); "
            "give every machine the same data"
        )
    work.keep(task, result)
    return f"accuracy {result.accuracy.top1.value:.2%}" if result.accuracy else result.message


def on_worker(
    run: Run,
    before: Files,
    *needed: Files,
    data_dir: Path | None,
    cwd: Path,
    version: str,
    cpus: int,
    precisions: Sequence[Precision] = ("fp32",),
    compile: bool = False,
) -> Files:
    """On a worker: train, export and evaluate one Run in a folder of this machine; returns the folder's files.

    The folder goes when the Run is finished. It stays where the process is killed, so that the next try on this
    machine goes on from the state in it.

    Args:
        run: what to do.
        before: what the asking machine has of this Run: finished in another study, or unfinished.
        needed: files of each Run that it needs, in their order.
        data_dir: where EMNIST files lie, if this machine has that folder.
        cwd: what relative paths of data start from, if this machine has that folder.
        version: of the asking machine's glyphfront.
        cpus: threads of torch.
        precisions: of the files that it is exported to.
        compile: see `glyphfront.training.loop.train`.

    Raises:
        GlyphfrontError: as `glyphfront.pipeline.execute.make`, or this machine has another version.
    """
    if version != _code():
        raise GlyphfrontError(
            f"a machine has {_code()}, the one that started the study {version}: install the same on all"
        )
    torch.set_num_threads(cpus)
    own = _work_folder() / run.key
    own.mkdir(parents=True, exist_ok=True)
    # a worker that was given up may still be ending, and holds the lock until then
    with filelock.FileLock(own.with_suffix(".lock")), contextlib.chdir(cwd if cwd.is_dir() else Path.cwd()):
        folder = own / run.key
        if "trained.json" in before or not any((folder / name).exists() for name in ("state.pt", "trained.json")):
            shutil.rmtree(folder, ignore_errors=True)
            unpack(before, folder)
        for key, files in zip(run.needs, needed, strict=True):
            unpack(files, own / key)
        splits = prepare(run.data, data_dir if data_dir and data_dir.is_dir() else None)
        make(run, splits, own, precisions, compile=compile)
        files = pack(folder)
        shutil.rmtree(own, ignore_errors=True)
        return files


def _code() -> str:
    """What has to be the same on all machines."""
    return f"glyphfront {glyphfront.__version__}, commit {git_commit() or 'unknown'}"


def pack(folder: Path) -> Files:
    """The files of a run's folder, but for its lock and what is half written; of no folder, none."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {p.name: p.read_bytes() for p in paths if p.is_file() and p.name != "lock" and p.suffix != ".partial"}


def unpack(files: Files, folder: Path) -> None:
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
        yield _gpus(ray.nodes(), cpus)
    finally:
        ray.shutdown()


def _gpus(nodes: Sequence[dict[str, Any]], cpus: int) -> int:
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = int(any(machine.get("GPU", 0) >= 1 for machine in machines))
    most = max((int(m.get("CPU", 0)) for m in machines if m.get("GPU", 0) >= gpus), default=0)
    if most < cpus:
        kind = "machine with a GPU" if gpus else "machine"
        raise GlyphfrontError(f"no {kind} of the cluster has {cpus} cores, the largest has {most}; lower --cpus")
    return gpus


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


def _call(work: Callable[..., Files], run: Run, before: Files, *needed: Files) -> Files:
    return work(run, before, *needed)


def _work_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("glyphfront", appauthor=False) / "cluster"


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise GlyphfrontError("--on ray needs Ray: pip install 'glyphfront[cluster]'") from None
    return ray
