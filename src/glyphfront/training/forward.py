"""The forward pass of a step: its precision, and what torch.compile makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from glyphfront.run import Run
from glyphfront.training.state import State


def logits_of(net: nn.Module, images: Tensor, run: Run) -> Tensor:
    """What `net` says of `images`, computed in the Run's precision: (n, classes) float32, or float64 of such a net.

    Args:
        net: takes images, returns logits.
        images: (n, 28, 28) float, 0 to 255.
        run: whose precision counts.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=run.precision == "bf16"):
        logits: Tensor = net(images)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def compiled(nets: list[nn.Module], state: State, images: Tensor, say: Callable[[str], None]) -> list[nn.Module]:
    """The same nets, compiled; or `nets` themselves and a line that says why, where this machine cannot compile.

    Compiled, a net computes about the same numbers and not the same bits; the same bits each time, however. They are
    compiled here rather than in the first step, so that what fails does so before anything is trained. The time counts
    as the epoch's.

    Args:
        nets: the model, over several processes so wrapped that its gradients are the mean of theirs; then its teachers.
        state: of the model, which stays as it is.
        images: (n, 28, 28) float, as many as this process has in every step; dropout and batch norm are given them.
        say: told why nothing is compiled.
    """
    began = time.perf_counter()
    before = {name: value.clone() for name, value in state.model.named_buffers()}
    state.train_mode()
    faster: list[nn.Module] = [torch.compile(net, dynamic=False) for net in nets]  # type: ignore[misc]
    try:
        with torch.random.fork_rng(devices=[state.device] if state.device.type == "cuda" else []):
            for net in faster:
                with torch.set_grad_enabled(net is faster[0]):
                    logits = logits_of(net, images, state.run)
                if net is faster[0]:
                    logits.sum().backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        say(f"nothing is compiled, and the training goes on without: {_reason(error)}")
        faster = nets
    for name, value in state.model.named_buffers():
        value.copy_(before[name])
    state.optimizer.zero_grad(set_to_none=True)
    state.seconds += time.perf_counter() - began
    return faster


def _reason(error: RuntimeError) -> str:
    text = str(error)
    if "InvalidCxxCompiler" in text or "No working C++ compiler" in text:
        return "torch.compile needs a C++ compiler, such as g++"
    return next(iter(text.strip().splitlines()), type(error).__name__)
