from __future__ import annotations

import re
import socket

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models import MODELS, Classifier, build, check_model, describe
from glyphfront.models.blocks import ACTS
from glyphfront.models.cost import count_macs, count_parameters
from glyphfront.models.densenet import densenet
from glyphfront.models.lenet import RBF
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx

ZOO = ("timm:dpn68", "timm:mobilenetv3_small_050", "torchvision:squeezenet1_1", "torchvision:shufflenet_v2_x0_5")
every_model = pytest.mark.parametrize("name", [*MODELS, *ZOO])  # of the zoos, two with a convolution for classifier


def pictures(count, seed=0):
    """(count, 28, 28) uint8 noise."""
    return torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def made(name, classes=47, **options):
    torch.manual_seed(0)
    return build(Model(name, **options), classes, mean=44.0, std=84.0)


# ---- what every model must do


@every_model
def test_odd_class_count_and_batch_train_and_every_parameter_gets_a_finite_gradient(name):
    classifier = made(name, classes=13).train()
    logits = classifier(pictures(3))
    assert logits.shape == (3, 13)
    F.cross_entropy(logits, torch.tensor([0, 5, 12])).backward()
    without = [n for n, p in classifier.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@every_model
def test_one_image_alone_gets_the_logits_it_gets_in_a_batch(name):
    classifier = made(name).eval()
    with torch.no_grad():
        batch, alone = classifier(pictures(3)), classifier(pictures(3)[1:2])
    assert alone.shape == (1, 47)
    assert torch.allclose(alone[0], batch[1], rtol=1e-4, atol=1e-4)


@every_model
def test_the_head_is_all_that_depends_on_the_number_of_classes(name):
    with torch.device("meta"):
        five, seven = build(Model(name), 5), build(Model(name), 7)
    shapes = {key: value.shape for key, value in seven.state_dict().items()}
    differing = {key for key, value in five.state_dict().items() if value.shape != shapes[key]}
    heads = tuple(f"{layer}." for layer in five.head())
    assert {key for key in shapes if key.startswith(heads)} == differing > set()


def test_a_distilled_net_has_two_heads():
    with torch.device("meta"):
        assert build(Model("timm:deit_tiny_distilled_patch16_224"), 5).head() == ("net.head", "net.head_dist")


@every_model
def test_weights_survive_a_safetensors_file(name, tmp_path):
    first, second = made(name), build(Model(name), 47)
    first.train()(pictures(3))  # moves the running statistics
    save_file(first.state_dict(), tmp_path / "weights.safetensors")
    second.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        assert torch.equal(first.eval()(pictures(2)), second.eval()(pictures(2)))


@every_model
def test_onnx_file_gives_the_probabilities_of_torch(name, tmp_path):
    classifier = made(name, classes=13).eval()
    export_onnx(classifier, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for count in (1, 3):
        images = pictures(count, seed=1)
        (ours,) = session.run(["probability"], {"image": images.numpy()})
        with torch.no_grad():
            theirs = classifier(images).softmax(1).numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


COUNTS = [  # the source study's table and text; trainable where it says so
    ("lenet5_old", 3, 47, None, 65_104),
    ("lenet5_new", 3, 47, None, 65_104),
    ("densenet121", 3, 47, None, 7_085_679),
    ("layer_1", 3, 47, None, 3_346_743),
    ("layer_2", 3, 47, None, 1_337_967),
    ("layer_3", 3, 47, None, 5_747_858),
    ("layer_4", 3, 47, None, 2_158_939),
    ("layer_4_1", 1, 47, 2_128_755, 2_128_755 + 23_912),
    ("layer_4_1", 1, 62, None, 2_159_462),
    ("layer_4_2", 1, 47, None, 1_201_151),
    ("layer_4_3", 1, 47, None, 1_201_151),
    # ours, by hand: 9 a x b a convolution, 2 b its batch norm (and 2 b statistics), 16 w x 47 + 47 the linear layer
    ("glyphnet-m", 1, 47, 239_967, 239_967 + 672),
    ("glyphnet-l", 1, 47, 643_599, 643_599 + 1_216),
    # the same, with 25 w for the stem
    ("glyphnet-xs", 1, 47, 83_455, 83_455 + 320),
    ("glyphnet-s", 1, 47, 193_423, 193_423 + 576),
    # peers: 0.27 M of He et al. for 10 classes, 3.65 M of Kabir et al., both to the last one by hand
    ("resnet20", 3, 10, 269_722, 269_722 + 1_376),
    ("spinal_vgg5", 1, 47, 3_648_751, 3_648_751 + 4_864),
    ("cnn3", 1, 47, 426_415, 426_415),
]


@pytest.mark.parametrize(("name", "in_channels", "classes", "trainable", "total"), COUNTS)
def test_parameter_counts_are_the_published_ones(name, in_channels, classes, trainable, total):
    counted = count_parameters(build(Model(name, in_channels=in_channels), classes))
    assert counted[1] == total
    assert trainable in (None, counted[0])


def test_count_table_covers_every_model():
    assert {row[0] for row in COUNTS} == set(MODELS)


# ---- the families


def test_densenet_computes_what_torchvisions_does_with_the_same_weights_and_stem():
    reference = torchvision.models.DenseNet(growth_rate=12, block_config=(2, 3, 2), num_init_features=64)
    reference.features.pool0 = nn.AvgPool2d(3, stride=2, padding=1)
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1.001e-5
    ours = densenet(classes=1000, in_channels=3, blocks=(2, 3, 2), growth=12)
    values = reference.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ours.train()(x), reference.train()(x), atol=1e-5)


def test_layer_4_3_starts_with_15x15_and_then_8x8_maps():
    net = build(Model("layer_4_3"), 47).net
    empty = torch.zeros(1, 1, 32, 32)
    assert (net[:1](empty).shape[2:], net[:4](empty).shape[2:]) == ((15, 15), (8, 8))


@pytest.mark.parametrize(
    ("position", "layers"),
    [("classifier", 1), ("after_blocks", 4), ("after_transitions", 3), ("in_blocks", 2 * 18), ("after_stem", 1)],
)
def test_dropout_stands_where_it_is_told_to(position, layers):
    net = build(Model("layer_4_2", dropout=0.3, dropout_position=position), 47).net
    assert sum(isinstance(m, nn.Dropout) and m.p == 0.3 for m in net.modules()) == layers


@pytest.mark.parametrize(("name", "least"), [("layer_4_1", 29), ("layer_4_3", 31), ("layer_2", 5)])
def test_densenet_refuses_exactly_the_sizes_that_end_in_an_empty_map(name, least):
    assert build(Model(name, input_size=least), 47).eval()(pictures(1)).shape == (1, 47)
    with pytest.raises(GlyphfrontError, match=f"take input_size {least} or more"):
        build(Model(name, input_size=least - 1), 47)


def test_rbf_logits_are_minus_the_squared_distances():
    torch.manual_seed(0)
    layer, x = RBF(84, 47), torch.randn(5, 84)
    assert torch.allclose(layer(x), -torch.cdist(x, layer.centres).square(), atol=1e-3)
    assert set(layer.centres.unique().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("stem", "sides"),
    [
        ("conv3", [28, 14, 14, 7, 7, 4]),
        ("conv5", [14, 14, 7, 7, 7, 4]),
        ("space_to_depth", [14, 14, 7, 7, 7, 4]),
    ],
)
def test_a_stem_decides_how_large_the_maps_of_the_six_convolutions_are(stem, sides):
    classifier, seen = made("glyphnet-m", stem=stem), []
    for module in classifier.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[-1]))
    classifier.eval()(pictures(1))
    assert seen == sides


def test_macs_of_a_half_size_stem_are_those_counted_by_hand():
    # 25 x 16 x 14^2, 9 x 16 x 16 x 14^2, 9 x 16 x 32 x 7^2, 9 x 32 x 32 x 7^2, 9 x 32 x 64 x 4^2, 16 x 64 x 47
    by_hand = 78_400 + 451_584 + 225_792 + 451_584 + 294_912 + 48_128
    assert count_macs(made("glyphnet-s", stem="conv5", widths=(16, 16, 32, 32, 64))) == by_hand


def test_space_to_depth_hands_the_first_convolution_every_pixel_of_its_block():
    classifier = made("glyphnet-s", stem="space_to_depth").eval()
    first = next(m for m in classifier.modules() if isinstance(m, nn.Conv2d))
    inputs = []
    first.register_forward_hook(lambda _module, given, _output: inputs.append(given[0]))
    image = pictures(1)
    classifier(image)
    pixels = (image.float() - 44.0) / 84.0
    corners = [pixels[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    assert torch.equal(inputs[0], torch.stack(corners, 1))


@pytest.mark.parametrize("act", ACTS)
def test_act_is_the_activation_of_the_whole_net(act):
    kinds = {type(make()) for make in ACTS.values()}
    for name in ("layer_4_2", "glyphnet-xs", "lenet5_old"):
        used = {type(m) for m in build(Model(name, act=act), 47).modules()} & kinds
        assert used == {type(ACTS[act]())}


def test_convolutions_start_with_he_variance_and_batch_norm_as_identity():
    torch.manual_seed(0)
    net = build(Model("glyphnet-l"), 47).net
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert weights[-1].std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
    norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    assert norm.weight.eq(1).all()
    assert norm.bias.eq(0).all()


# ---- classifier and build


class _Keep(nn.Module):
    def forward(self, x):
        self.seen = x
        return x.flatten(1)


def test_classifier_normalises_pixels_and_repeats_the_gray_channel():
    classifier = Classifier(_Keep(), classes=1, input_size=28, in_channels=3, mean=51.0, std=102.0)
    images = torch.zeros(2, 28, 28, dtype=torch.uint8)
    images[1, 3, 4] = 255
    classifier(images)
    assert classifier.net.seen.shape == (2, 3, 28, 28)
    assert torch.equal(classifier.net.seen[0], torch.full((3, 28, 28), -0.5))
    assert classifier.net.seen[1, :, 3, 4].tolist() == [2.0, 2.0, 2.0]


def test_classifier_resizes_only_to_another_size_and_keeps_flat_areas_flat():
    classifier = Classifier(_Keep(), classes=1, input_size=32, in_channels=1, mean=0.0, std=255.0)
    images = torch.full((1, 28, 28), 204, dtype=torch.uint8)
    classifier(images)
    assert classifier.net.seen.shape == (1, 1, 32, 32)
    assert torch.allclose(classifier.net.seen, torch.tensor(0.8))


def test_float_images_give_the_logits_of_uint8_images():
    classifier = made("glyphnet-xs").eval()
    assert torch.equal(classifier(pictures(2)), classifier(pictures(2).float()))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Model("glyphnet_s"), "unknown model 'glyphnet_s'; did you mean glyphnet-s"),
        (Model("lenet5_new", dropout=0.1), "lenet5_new does not take the option 'dropout'; options it takes: act"),
        (Model("lenet5_new", input_size=28), "32x32"),
        (Model("glyphnet-s", widths=(8, 16)), "five widths or more"),
        (Model("glyphnet-s", stem="conv7"), "unknown stem 'conv7'; take one of conv3, conv5, space_to_depth"),
        (Model("glyphnet-s", stem="space_to_depth", input_size=27), "an even size, not 27"),
        (Model("glyphnet-s", act="gelu"), "unknown activation 'gelu'"),
        (Model("glyphnet-s", dropout=1.0), "dropout must be"),
        (Model("glyphnet-s", in_channels=0), "in_channels"),
        (Model("glyphnet-s", input_size=4), "8x8"),
        (Model("layer_4_1", dropout_position="end"), "unknown dropout position 'end'"),
        (Model("layer_4_1", blocks=()), "layers in every block"),
        (Model("timm:resnet5"), "timm has no model 'resnet5'; did you mean resnet50"),
        (Model("torchvision:resnet19"), "torchvision has no model 'resnet19'; did you mean resnet1"),
        (Model("torchvision:alexnet"), "torchvision:alexnet cannot take 32x32 images"),
        (Model("torchvision:resnet18", weights="missing.pt"), "missing.pt: no such weights file"),
        (Model("torchvision:resnet18", dropout=0.5), "options it takes: weights"),
    ],
)
def test_a_wrong_model_is_refused_in_one_line_that_says_what_is_wrong(model, message):
    with pytest.raises(GlyphfrontError, match=re.escape(message)) as caught:
        build(model, 47)
    assert "\n" not in str(caught.value)


def test_describe_lists_every_model_and_leaves_the_random_generator_alone():
    before = torch.get_rng_state()
    infos = {info.name: info for info in describe()}
    assert list(infos) == list(MODELS)
    assert torch.equal(torch.get_rng_state(), before)
    final = infos["layer_4_1"]
    assert (final.input_shape, final.parameters_trainable) == ((1, 32, 32), 2_128_755)


# ---- timm and torchvision


@pytest.mark.parametrize("name", ["timm:mobilenetv3_small_050", "torchvision:shufflenet_v2_x0_5"])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_zoo_models_take_our_channels_and_classes_without_the_network(name, in_channels, monkeypatch):
    def refuse(*_):
        raise AssertionError("a model opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    classifier = build(Model(name, in_channels=in_channels), 13)
    assert next(m for m in classifier.modules() if isinstance(m, nn.Conv2d)).in_channels == in_channels
    assert classifier(pictures(3)).shape == (3, 13)


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_zoo_weights_are_loaded_but_for_named_layers_of_another_shape(suffix, tmp_path):
    source = build(Model("torchvision:shufflenet_v2_x0_5", in_channels=3), 1000).net.state_dict()
    path = tmp_path / f"pretrained.{suffix}"
    if suffix == "safetensors":
        save_file(source, path)
    else:
        torch.save({"state_dict": source}, path)
    with pytest.warns(UserWarning, match=r"3 tensors .*: conv1\.0\.weight, fc\.weight, fc\.bias$"):
        loaded = build(Model("torchvision:shufflenet_v2_x0_5", weights=str(path)), 47).net.state_dict()
    differing = [k for k in source if source[k].shape != loaded[k].shape or not torch.equal(source[k], loaded[k])]
    assert differing == ["conv1.0.weight", "fc.weight", "fc.bias"]


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_file_that_holds_no_weights_is_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(GlyphfrontError, match="not a safe weights file"):
        build(Model("torchvision:shufflenet_v2_x0_5", weights=str(tmp_path / name)), 47)


def test_weights_of_another_model_are_refused(tmp_path):
    save_file({"other.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(GlyphfrontError, match="no tensor fits"):
        build(Model("torchvision:shufflenet_v2_x0_5", weights=str(tmp_path / "other.safetensors")), 47)


@pytest.mark.parametrize("model", [Model("nosuch"), Model("glyphnet-s", widths=(1, 2)), Model("lenet5_new", growth=3)])
def test_a_model_that_cannot_be_built_is_found_without_making_it(model: Model) -> None:
    with pytest.raises(GlyphfrontError):
        check_model(model)
    check_model(Model("layer_4_1"))
