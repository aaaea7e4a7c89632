"""Teachers: trained Runs whose answers a student learns beside the labels."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models.weights import load_classifier
from glyphfront.result import load_trained
from glyphfront.run import Distill, Run
from glyphfront.training.forward import logits_of


def load_teachers(run: Run, folder: Path, device: torch.device) -> list[nn.Module]:
    """The teachers of `run`, in evaluation mode; torch's random state stays as it is.

    Args:
        run: whose teachers they are.
        folder: of `run`; those of the teachers are beside it.
        device: receives them.

    Raises:
        GlyphfrontError: a teacher is not trained, or its files do not fit together.
    """
    teachers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        for key in run.distill.teachers:
            teacher = load_classifier(folder.parent / key).requires_grad_(False)
            teachers.append(teacher.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]
    return teachers


def check_classes(run: Run, classes: tuple[str, ...], folder: Path) -> None:
    """Look whether the teachers tell the same classes apart, in the same order; so must a Run whose head is kept.

    Args:
        run: whose teachers they are.
        classes: of its training set.
        folder: of `run`; those of the Runs that it needs are beside it, trained.

    Raises:
        GlyphfrontError: one does not.
    """
    needed = [(key, "the teacher", "name teachers of the same classes") for key in run.distill.teachers]
    if run.init_from and run.keep_head and not run.base:
        needed.append((run.init_from, "the Run it starts from,", "leave --keep-head out"))
    for key, what, advice in needed:
        others = load_trained(folder.parent / key / "trained.json").classes
        if others != classes:
            raise GlyphfrontError(
                f"{run.label}: {what} {key} tells {_shown(others)} apart, the training set has {_shown(classes)}; "
                f"{advice}"
            )


def _shown(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} classes ({' '.join(classes[:5])}{' …' if len(classes) > 5 else ''})"


@torch.no_grad()
def answers(teachers: list[nn.Module], images: Tensor, run: Run) -> Tensor:
    """The mean of the teachers' probabilities at the Run's temperature: (n, classes).

    Args:
        teachers: in evaluation mode, at least one.
        images: (n, 28, 28) float, 0 to 255: the very views that the student sees.
        run: the student's, in whose precision they answer.
    """
    each = [F.softmax(logits_of(teacher, images, run) / run.distill.temperature, 1) for teacher in teachers]
    return torch.stack(each).mean(0)


def mixed(loss: Tensor, logits: Tensor, soft: Tensor, distill: Distill) -> Tensor:
    """What a student minimises: (1 - weight) x `loss` + weight x T² x KL(teachers ‖ student), both at temperature T.

    The square keeps the gradient of the second part as large as it is at T = 1 (Hinton et al. 2015, arXiv:1503.02531,
    section 2).

    Args:
        loss: () of the labels, in nats.
        logits: (n, classes) of the student, without any prior.
        soft: (n, classes) what the teachers answer.
        distill: temperature and weight.
    """
    student = F.log_softmax(logits / distill.temperature, 1)
    divergence = F.kl_div(student, soft, reduction="batchmean") * distill.temperature**2
    return (1 - distill.weight) * loss + distill.weight * divergence
