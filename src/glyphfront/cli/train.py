"""Verbs for one training: carry it out, ship it, and see what there is to train on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from glyphfront.cli.answer import DataDir, Json, RunsDir, print_json
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Precision
from glyphfront.run import Run
from glyphfront.training.torchrun import process_number


def departing_from(given: Run) -> Callable[..., None]:
    """The verb `train` whose flags depart from the values of `given`."""

    def train(
        *,
        run: Annotated[Run, arg(name="")] = given,
        runs_dir: RunsDir = Path("runs"),
        data_dir: DataDir = None,
        tensorboard: bool = False,
        compile: bool = False,
    ) -> None:
        """Train one Run; a run.json as first argument gives the values that the flags depart from.

        With --init-from and the name of a shipped model the flags depart from a recipe for few pictures instead.

        Example: glyphfront train --model.name glyphnet-xs --data.train strokes --epochs 3

        Args:
            run: what to train.
            runs_dir: the run's files go to a folder here, named by its key.
            data_dir: where EMNIST files lie.
            tensorboard: also write events for TensorBoard.
            compile: compile the model first (torch.compile): worth a trial before a long training in bf16.
        """
        from glyphfront.data.splits import prepare
        from glyphfront.run import check
        from glyphfront.training import loop
        from glyphfront.training.further import with_base

        run = with_base(run)
        check(run)
        folder = runs_dir / run.key
        trained = loop.train(
            run, prepare(run.data, data_dir).training, folder, tensorboard=tensorboard, compile=compile
        )
        if trained.status == "diverged":
            raise GlyphfrontError(f"{folder}: {trained.message}")
        if not process_number():
            print(folder)

    return train


train = departing_from(Run())


def devices(batch_size: int = 1024, processes: int | None = None, json: Json = False) -> None:
    """Show what there is to train on, how a batch is split over it, and the command that does so.

    Example: glyphfront devices --batch-size 2048

    Args:
        batch_size: images a step, of the whole run.
        processes: how many train together; by default one a GPU, and one on CPUs.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.training.distributed import plan

    planned = plan(batch_size, processes)
    if json:
        print_json(**vars(planned))
        return
    for number, device in enumerate(planned.devices):
        print(f"device {number}    {device}")
    print(f"strategy    {planned.strategy}")
    print(f"batch {batch_size}  " + " + ".join(map(str, planned.shards)))
    print(f"start with  {planned.command}")


def export(
    run: Positional[Path],
    out: Path | None = None,
    name: str | None = None,
    precision: Precision = "fp32",
    most_loss: float = 0.003,
    data_dir: DataDir = None,
) -> None:
    """Write a trained run as ONNX with its card; its confidences are calibrated on its validation images.

    An int8 file is smaller and, of all but the smallest nets, faster. Its ranges are taken from training images, and
    its accuracy is measured again, on the whole test set.

    Example: glyphfront export runs/0123456789ab --out models --name mine

    Args:
        run: folder of the run.
        out: folder to put the files in; by default the run's own.
        name: of the files, and of the model in its card; by default model, and the run's label.
        precision: of the numbers that the file computes with: fp32 or int8.
        most_loss: refuse int8 where it gets this share of the validation images right less often than fp32, or more.
        data_dir: where EMNIST files lie.
    """
    from glyphfront.pipeline.evaluate import export_calibrated, export_int8
    from glyphfront.ship.export import check_name, copy_exported

    check_name(name)
    if not 0 <= most_loss <= 1:
        raise GlyphfrontError(f"--most-loss must be from 0 to 1, got {most_loss:g}")
    if precision == "fp32":
        path, uncalibrated = export_calibrated(run, data_dir)
        if uncalibrated:
            print(f"glyphfront: note: confidences are not calibrated: {uncalibrated}", file=sys.stderr)
    else:
        path = export_int8(run, most_loss=most_loss, data_dir=data_dir)
    print(path if out is None and name is None else copy_exported(path, out or run, name))
