"""One Run on several GPUs or processes, as torchrun starts them: what the loop asks of the others.

In a single process every function here gives back what it was given, and no process group exists.
"""

from __future__ import annotations

import atexit
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glyphfront.errors import GlyphfrontError
from glyphfront.provenance import cores, cpu_model
from glyphfront.training.torchrun import is_one_of_several

T = TypeVar("T")

TIMEOUT = timedelta(minutes=10)  # a process that ends is noticed at once; one that hangs, after this long
_LOST = re.compile(r"gloo|nccl|connection (closed|reset)|broken pipe|timed out|unhandled system error", re.IGNORECASE)


# --- the group ---------------------------------------------------------------------------------------------------


def join() -> None:
    """Meet the other processes: nccl between GPUs, gloo between CPUs; the group lasts until the process ends.

    Raises:
        GlyphfrontError: this machine has fewer GPUs than processes.
        RuntimeError: the others did not come within `TIMEOUT`.
    """
    if not is_one_of_several() or dist.is_initialized():
        return
    backend = "gloo"
    if torch.cuda.is_available():
        local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= gpus:
            raise GlyphfrontError(f"more processes than GPUs on this machine; give --nproc-per-node {gpus}")
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"  # what is agreed on at every step lies on the CPU, and waits for no GPU
    dist.init_process_group(backend, timeout=TIMEOUT)
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes files and prints."""
    return rank() == 0


def local_device() -> torch.device:
    """This process's GPU, or else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device()) if size() > 1 else torch.device("cuda")


def device_name(device: torch.device) -> str:
    """Such as ``"cpu"``, or ``"4 x NVIDIA H100"``."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{size()} x {name}" if size() > 1 else name


def is_loss_of_a_process(error: RuntimeError) -> bool:
    """Whether `error` comes from an operation over several processes, one of which has ended or hangs."""
    return is_one_of_several() and (isinstance(error, dist.DistError) or bool(_LOST.search(str(error))))


# --- operations over all processes -------------------------------------------------------------------------------


def sum_over_all(tensor: Tensor) -> Tensor:
    """The sum of what every process gives, the same bits for all; `tensor` itself receives it."""
    if size() > 1:
        dist.all_reduce(tensor)
    return tensor


def any_of(*flags: bool) -> list[bool]:
    """For each flag whether any process raises it."""
    if size() == 1:
        return list(flags)
    raised = torch.tensor(flags, dtype=torch.uint8)
    dist.all_reduce(raised, dist.ReduceOp.MAX)
    return [bool(flag) for flag in raised.tolist()]


def from_first(make: Callable[[], T]) -> T:
    """What `make` gives in the first process, for all; the others do not call it, but wait."""
    made = [make() if is_first() else None]
    if size() > 1:
        dist.broadcast_object_list(made, src=0)
    return made[0]  # type: ignore[return-value]


def of_all(mine: T) -> list[T]:
    """What every process gives, in the order of their ranks."""
    if size() == 1:
        return [mine]
    everything: list[Any] = [None] * size()
    dist.all_gather_object(everything, mine)
    return everything


def shard(index: Tensor) -> Tensor:
    """This process's part of a batch: contiguous, and at most one longer than another's."""
    return index[rank() * len(index) // size() : (rank() + 1) * len(index) // size()]


def over_shards(predict: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """`predict(images)`, of which every process computes a part and receives the whole.

    Args:
        predict: gives one row an image.
        images: at least one; the same in all processes.
    """
    if size() == 1:
        return predict(images)
    each = -(-len(images) // size())
    rows = torch.arange(rank() * each, (rank() + 1) * each).clamp_(max=len(images) - 1)  # the last parts are filled up
    mine = predict(images[rows.to(images.device)]).contiguous()
    parts = [torch.empty_like(mine) for _ in range(size())]
    dist.all_gather(parts, mine)
    return torch.cat(parts)[: len(images)]


# --- the model ---------------------------------------------------------------------------------------------------


def with_synchronised_norms(model: nn.Module, device: torch.device) -> nn.Module:
    """On GPUs, `model` with torch's SyncBatchNorm (or timm's, which keeps an activation) for its batch norms."""
    if size() == 1 or device.type != "cuda":
        return model
    from timm.layers.norm_act import convert_sync_batchnorm

    converted: nn.Module = convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return converted


def averaging_gradients(model: nn.Module, device: torch.device) -> nn.Module:
    """`model` so wrapped that each backward pass leaves the mean of all processes' gradients."""
    if size() == 1:
        return model
    with warnings.catch_warnings():  # newer torch has another name for broadcast_buffers, which older does not know
        warnings.simplefilter("ignore", FutureWarning)
        return DistributedDataParallel(
            model, device_ids=[device.index] if device.type == "cuda" else None, broadcast_buffers=False
        )


def share_statistics(model: nn.Module) -> None:
    """Give every process the first one's running statistics of batch norm, which differ where norms are their own."""
    if size() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)


# --- what there is to train on -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """How a Run would be trained on this machine."""

    devices: tuple[str, ...]
    """GPUs with their memory, or the CPU with its cores."""
    strategy: str
    processes: int
    batch_size: int
    shards: tuple[int, ...]
    """Images of each batch that each process takes."""
    command: str


def plan(batch_size: int, processes: int | None = None) -> Plan:
    """How this machine splits a Run's batches.

    Args:
        batch_size: images a step, of the whole Run.
        processes: by default one a GPU; on CPUs one, which uses all cores.

    Raises:
        GlyphfrontError: the batch cannot be split over the processes, or there are fewer GPUs than processes.
    """
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    processes = max(1, len(gpus)) if processes is None else processes
    if processes < 1:
        raise GlyphfrontError(f"--processes must be at least 1, got {processes}")
    if gpus and processes > len(gpus):
        raise GlyphfrontError(f"{processes} processes, but this machine has {len(gpus)} GPU(s)")
    check_split(batch_size, processes)
    names = tuple(f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus)
    cpu = f"{cpu_model()}, {cores()} core(s), of which torch uses {torch.get_num_threads()} in a process"
    strategy = f"DDP over {'nccl' if gpus else 'gloo'}, one process a {'GPU' if gpus else 'share of the cores'}"
    train = f"train --batch-size {batch_size}"
    threads = "" if gpus else f"OMP_NUM_THREADS={max(1, cores() // processes)} "
    several = f"{threads}torchrun --nproc-per-node {processes} -m glyphfront {train}"
    return Plan(
        devices=names or (cpu,),
        strategy=strategy if processes > 1 else "single process",
        processes=processes,
        batch_size=batch_size,
        shards=tuple((r + 1) * batch_size // processes - r * batch_size // processes for r in range(processes)),
        command=several if processes > 1 else f"glyphfront {train}",
    )


def check_split(batch_size: int, processes: int) -> None:
    """Look whether every process gets an image of every batch.

    Raises:
        GlyphfrontError: it does not.
    """
    if batch_size < processes:
        raise GlyphfrontError(
            f"a batch of {batch_size} images cannot be split over {processes} processes; "
            "give a larger --batch-size, or start fewer processes"
        )
