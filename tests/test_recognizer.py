import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image, ImageDraw

import glyphfront
from glyphfront.data import strokes
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.latency import REFERENCE
from glyphfront.picture.normalize import normalize
from glyphfront.ship import recognizer as module
from glyphfront.ship.card import save_card
from glyphfront.ship.recognizer import BATCH, find, load, shipped
from reference_model import CLASSES, card_of, copy_reference

IMAGES = np.random.default_rng(5).integers(0, 256, (2 * BATCH + 3, 28, 28), dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    return copy_reference(tmp_path)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    return load(copy_reference(tmp_path_factory.mktemp("model")))


@pytest.fixture
def picture():
    """A black L on a white page."""
    page = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(page).line([(30, 20), (30, 90), (65, 90)], fill=0, width=8)
    return page


@pytest.mark.parametrize("count", [1, 3, BATCH, BATCH + 1, len(IMAGES)])
def test_probabilities_are_those_of_a_bare_session(recognizer, count):
    expected = onnxruntime.InferenceSession(REFERENCE).run(None, {"image": IMAGES[:count]})[0]
    answered = recognizer.probabilities(IMAGES[:count])
    assert answered.dtype == np.float32
    np.testing.assert_allclose(answered, expected, atol=1e-6)


def test_no_images_give_no_rows(recognizer):
    assert recognizer.probabilities(IMAGES[:0]).shape == (0, 47)


def test_images_need_not_lie_in_one_piece(recognizer):
    np.testing.assert_array_equal(
        recognizer.probabilities(IMAGES[::2, :, ::-1]), recognizer.probabilities(IMAGES[::2, :, ::-1].copy())
    )


def test_session_never_gets_more_than_a_batch(recognizer):
    sizes = []

    class Counting:
        def run(self, outputs, inputs):
            sizes.append(len(inputs["image"]))
            return recognizer.session.run(outputs, inputs)

    replace(recognizer, session=Counting()).probabilities(IMAGES)
    assert sizes == [BATCH, BATCH, 3]


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (IMAGES[0], r"\(28, 28\) uint8"),
        (IMAGES[:, None], r"\(131, 1, 28, 28\) uint8"),
        (IMAGES[:2].astype(np.float32), r"\(2, 28, 28\) float32"),
        (IMAGES[:2, :27], r"\(2, 27, 28\) uint8"),
        (IMAGES[:2].tolist(), "list"),
        (np.uint8(3), "uint8"),
    ],
)
def test_other_shapes_and_types_are_refused_with_what_came(recognizer, images, got):
    with pytest.raises(GlyphfrontError, match=r"images must be \(N, 28, 28\) uint8, got " + got):
        recognizer.probabilities(images)


def test_classes_are_those_of_the_card(recognizer):
    assert recognizer.classes == CLASSES


def test_predictions_are_the_likeliest_classes_of_the_normalised_picture(recognizer, picture):
    row = recognizer.probabilities(normalize(picture)[None])[0]
    expected = sorted(zip(row.tolist(), CLASSES, strict=True), reverse=True)[:5]
    predictions = recognizer.recognize(picture)
    assert [(p.probability, p.character) for p in predictions] == expected


@pytest.mark.parametrize(("top", "expected"), [(1, 1), (5, 5), (47, 47), (100, 47)])
def test_top_says_how_many_predictions(recognizer, picture, top, expected):
    assert len(recognizer.recognize(picture, top=top)) == expected


def test_of_equal_probabilities_the_first_class_is_named_first(recognizer, picture):
    class Undecided:
        def run(self, outputs, inputs):
            return [np.full((1, 47), 1 / 47, np.float32)]

    predictions = replace(recognizer, session=Undecided()).recognize(picture, top=3)
    assert [p.character for p in predictions] == ["0", "1", "2"]


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff"])
def test_file_path_image_and_array_give_the_same(recognizer, picture, tmp_path, ending):
    file = tmp_path / f"picture.{ending}"
    picture.save(file)
    expected = recognizer.recognize(picture)
    assert recognizer.recognize(file) == expected
    assert recognizer.recognize(str(file)) == expected
    assert recognizer.recognize(np.asarray(picture)) == expected


@pytest.mark.parametrize("top", [0, "3", 1.5])
def test_top_that_is_no_number_of_guesses_is_refused(recognizer, picture, top):
    with pytest.raises(GlyphfrontError, match="top must be at least 1"):
        recognizer.recognize(picture, top=top)


def test_alphabet_leaves_its_characters_and_shares_out_all_of_the_probability(recognizer):
    rows = recognizer.probabilities(IMAGES, "digits")
    free = recognizer.probabilities(IMAGES)[:, :10].astype(float)
    assert recognizer.alphabet("digits").characters == tuple("0123456789")
    np.testing.assert_allclose(rows, free / free.sum(1, keepdims=True), atol=1e-5)


def test_recognize_answers_in_the_alphabet(recognizer, picture):
    found = recognizer.recognize(picture, top=100, alphabet="xyz")
    assert sorted(p.character for p in found) == ["x", "y", "z"]
    assert sum(p.probability for p in found) == pytest.approx(1, abs=1e-5)


def test_temperature_of_the_card_divides_the_logits(recognizer):
    free = recognizer.probabilities(IMAGES).astype(float)
    soft = replace(recognizer, card=replace(recognizer.card, temperature=2.0)).probabilities(IMAGES)
    expected = np.sqrt(free)
    np.testing.assert_allclose(soft, expected / expected.sum(1, keepdims=True), atol=1e-4)


def test_answer_below_least_is_a_question_mark_with_its_reason(recognizer, picture):
    sure = recognizer.answer(picture)
    best = sure.predictions[0]
    assert sure.character == best.character
    assert sure.reason is None
    unsure = recognizer.answer(picture, least=min(best.probability + 0.001, 1.0))
    assert unsure.character == "?"
    assert unsure.reason.startswith(f"{best.character} has ")
    assert unsure.predictions == sure.predictions


def test_turned_picture_is_answered_as_the_upright_one_with_any_orientation():
    page = Image.new("L", (160, 160), 255)
    pen = ImageDraw.Draw(page)
    pen.line([(50, 130), (50, 30), (95, 35), (105, 55), (90, 75), (50, 78)], fill=0, width=10, joint="curve")
    pen.line([(70, 78), (110, 130)], fill=0, width=10)  # an R, which is no other character however it is turned
    shipped = load("glyphnet-s", precision="fp32")
    for degrees in (0, 90, 180, 270, 20):
        turned = page.rotate(degrees, expand=True, fillcolor=255)
        assert shipped.answer(turned, any_orientation=True).character == "R"


@pytest.mark.parametrize("least", [-0.1, 1.5, "0.5", float("nan")])
def test_least_that_is_no_probability_is_refused(recognizer, picture, least):
    with pytest.raises(GlyphfrontError, match="least must be from 0 to 1"):
        recognizer.answer(picture, least=least)


def test_unreadable_pictures_are_one_line_that_names_the_file(recognizer, picture, tmp_path):
    picture.save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    contents = {
        "text.png": b"not a picture",
        "empty.png": b"",
        "short.png": whole[: len(whole) // 2],
        "broken.png": whole[:40] + b"\0\0\0\0" + whole[44:],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for path in (*(tmp_path / name for name in contents), tmp_path / "missing.png", tmp_path):
        with pytest.raises(GlyphfrontError, match=f"^{re.escape(str(path))}: ") as caught:
            recognizer.recognize(path)
        assert "\n" not in str(caught.value)


def test_picture_without_ink_names_the_file(recognizer, tmp_path):
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    with pytest.raises(GlyphfrontError, match=r"blank\.png: "):
        recognizer.recognize(tmp_path / "blank.png")


def test_corrupt_model_is_one_line(path):
    path.write_bytes(path.read_bytes()[:5000])
    save_card(card_of(path), path)
    with pytest.raises(GlyphfrontError, match="not a readable ONNX file") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_model_of_other_inputs_is_refused(path):
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["N", 10]) for n in "xy"]
    graph = onnx.helper.make_graph([node], "foreign", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    save_card(card_of(path), path)
    with pytest.raises(GlyphfrontError, match="not a model that glyphfront exported"):
        load(path)


def test_card_with_another_number_of_classes_is_refused(path):
    save_card(card_of(path, classes=CLASSES[:10]), path)
    with pytest.raises(GlyphfrontError, match="gives 47 probabilities for the card's 10 classes"):
        load(path)


def test_threads_below_one_are_refused(path):
    with pytest.raises(GlyphfrontError, match="threads must be at least 1"):
        load(path, threads=0)


def test_shipped_models_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SHIPPED", tmp_path)
    copy_reference(tmp_path, "b")
    copy_reference(tmp_path, "a")
    assert shipped() == ("a", "b")
    assert find("a") == tmp_path / "a.onnx"
    assert load("b").card.name == "b"


def test_unknown_name_lists_what_is_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SHIPPED", tmp_path)
    copy_reference(tmp_path, "only")
    with pytest.raises(GlyphfrontError, match=r"other: no shipped model \(only\)"):
        find("other")


def test_missing_path_is_told(tmp_path):
    with pytest.raises(GlyphfrontError, match=r"none\.onnx: no such file"):
        load(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 5000 + ".onnx"])
def test_a_name_longer_than_any_file_has_is_one_short_line(name):
    with pytest.raises(GlyphfrontError, match=r"x…x+.*: cannot be read \(File name too long\)") as caught:
        load(name)
    assert len(str(caught.value)) < 250


def test_every_shipped_model_loads_with_its_card_and_recognises(picture):
    for name in shipped():
        recognizer = load(name)
        assert recognizer.card.name == name
        assert recognizer.recognize(picture)


def modules_after(code):
    """Names of the modules that a fresh interpreter holds after `code`."""
    source = Path(glyphfront.__file__).parent.parent
    script = f"import sys; sys.path.insert(0, {str(source)!r})\n{code}\nprint(*sys.modules)"
    output = subprocess.check_output([sys.executable, "-c", script], text=True)
    return set(output.splitlines()[-1].split())


def test_recognising_needs_no_more_than_the_base_installation(path, picture, tmp_path):
    picture.save(tmp_path / "picture.png")
    loaded = modules_after(
        f"import glyphfront; glyphfront.load({str(path)!r}).recognize({str(tmp_path / 'picture.png')!r})"
    )
    assert {"numpy", "onnxruntime", "PIL"} <= loaded
    foreign = {"torch", "scipy", "matplotlib", "onnx", "pooch", "statsmodels", "jinja2", "mlperf_loadgen", "timm"}
    assert not loaded & foreign


def test_importing_the_package_loads_nothing_heavy():
    assert not modules_after("import glyphfront") & {"numpy", "onnxruntime", "PIL", "dataclasses"}


def test_every_public_name_is_there():
    for name in glyphfront.__all__:
        assert getattr(glyphfront, name).__name__ == name


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = glyphfront.nothing


def test_a_folder_does_not_hide_the_shipped_model_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "glyphnet-s").mkdir()
    copy_reference(tmp_path, "glyphnet-s/model")
    monkeypatch.chdir(tmp_path)
    assert find("glyphnet-s").name == "glyphnet-s.onnx"
    assert find("./glyphnet-s") == find(Path("glyphnet-s")) == Path("glyphnet-s/model.onnx")


def test_transposed_and_turned_characters_are_noticed_as_what_they_are_and_upright_ones_are_not():
    shipped = load("glyphnet-s")
    images = strokes.draw(4, seed=0, split="test").images

    def shares(stands) -> tuple[float, float]:
        answers = [shipped.answer_image(np.ascontiguousarray(stands(image))) for image in images]
        return tuple(
            sum(found is not None for found in noted) / len(images)
            for noted in ([answer.transposed for answer in answers], [answer.turned for answer in answers])
        )

    assert max(shares(lambda image: image)) < 0.03
    assert shares(np.transpose)[0] > 0.05
    for quarters in (1, 2, 3):
        transposed, turned = shares(lambda image, quarters=quarters: np.rot90(image, quarters))
        assert transposed < 0.06
        assert turned > max(2 * transposed, 0.05)
