from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from glyphfront.errors import GlyphfrontError
from glyphfront.ship.alphabet import alphabet_of

CLASSES = (*"0123ABCXabx", "alpha")


def test_no_alphabet_is_all_classes_in_their_order():
    found = alphabet_of(None, CLASSES)
    assert found.characters == CLASSES
    assert found.outputs == tuple(range(12))


@pytest.mark.parametrize(
    ("given", "characters"),
    [
        ("digits", "0123"),
        ("upper", "ABCX"),
        ("letters", "ABCXabx"),
        ("1-3", "123"),
        ("0-2A-C", "012ABC"),
        ("digits+ab", "0123ab"),
        ("digits ab", "0123ab"),  # as + arrives from a URL
        ("3x1", "13x"),
    ],
)
def test_named_alphabets_ranges_and_characters_give_the_models_classes(given, characters):
    assert "".join(alphabet_of(given, CLASSES).characters) == characters


SIGNS = (*"0123Aa", "+", "-", "*", "/")


@pytest.mark.parametrize(
    ("given", "characters"),
    [
        ("+", "+"),
        ("0123+-", "0123+-"),
        ("0-3+-", "0123+-"),
        ("0-3++-", "0123+-"),
        ("0-3 + -", "0123+-"),
        ("digits + -", "0123+-"),
        ("digits+-", "0123+-"),
        ("+-*/", "+-*/"),
        ("-*/+", "+-*/"),
        ("*+0-3", "0123+*"),
        ("0-3+", "0123+"),
        ("0-3++", "0123+"),
        ("0++A", "0A+"),
    ],
)
def test_a_plus_that_joins_nothing_is_itself_where_it_is_a_class(given: str, characters: str) -> None:
    assert "".join(alphabet_of(given, SIGNS).characters) == characters


@pytest.mark.parametrize(
    ("given", "characters"), [("0-3+A", "0123A"), ("digits+letters", "0123Aa"), ("0-3 -", "0123-"), ("0  A", "0A")]
)
def test_a_plus_between_letters_or_digits_joins_and_so_does_a_space(given: str, characters: str) -> None:
    assert "".join(alphabet_of(given, SIGNS).characters) == characters


@pytest.mark.parametrize("given", ["0-3+-", "0-3++-", "digits+-", "+0-3+-+"])
def test_without_a_class_plus_every_plus_joins(given: str) -> None:
    assert "".join(alphabet_of(given, (*"0123-",)).characters) == "0123-"


def test_a_plus_is_itself_where_its_class_is_named_with_a_word() -> None:
    assert alphabet_of("1+-", ("digit_1", "char_+", "char_-")).outputs == (0, 1, 2)


def test_merged_letter_is_answered_in_the_case_of_the_alphabet():
    found = alphabet_of("lower", CLASSES)  # c is no class of its own
    assert dict(zip(found.characters, found.outputs, strict=True)) == {"c": 6, "a": 8, "b": 9, "x": 10}


def test_where_both_cases_are_allowed_a_merged_letter_keeps_its_class_name():
    assert alphabet_of("cC", CLASSES).characters == ("C",)


def test_sequence_names_classes_of_any_length():
    assert alphabet_of(["alpha", "0"], CLASSES).outputs == (0, 11)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("0é", "cannot write é; it knows 0, 1"),
        ("0-9", "cannot write 4 5 6 7 8 9"),
        ("", "the alphabet is empty"),
        (" ", "the alphabet is empty"),
        ("9-0", "give it as 0-9"),
        ("a-Z", "give it as a-z.A-Z"),
        ("0-\u4e00", "give fewer characters"),
        ([], "cannot write any of"),
        (5, "an alphabet is text, not int"),
        (b"01", "an alphabet is text, not bytes"),
        (["0", 1], "an alphabet holds text, not int"),
        ([["0"]], "an alphabet holds text, not list"),
        (["x" * 10_000], "cannot write x{39}…;"),
        ("\n-\t", r"'\\n'-'\\t' is no range"),
    ],
)
def test_what_the_model_cannot_write_is_told(given, fault):
    with pytest.raises(GlyphfrontError, match=fault):
        alphabet_of(given, CLASSES)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("digit", "digits"),
        ("numbers", "digits"),
        ("number", "digits"),
        ("Uppercase", "upper"),
        ("lowercase", "lower"),
        ("letter", "letters"),
        ("alnum", "letters.digits"),
        ("hex", "0-9A-F"),
    ],
)
def test_a_name_that_is_nearly_that_of_an_alphabet_is_refused(given: str, meant: str) -> None:
    with pytest.raises(GlyphfrontError, match=f"no alphabet '{given}'; did you mean {meant}"):
        alphabet_of(given, CLASSES)


@pytest.mark.parametrize("given", ["all", "Any"])
def test_a_word_for_all_characters_is_no_alphabet(given: str) -> None:
    with pytest.raises(GlyphfrontError, match=f"no alphabet '{given}'; give none, and all characters are allowed"):
        alphabet_of(given, CLASSES)


@pytest.mark.parametrize(
    ("given", "outputs"), [("A", (0,)), ("upper", (0, 2)), ("lower", (1, 2)), ("letters+digits", (0, 1, 2, 3))]
)
def test_a_class_named_with_a_word_is_the_character_that_it_means(given: str, outputs: tuple[int, ...]) -> None:
    assert alphabet_of(given, ("upper_A", "lower_a", "upper_B", "digit_1")).outputs == outputs


@pytest.mark.parametrize("given", ["upper_A", "upper_A+digits", ["upper_A", "digit_1"]])
def test_names_of_classes_are_an_alphabet(given: str | list[str]) -> None:
    assert alphabet_of(given, ("upper_A", "lower_a", "digit_1")).outputs in ((0,), (0, 2))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accented_character_is_known_in_either_normal_form(form: str) -> None:
    accented = unicodedata.normalize(form, "éü")
    assert alphabet_of(accented, (*"0é", "ü")).characters == ("é", "ü")
    assert alphabet_of([accented[: len(accented) // 2]], (*"0é", "ü")).characters == ("é",)


anything = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(st.text(max_size=3), st.integers(), st.none(), st.binary(max_size=2)), max_size=4),
    st.binary(max_size=5),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sets(st.characters(), max_size=4),
)


@settings(deadline=None, derandomize=True, max_examples=300)
@examples(anything)
def test_any_alphabet_gives_known_classes_or_one_line(alphabet: object) -> None:
    fault = ""
    try:
        found = alphabet_of(alphabet, CLASSES)  # type: ignore[arg-type]
        assert len(found.characters) == len(found.outputs) == len(set(found.outputs)) > 0
    except GlyphfrontError as error:
        fault = str(error)
    assert len(fault.splitlines()) <= 1
    assert len(fault) < 700
