"""Recogniser: an exported model at work, with numpy, ONNX Runtime, OpenCV and Pillow alone."""

from __future__ import annotations

import functools
import math
import numbers
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.result import Precision
from glyphfront.ship.alphabet import Alphabet, alike, alphabet_of
from glyphfront.ship.card import Card, load_card, of_one_training

if TYPE_CHECKING:
    from glyphfront.picture.read import Picture

BATCH = 64
"""Images that a session is given at once: larger batches were no faster per image and take more memory."""

_SHIPPED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class Prediction:
    """One guess at what a picture shows."""

    character: str
    """Name of the class."""
    probability: float
    """0 to 1."""


_UNSURE, _SURE = 0.6, 0.95  # less sure than the one as it stands, and surer than the other transposed or turned
_RATHER = 4.0  # times the odds of any quarter turn: those of a picture that is told as transposed


@dataclass(frozen=True)
class Answer:
    """What one picture shows, and what speaks against it."""

    predictions: tuple[Prediction, ...]
    """The likeliest first."""
    doubt: str | None = None
    """Why the picture may not show one character; None where nothing speaks against it."""
    alike: tuple[str, ...] = ()
    """Other characters of the alphabet that are written like the first, where the model wavers between them."""
    least: float = 0.0
    """Probability below which no character is answered."""
    transposed: Prediction | None = None
    """What the picture shows with rows and columns exchanged, where that is far surer than as it stands or turned."""
    turned: Prediction | None = None
    """What the picture shows turned by a quarter or two, where that is far surer than as it stands."""

    @property
    def character(self) -> str:
        """The likeliest character, or ``?``."""
        return "?" if self.reason else self.predictions[0].character

    @property
    def reason(self) -> str | None:
        """Why the answer is ``?``; None where it is a character."""
        if self.doubt:
            return self.doubt
        best = self.predictions[0]
        if best.probability < self.least:
            has = math.floor(1000 * best.probability) / 10  # not rounded up to what it lacks
            return f"{best.character} has {has:g}%, less than {100 * self.least:g}%"
        return None


@dataclass(frozen=True)
class Recognizer:
    """An exported model, ready for use. It may be called from several threads."""

    path: Path
    """Of the .onnx file."""
    card: Card
    session: ort.InferenceSession

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        return self.card.classes

    @property
    def precision(self) -> Precision:
        """Of the numbers that the file computes with."""
        return self.card.precision

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its path: where it is unpickled, the file is opened again."""
        threads = self.session.get_session_options().intra_op_num_threads
        return functools.partial(load, threads=threads), (self.path,)

    def alphabet(self, given: str | Sequence[str] | None = None) -> Alphabet:
        """The characters that `probabilities` has columns for, under an alphabet: see `alphabet_of`."""
        return alphabet_of(given, self.classes)

    def probabilities(
        self, images: NDArray[np.uint8], alphabet: str | Sequence[str] | None = None
    ) -> NDArray[np.float32]:
        """What each of many images shows.

        Args:
            images: (N, 28, 28) uint8, upright, white ink on black, as `glyphfront.normalize` makes them; N may be 0.
                A single image is ``image[None]``.
            alphabet: characters that there can be, see `alphabet_of`; by default all classes.

        Returns:
            (N, characters) float32, a column for each of ``alphabet(alphabet).characters``; each row adds up to 1.
            Where the card knows a temperature, they are calibrated by it (Guo et al. 2017, arXiv:1706.04599).

        Raises:
            GlyphfrontError: another shape or dtype, or an alphabet that the model cannot write.
        """
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (28, 28):
            got = f"{images.shape} {images.dtype}" if isinstance(images, np.ndarray) else type(images).__name__
            raise GlyphfrontError(f"images must be (N, 28, 28) uint8, got {got}; see glyphfront.normalize")
        allowed = self.alphabet(alphabet).outputs
        rows = np.empty((len(images), len(self.classes)), np.float32)
        for start in range(0, len(images), BATCH):
            rows[start : start + BATCH] = self.session.run(None, {"image": images[start : start + BATCH]})[0]
        if self.card.temperature is None and len(allowed) == len(self.classes):
            return rows
        logits = np.log(np.maximum(rows[:, list(allowed)], np.finfo(np.float32).tiny))
        logits /= self.card.temperature or 1.0
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        odds = np.exp(logits)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

    def recognize(
        self, picture: Picture, top: int = 5, alphabet: str | Sequence[str] | None = None
    ) -> list[Prediction]:
        """What one picture shows, the likeliest first.

        Args:
            picture: of a single character: a path, bytes, an open file, a data URL, a Pillow image, or an array, as
                `glyphfront.normalize` takes it.
            top: how many guesses, at most.
            alphabet: characters that there can be, see `alphabet_of`.

        Raises:
            GlyphfrontError: the file is unreadable, or shows nothing; the model cannot write the alphabet; or `top`
                is below 1.
        """
        return list(self.answer(picture, top, alphabet).predictions)

    def answer(
        self,
        picture: Picture,
        top: int = 5,
        alphabet: str | Sequence[str] | None = None,
        *,
        least: float = 0.0,
        any_orientation: bool = False,
    ) -> Answer:
        """As `recognize`, with what speaks against the answer.

        Args:
            picture: see `recognize`.
            top: how many guesses, at most.
            alphabet: characters that there can be.
            least: probability below which the answer is ``?``.
            any_orientation: the picture may be turned by quarters, and be tilted; the turn with the surest answer
                counts, the picture as it stands four times.

        Raises:
            GlyphfrontError: as `recognize`; or `least` is not from 0 to 1.
        """
        from glyphfront.picture.normalize import look

        _check(top, least)
        self.alphabet(alphabet)
        image, doubt = look(picture)
        return self.answer_image(image, doubt, top, alphabet, least=least, any_orientation=any_orientation)

    def answer_image(
        self,
        image: NDArray[np.uint8],
        doubt: str | None = None,
        top: int = 5,
        alphabet: str | Sequence[str] | None = None,
        *,
        least: float = 0.0,
        any_orientation: bool = False,
    ) -> Answer:
        """As `answer`, of a picture that is normalised already.

        Args:
            image: (28, 28) uint8, upright, white ink on black.
            doubt: why it may not show one character.
            top: how many guesses, at most.
            alphabet: characters that there can be.
            least: probability below which the answer is ``?``.
            any_orientation: the picture may be turned by quarters.

        Raises:
            GlyphfrontError: as `answer`.
        """
        _check(top, least)
        characters = self.alphabet(alphabet).characters
        standing = self.upright(image, alphabet) if any_orientation else image
        row = self.probabilities(standing[None], alphabet)[0]
        doubt = doubt or self.unlike(standing, float(row.max()))
        best = np.argsort(-row, kind="stable")
        found = tuple(Prediction(characters[c], float(row[c])) for c in best[:top])
        transposed, turned = self._standing_otherwise(image, found[0], alphabet)
        return Answer(found, doubt, alike(row, characters), least, transposed, turned)

    def upright(self, image: NDArray[np.uint8], alphabet: str | Sequence[str] | None = None) -> NDArray[np.uint8]:
        """A normalised image (28, 28) uint8, turned by quarters to where the model is surest of what it shows."""
        from glyphfront.picture.turns import likeliest, turned

        every = turned(image)
        rows = self.probabilities(every.reshape(-1, 28, 28), alphabet)
        return np.asarray(every[likeliest(rows.reshape(*every.shape[:2], -1))], np.uint8)

    def unlike(self, image: NDArray[np.uint8], confidence: float) -> str | None:
        """Why an image is none of the classes, see `unlike_characters`; None where it may be, or classes are others."""
        from glyphfront.picture.doubt import unlike_characters

        return unlike_characters(image, confidence) if self.is_latin else None

    @functools.cached_property
    def is_latin(self) -> bool:
        """Whether all classes are Latin letters and digits, of which alone it is known what is unlike them."""
        return all(len(name) == 1 and name.isascii() and name.isalnum() for name in self.classes)

    def _standing_otherwise(
        self, image: NDArray[np.uint8], upright: Prediction, alphabet: str | Sequence[str] | None
    ) -> tuple[Prediction | None, Prediction | None]:
        """What it shows transposed, and what turned: one of the two at most; see `Answer`.

        Most letters are like their mirror image, so that one that is turned looks transposed as well.
        """
        if upright.probability >= _UNSURE:
            return None, None
        ways = [image.T, *(np.rot90(image, quarters) for quarters in (1, 2, 3))]
        rows = self.probabilities(np.stack(ways), alphabet)
        characters = self.alphabet(alphabet).characters
        transposed, *turns = (Prediction(characters[row.argmax()], float(row.max())) for row in rows)
        turned = max(turns, key=lambda prediction: prediction.probability)
        if transposed.probability > _SURE and _odds(transposed) > _RATHER * _odds(turned):
            return transposed, None
        return None, turned if turned.probability > _SURE else None


def _odds(prediction: Prediction) -> float:
    return prediction.probability / max(1 - prediction.probability, 1e-6)


def _check(top: int, least: float) -> None:
    if not isinstance(top, numbers.Integral) or top < 1:
        raise GlyphfrontError(f"top must be at least 1, a whole number, got {top!r}")
    if not isinstance(least, numbers.Real) or not 0 <= least <= 1:
        raise GlyphfrontError(f"least must be from 0 to 1, got {least!r}")


def shipped() -> tuple[str, ...]:
    """Names of the models that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.onnx") if not path.stem.endswith(".int8")))


def shipped_files() -> tuple[Path, ...]:
    """The .onnx files that come with the package, in each precision, sorted."""
    return tuple(sorted(_SHIPPED.glob("*.onnx")))


def shipped_file(sha256: str) -> Path | None:
    """The .onnx file of this sum that comes with the package, in whatever precision; None where there is none."""
    return next((path for path in shipped_files() if load_card(path).sha256 == sha256), None)


def find(name_or_path: str | Path) -> Path:
    """The .onnx file that a shipped name, the path of such a file, or the folder of an exported Run means.

    A shipped name wins: a folder beside us that is called so is ``./NAME``, or a Path.

    Raises:
        GlyphfrontError: no model of that name is shipped, and there is no such file or folder.
    """
    if isinstance(name_or_path, str) and name_or_path in shipped():
        return _SHIPPED / f"{name_or_path}.onnx"
    path = Path(name_or_path)
    try:
        if path.is_dir():
            path /= "model.onnx"
        is_file = path.is_file()
    except OSError as error:  # a name that is too long, or a folder that may not be looked into
        from glyphfront.picture.read import shortened

        raise GlyphfrontError(f"{shortened(str(path))}: cannot be read ({error.strerror})") from None
    if path.suffix == ".onnx":
        if not is_file:
            raise GlyphfrontError(f"{path}: no such file; give a shipped name or the path of an .onnx file")
        return path
    if str(name_or_path) not in shipped():
        known = ", ".join(shipped()) or "none"
        raise GlyphfrontError(f"{name_or_path}: no shipped model ({known}) and no path of an .onnx file")
    return _SHIPPED / f"{name_or_path}.onnx"


def load(name_or_path: str | Path, *, threads: int = 1, precision: Precision | None = None) -> Recognizer:
    """Load a model.

    Args:
        name_or_path: a name of `shipped`, the path of an .onnx file with its card beside it, or the folder of a Run.
        threads: that ONNX Runtime computes one batch with.
        precision: fp32 or int8. By default, of a name or a folder that has both files, int8 where it takes less than
            nine tenths of the time on this CPU, which is tried with a few images; `Recognizer.precision` says which it
            is. An int8 file of another training does not count. The path of a file means that file.

    Raises:
        GlyphfrontError: there is no such model, or not in that precision; its card is missing or belongs to another
            file; or the file is broken.
    """
    if precision not in (None, *get_args(Precision)):
        raise GlyphfrontError(f"precision must be one of {', '.join(get_args(Precision))}, got {precision!r}")
    path = find(name_or_path)
    int8 = path.with_suffix(".int8.onnx")
    names_a_file = Path(name_or_path).suffix == ".onnx"
    if precision == "int8" and not path.stem.endswith(".int8"):
        if not int8.is_file():
            raise GlyphfrontError(
                f"{path}: there is no int8 file beside it; make one with glyphfront export --precision int8"
            )
        found = _open(int8, threads)
        if not of_one_training(found.card, load_card(path)):
            raise GlyphfrontError(f"{int8}: of another training than {path.name} beside it; export both again")
        return found
    recognizer = _open(path, threads)
    if precision is not None and recognizer.precision != precision:
        raise GlyphfrontError(f"{path}: computes in {recognizer.precision}, not in {precision}")
    if precision is None and not names_a_file and int8.is_file():
        other = _open(int8, threads)
        if of_one_training(recognizer.card, other.card):
            fp32_seconds, int8_seconds = _seconds(recognizer, other)
            if int8_seconds < 0.9 * fp32_seconds:
                return other
    return recognizer


def _seconds(*recognizers: Recognizer) -> list[float]:
    """The least time that one of a few images takes with each; in turns, as what runs beside slows all of them then."""
    image, took = np.zeros((1, 28, 28), np.uint8), [math.inf] * len(recognizers)
    for _ in range(24):
        for number, recognizer in enumerate(recognizers):
            began = time.perf_counter()
            recognizer.session.run(None, {"image": image})
            took[number] = min(took[number], time.perf_counter() - began)
    return took


def _open(path: Path, threads: int) -> Recognizer:
    card = load_card(path)
    session = open_session(path, threads)
    outputs = session.get_outputs()[0].shape[1]
    if outputs != len(card.classes):
        raise GlyphfrontError(f"{path}: gives {outputs} probabilities for the card's {len(card.classes)} classes")
    return Recognizer(path, card, session)


def open_session(path: Path, threads: int = 1) -> ort.InferenceSession:
    """An ONNX Runtime session on the CPU that computes nothing beside what it is asked, and says nothing.

    Raises:
        GlyphfrontError: the file is broken, or is not a model of (N, 28, 28) uint8 images; or `threads` is below 1.
    """
    if threads < 1:
        raise GlyphfrontError(f"threads must be at least 1, got {threads}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # fatal only: what else happens is raised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class of their own
        reason = " ".join(str(error).split())
        raise GlyphfrontError(f"{path}: not a readable ONNX file ({reason}); export or copy it again") from None
    if _signature(session.get_inputs()) != ("image", "tensor(uint8)", 3) or _signature(session.get_outputs()) != (
        "probability",
        "tensor(float)",
        2,
    ):
        raise GlyphfrontError(f"{path}: not a model that glyphfront exported: it needs image -> probability")
    return session


def _signature(nodes: Sequence[Any]) -> tuple[str, str, int]:
    return (nodes[0].name, nodes[0].type, len(nodes[0].shape))
