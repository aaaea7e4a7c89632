import dataclasses
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from glyphfront.data.leakage import save_seen
from glyphfront.errors import GlyphfrontError
from glyphfront.models import build
from glyphfront.models.weights import save_weights
from glyphfront.provenance import provenance
from glyphfront.result import Cost, Proportion, Trained, save_result
from glyphfront.run import Model, Run, save_run
from glyphfront.serve.catalogue import files_of
from glyphfront.ship import export
from glyphfront.ship.card import FILES, card_path, exported_files, load_card, save_card
from glyphfront.ship.export import copy_exported, export_onnx, export_run
from glyphfront.ship.recognizer import load
from reference_model import DATA

RNG = np.random.default_rng(7)
IMAGES = RNG.integers(0, 256, (70, 28, 28), dtype=np.uint8)


def make(name="glyphnet-xs", classes=11, **options):
    torch.manual_seed(1)
    classifier = build(Model(name, **options), classes, mean=40.0, std=80.0)
    with torch.no_grad():
        for module in classifier.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # statistics that folding must take into account
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.uniform_(-0.2, 0.2)
    return classifier.eval()


def torch_probabilities(classifier, images):
    with torch.no_grad():
        return torch.softmax(classifier.eval()(torch.from_numpy(images)), 1).numpy()


def assert_answers_as_torch(path, classifier):
    session = onnxruntime.InferenceSession(path)
    for count in (1, 2, 7, 70):
        answered = session.run(None, {"image": IMAGES[:count]})[0]
        np.testing.assert_allclose(answered, torch_probabilities(classifier, IMAGES[:count]), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [{"name": "glyphnet-xs"}, {"name": "lenet5_new"}, {"name": "layer_4_2", "in_channels": 3}],  # 28, 32, repeated
    ids=lambda model: model["name"],
)
def test_exported_file_answers_as_torch_for_any_number_of_images(model, tmp_path):
    classifier, path = make(**model), tmp_path / "model.onnx"
    parity = export_onnx(classifier, path)
    assert 0 <= parity <= 1e-4
    assert_answers_as_torch(path, classifier)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A net of torchvision, which goes through the newer exporter: the net and its file."""
    classifier, path = make("torchvision:squeezenet1_1", input_size=32), tmp_path_factory.mktemp("zoo") / "zoo.onnx"
    export_onnx(classifier, path)
    return classifier, path


def test_net_of_a_zoo_answers_as_torch_for_any_number_of_images(zoo):
    assert_answers_as_torch(zoo[1], zoo[0])


def test_no_file_tells_where_on_the_machine_its_source_lies(zoo, exported):
    for path in (zoo[1], exported):
        assert b"site-packages" not in path.read_bytes()
        assert b"glyphfront/" not in path.read_bytes()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_onnx(make(), path)
    return path


def test_input_and_output_have_the_promised_names_types_and_shapes(exported):
    session = onnxruntime.InferenceSession(exported)
    (image,), (probability,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["N", 28, 28])
    assert (probability.name, probability.type, probability.shape) == ("probability", "tensor(float)", ["N", 11])


def test_every_row_adds_up_to_one(exported):
    rows = onnxruntime.InferenceSession(exported).run(None, {"image": IMAGES})[0]
    np.testing.assert_allclose(rows.sum(1), 1.0, rtol=1e-5)


def test_batch_norms_after_convolutions_are_folded(exported):
    operators = {node.op_type for node in onnx.load(exported).graph.node}
    assert "Conv" in operators
    assert "BatchNormalization" not in operators


def test_one_file_of_the_recorded_opset_and_nothing_beside_it(exported):
    assert [entry.version for entry in onnx.load(exported).opset_import] == [export.OPSET]
    assert list(exported.parent.iterdir()) == [exported]


def test_same_weights_give_the_same_bytes(exported, tmp_path):
    export_onnx(make(), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_model_is_left_as_it_was(tmp_path):
    classifier = make().train().to(memory_format=torch.channels_last)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    export_onnx(classifier, tmp_path / "model.onnx")
    assert all(module.training for module in classifier.modules())
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())


def test_export_says_nothing(tmp_path, capfd):
    export_onnx(make(), tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")


def test_file_that_differs_from_torch_is_refused_and_not_left(tmp_path, monkeypatch):
    class Wrong:
        def run(self, outputs, inputs):
            return [np.zeros((len(inputs["image"]), 11), np.float32)]

    monkeypatch.setattr(export, "open_session", lambda path: Wrong())
    with pytest.raises(GlyphfrontError, match="differs from torch by"):
        export_onnx(make(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_broken_weights_are_refused(tmp_path):
    classifier = make()
    torch.nn.init.constant_(next(classifier.parameters()), float("nan"))
    with pytest.raises(GlyphfrontError, match="nan"):
        export_onnx(classifier, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_operator_that_onnx_lacks_is_one_clear_line(tmp_path):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x[:, 0])[:, :11].real

    classifier = make()
    classifier.net = Odd()
    with pytest.raises(GlyphfrontError, match="cannot be exported to ONNX") as caught:
        export_onnx(classifier, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


RUN = Run(label="a run", model=Model("glyphnet-xs"))


@pytest.fixture
def folder(tmp_path):
    """Of a finished run."""
    folder = tmp_path / "run"
    folder.mkdir()
    save_run(RUN, folder / "run.json")
    cost = Cost(123, 456, 789, 1.0, 1, 100, "cpu")
    save_result(
        Trained(RUN.key, "finished", "", tuple("abcdefghijk"), DATA, cost, (), provenance()), folder / "trained.json"
    )
    save_weights(make().state_dict(), folder / "weights.safetensors")
    return folder


def test_run_is_exported_with_a_card_that_tells_of_it(folder):
    path = export_run(folder)
    card = load_card(path)
    assert path == folder / "model.onnx"
    assert (card.name, card.run, card.data, card.classes) == ("a run", RUN, DATA, tuple("abcdefghijk"))
    assert (card.parameters, card.macs, card.file_bytes) == (123, 789, path.stat().st_size)
    assert (card.seen, card.accuracy, card.latency) == (None, None, None)
    np.testing.assert_allclose(load(path).probabilities(IMAGES), torch_probabilities(make(), IMAGES), atol=1e-5)


def test_copy_gets_name_card_and_fingerprints_and_keeps_what_was_measured(folder, tmp_path):
    save_seen(folder / "model.seen.npz", IMAGES)
    path = export_run(folder)
    accuracy = Proportion(9, 10, 0.5958, 0.9821)
    save_card(replace(load_card(path), accuracy=accuracy), path)
    copied = export_run(folder, tmp_path / "out", "mine")
    assert sorted(p.name for p in copied.parent.iterdir()) == ["mine.json", "mine.onnx", "mine.seen.npz"]
    assert copied.read_bytes() == path.read_bytes()
    assert copied.with_name("mine.seen.npz").read_bytes() == (folder / "model.seen.npz").read_bytes()
    card = load_card(copied)
    assert (card.name, card.seen, card.accuracy) == ("mine", "mine.seen.npz", accuracy)


def make_int8(path):
    """A file that calls itself int8: only its card and its name are looked at here."""
    int8 = path.with_name(FILES["int8"])
    int8.write_bytes(path.read_bytes())
    save_card(replace(load_card(path), precision="int8"), int8)
    return int8


def test_int8_file_lies_beside_the_other_with_a_card_of_its_own(folder):
    path = export_run(folder)
    assert exported_files(folder) == {"fp32": path}
    int8 = make_int8(path)
    assert exported_files(folder) == {"fp32": path, "int8": int8}
    assert card_path(int8) == folder / "model.int8.json"
    assert (load_card(path).precision, load_card(int8).precision) == ("fp32", "int8")


def test_copies_of_both_precisions_share_name_and_fingerprints(folder, tmp_path):
    save_seen(folder / "model.seen.npz", IMAGES)
    path = export_run(folder)
    for one in (path, make_int8(path)):
        copied = copy_exported(one, tmp_path / "out", "mine")
        assert load_card(copied).seen == "mine.seen.npz"
    names = ["mine.int8.json", "mine.int8.onnx", "mine.json", "mine.onnx", "mine.seen.npz"]
    assert sorted(p.name for p in copied.parent.iterdir()) == names


def of_another_run(path):
    """The same file with the card of another training."""
    card = load_card(path)
    save_card(replace(card, run=replace(card.run, epochs=77)), path)
    return path


def test_an_int8_file_of_another_training_goes_from_the_place_of_a_copy_and_is_not_put_there(folder, tmp_path):
    out = tmp_path / "out"
    path = export_run(folder)
    for one in (path, make_int8(path)):
        copy_exported(one, out)
    other = of_another_run(path)
    with pytest.raises(GlyphfrontError, match="of another training than this int8 file"):
        copy_exported(folder / "model.int8.onnx", folder.parent / "run", "model")
    copy_exported(other, out)
    assert sorted(p.name for p in out.iterdir()) == ["model.json", "model.onnx"]


def test_an_int8_file_of_another_training_beside_a_file_is_not_loaded(folder, monkeypatch):
    path = export_run(folder)
    int8 = of_another_run(make_int8(path))
    monkeypatch.setattr("glyphfront.ship.recognizer._seconds", lambda *files: [1.0, 0.1])
    assert load(folder).path == path
    with pytest.raises(GlyphfrontError, match=r"model\.int8\.onnx: of another training than model\.onnx beside it"):
        load(folder, precision="int8")
    assert load(int8).path == int8
    assert files_of([str(folder)]) == [path]


@pytest.mark.parametrize("name", ["x/y", "../x", "", ".", "mine.onnx", "a\\b"])
def test_a_name_that_is_none_for_a_file_is_refused_before_anything_is_written(folder, tmp_path, name):
    path = export_run(folder)
    with pytest.raises(GlyphfrontError, match="--name"):
        copy_exported(path, tmp_path / "out", name)
    assert not (tmp_path / "out").exists()


def test_int8_file_stays_while_its_source_is_the_same_and_goes_when_that_changes(folder):
    int8 = make_int8(export_run(folder))
    export_run(folder)
    assert int8.exists()
    weights = make().state_dict()
    save_weights({**weights, "mean": weights["mean"] + 1}, folder / "weights.safetensors")
    export_run(folder)
    assert list(exported_files(folder)) == ["fp32"]
    assert not card_path(int8).exists()


def test_a_file_that_the_card_names_and_is_gone_is_named(folder, tmp_path):
    save_seen(folder / "model.seen.npz", IMAGES)
    path = export_run(folder)
    (folder / "model.seen.npz").unlink()
    with pytest.raises(GlyphfrontError, match=r"model\.seen\.npz: no such file"):
        copy_exported(path, tmp_path / "out", "mine")


def test_figures_of_other_weights_do_not_stay_on_the_card(folder):
    path = export_run(folder)
    save_card(replace(load_card(path), accuracy=Proportion(9, 10, 0.5958, 0.9821)), path)
    weights = make().state_dict()
    save_weights({**weights, "mean": weights["mean"] + 1}, folder / "weights.safetensors")
    assert load_card(export_run(folder)).accuracy is None


def test_export_stopped_before_its_card_was_written_can_be_done_again(folder):
    path = export_run(folder)
    path.write_bytes(b"of another export")
    assert load_card(export_run(folder)).name == "a run"


def test_diverged_run_is_not_exported(folder):
    cost = Cost(1, 1, 1, 1.0, 1, 1, "cpu")
    trained = Trained(RUN.key, "diverged", "diverged: the loss is nan", ("a",), DATA, cost, (), provenance())
    save_result(dataclasses.replace(trained), folder / "trained.json")
    with pytest.raises(GlyphfrontError, match="nothing to export: diverged"):
        export_run(folder)
