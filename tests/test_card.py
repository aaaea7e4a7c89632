import hashlib
import json
from dataclasses import replace

import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.result import Latency, Proportion
from glyphfront.ship.card import card_path, file_sha256, load_card, save_card
from reference_model import card_of, copy_reference


@pytest.fixture
def onnx(tmp_path):
    return copy_reference(tmp_path)


def test_card_comes_back_as_it_was_saved(onnx):
    latency = Latency(1.5, 2.5, 3.5, 10, 99.5, 1.0, 1, "lenet5_new", "ab" * 32, 3.0, "a machine", "1.0")
    card = card_of(onnx, accuracy=Proportion(9, 10, 0.59, 0.98), latency=latency, seen="reference.seen.npz")
    save_card(card, onnx)
    assert load_card(onnx) == card


def test_card_lies_beside_the_file_and_keeps_characters_readable(onnx):
    save_card(card_of(onnx, classes=("é", "ß")), onnx)
    assert card_path(onnx) == onnx.parent / "reference.json"
    assert "ß" in card_path(onnx).read_text(encoding="utf-8")


def test_sha256_is_that_of_the_bytes(onnx):
    assert file_sha256(onnx) == hashlib.sha256(onnx.read_bytes()).hexdigest()


def test_card_of_another_file_is_refused(onnx):
    save_card(replace(card_of(onnx), sha256="0" * 64), onnx)
    with pytest.raises(GlyphfrontError, match="the card of another file"):
        load_card(onnx)


def test_a_changed_byte_in_the_model_is_noticed(onnx):
    content = bytearray(onnx.read_bytes())
    content[-1] ^= 1
    onnx.write_bytes(content)
    with pytest.raises(GlyphfrontError, match="the card of another file"):
        load_card(onnx)


def test_missing_card_and_missing_model_are_told_apart(onnx):
    card_path(onnx).unlink()
    with pytest.raises(GlyphfrontError, match=r"reference\.json: no such file; an \.onnx needs its card"):
        load_card(onnx)
    onnx.unlink()
    with pytest.raises(GlyphfrontError, match=r"reference\.onnx: no such file"):
        load_card(onnx)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", b"\xff\xfe\x00"])
def test_what_is_no_card_is_one_clear_line(onnx, content):
    card_path(onnx).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(GlyphfrontError, match=r"reference\.json: holds no Card") as caught:
        load_card(onnx)
    assert "\n" not in str(caught.value)


def test_wrong_type_in_a_card_names_the_field(onnx):
    plain = json.loads(card_path(onnx).read_text())
    card_path(onnx).write_text(json.dumps({**plain, "macs": "many"}))
    with pytest.raises(GlyphfrontError, match=r"Card\.macs must be int"):
        load_card(onnx)
