"""Peers: nets from elsewhere are exported as their authors mean them to run."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from timm.utils import reparameterize_model
from torch import nn

from glyphfront.models import build
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx
from glyphfront.studies import find


def test_branches_that_only_training_needs_are_merged_in_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    classifier = build(Model("timm:mobileone_s0", input_size=32), 5)
    for norm in classifier.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    before = len(list(classifier.modules()))
    assert export_onnx(classifier, tmp_path / "net.onnx") < 1e-4  # of the unmerged net's probabilities
    assert len(list(classifier.modules())) == before
    convolutions = sum(node.op_type == "Conv" for node in onnx.load(tmp_path / "net.onnx").graph.node)
    merged = reparameterize_model(classifier.net)
    assert convolutions == sum(isinstance(module, nn.Conv2d) for module in merged.modules())


def test_all_rows_of_the_study_see_the_same_images_equally_often() -> None:
    rows = find("peers").rows.values()
    assert len(rows) == 11
    assert len({(run.data, run.epochs, run.augment, run.batch_size) for run in rows}) == 1
