from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.layers import architecture, load_architecture, save_architecture
from glyphfront.models import Classifier, build
from glyphfront.run import Model


def test_a_net_worked_out_by_hand():
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)),  # 4 * 9 + 4; 4 * 4
        nn.Flatten(),
        nn.Linear(784, 3),  # 784 * 3 + 3
    )
    found = architecture(Classifier(net, classes=3, input_size=28, in_channels=1), "by hand")
    rows = [(r.name, r.kind, r.output, r.parameters) for r in found.layers]
    assert rows == [
        ("0.0", "Conv2d 3×3, stride 2", (4, 14, 14), 40),
        ("0.1", "BatchNorm2d", (4, 14, 14), 16),
        ("1", "Flatten", (784,), 0),
        ("2", "Linear", (3,), 2355),
    ]
    assert (found.input, found.parameters_trainable, found.parameters_total) == ((1, 28, 28), 2403, 2411)


def test_the_studys_final_network_has_its_parameters_and_its_maps_halve_to_one_pixel():
    found = architecture(build(Model("layer_4_1", act="elu", dropout=0.3), 47), "final")
    assert found.parameters_total == 2_152_667
    assert found.parameters_trainable == 2_128_755
    assert sum(layer.parameters for layer in found.layers) == found.parameters_total
    assert [layer.output[1] for layer in found.layers if layer.kind.startswith(("Conv2d 7", "AvgPool"))] == [
        *(16, 8),  # the stem
        *(4, 2, 1),  # the transitions
    ]
    assert [layer.kind for layer in found.layers].count("DenseLayer") == 3 + 6 + 12 + 6


@pytest.mark.parametrize("name", ["glyphnet-xs", "lenet5_old", "timm:mobilenetv3_small_050"])
def test_rows_of_any_model_sum_to_its_parameters_and_end_in_its_classes(name):
    found = architecture(build(Model(name), 7), name)
    assert sum(layer.parameters for layer in found.layers) == found.parameters_total
    assert found.layers[-1].output == (7,)


def test_layers_stand_in_the_order_of_the_forward_pass_and_the_model_is_left_as_it_was():
    class Swapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.second, self.first, self.unused = nn.Linear(4, 3), nn.Linear(784, 4), nn.Linear(1, 1)

        def forward(self, x):
            return self.second(self.first(x.flatten(1)))

    classifier = Classifier(Swapped(), 3, 28, 1).train()
    assert [layer.name for layer in architecture(classifier, "swapped").layers] == ["first", "second"]
    assert classifier.training
    assert not classifier.net.first._forward_hooks
    assert classifier(torch.zeros(1, 28, 28)).requires_grad


def test_a_file_gives_back_what_was_saved_without_torch(tmp_path):
    saved = architecture(build(Model("glyphnet-xs"), 3), "xs")
    path = tmp_path / "layers.json"
    save_architecture(saved, path)
    assert load_architecture(path) == saved
    code = f"""
import pathlib, sys
from glyphfront.measure.layers import load_architecture
load_architecture(pathlib.Path({str(path)!r}))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"label": 3}'])
def test_a_faulty_file_is_named(tmp_path, text):
    (tmp_path / "layers.json").write_text(text)
    with pytest.raises(GlyphfrontError, match="holds no Architecture"):
        load_architecture(tmp_path / "layers.json")
    with pytest.raises(GlyphfrontError, match="no such file"):
        load_architecture(tmp_path / "missing.json")
