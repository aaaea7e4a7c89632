"""graph_fingerprint: what tells computations apart, and what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from glyphfront.errors import GlyphfrontError
from glyphfront.models import build
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx
from glyphfront.ship.graph import graph_fingerprint

FLOAT, INT8 = np.float32, np.int8


def fingerprint(tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> str:
    """Of a graph from x to y with these constants."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)), tmp_path / "g.onnx")
    return graph_fingerprint(tmp_path / "g.onnx")


def of_model(tmp_path: Path, model: Model, classes: int = 10, *, trained: bool = True) -> str:
    classifier = build(model, classes)
    if trained:  # no two tensors alike, as training leaves them
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in classifier.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.01)
    export_onnx(classifier.eval(), tmp_path / "m.onnx")
    return graph_fingerprint(tmp_path / "m.onnx")


@pytest.mark.parametrize("name", ["glyphnet-xs", "lenet5_new"])
def test_a_net_with_random_weights_is_the_computation_of_the_same_net_trained(tmp_path: Path, name: str) -> None:
    assert of_model(tmp_path, Model(name), trained=False) == of_model(tmp_path, Model(name))


def test_dropout_does_not_change_what_is_computed(tmp_path: Path) -> None:
    assert of_model(tmp_path, Model("layer_4_3", dropout=0.5)) == of_model(tmp_path, Model("layer_4_3"))


def test_width_activation_and_classes_change_it(tmp_path: Path) -> None:
    models = [Model("glyphnet-xs"), Model("layer_4_3"), Model("layer_4_3", act="elu")]
    found = {of_model(tmp_path, model) for model in models} | {of_model(tmp_path, models[0], classes=11)}
    assert len(found) == 4


def test_names_and_values_of_weights_do_not_count_and_their_shape_does(tmp_path: Path) -> None:
    one = fingerprint(tmp_path, [helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.zeros(3, FLOAT)})
    other = fingerprint(tmp_path, [helper.make_node("Add", ["x", "v"], ["y"], name="n")], {"v": np.ones(3, FLOAT)})
    wider = fingerprint(tmp_path, [helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.zeros(4, FLOAT)})
    assert one == other != wider


def test_a_constant_node_is_a_constant(tmp_path: Path) -> None:
    value = numpy_helper.from_array(np.ones(3, FLOAT))
    nodes = [helper.make_node("Constant", [], ["c"], value=value), helper.make_node("Add", ["x", "c"], ["y"])]
    alone = fingerprint(tmp_path, [helper.make_node("Add", ["x", "c"], ["y"])], {"c": np.ones(3, FLOAT)})
    assert fingerprint(tmp_path, nodes, {}) == alone


def test_values_of_shapes_count(tmp_path: Path) -> None:
    node = helper.make_node("Reshape", ["x", "s"], ["y"])
    found = [fingerprint(tmp_path, [node], {"s": np.array(shape)}) for shape in ((2, 6), (3, 4))]
    assert found[0] != found[1]


def test_values_of_quantised_weights_do_not_count(tmp_path: Path) -> None:
    nodes = [helper.make_node("DequantizeLinear", ["w", "s", "z"], ["v"]), helper.make_node("Add", ["x", "v"], ["y"])]
    found = [
        fingerprint(tmp_path, nodes, {"w": np.full(3, w, INT8), "s": np.array(s, FLOAT), "z": np.array(z, INT8)})
        for w, s, z in ((1, 0.5, 0), (2, 0.25, 3))
    ]
    assert found[0] == found[1]


def test_attributes_and_the_order_of_inputs_count(tmp_path: Path) -> None:
    weights = {"w": np.zeros(3, FLOAT)}
    nodes = [
        helper.make_node("Sub", ["x", "w"], ["y"]),
        helper.make_node("Sub", ["w", "x"], ["y"]),
        helper.make_node("Elu", ["x"], ["y"], alpha=1.0),
        helper.make_node("Elu", ["x"], ["y"], alpha=0.5),
    ]
    assert len({fingerprint(tmp_path, [node], weights) for node in nodes}) == 4


def test_a_missing_and_a_broken_file_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match=r"m\.onnx: no such file"):
        graph_fingerprint(tmp_path / "m.onnx")
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(GlyphfrontError, match=r"m\.onnx: not a readable ONNX file") as caught:
        graph_fingerprint(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)
