"""Run: every input that determines a result, as frozen dataclasses; its key; JSON in and out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from glyphfront import records
from glyphfront.errors import GlyphfrontError

MEANING = 1  # raised when the same Run would give another result than before (see tests/golden)


@dataclass(frozen=True)
class Data:
    """Which images are trained on, validated on and tested on."""

    train: str = "strokes"
    """What is trained on: strokes, balanced, bymerge, byclass, letters, digits, mnist, or folder:PATH. Several sets at
    once are joined by +, each with its split if that is not train: balanced+bymerge+bymerge:test. The validation set
    is carved out of the first, and no other brings back what stands in it."""
    test: str | None = None
    """The set whose test images are the test set; by default the test file of `train`. Of a folder without a test set
    all pictures, if it is not trained on as well."""
    limit: int | None = None
    """At most this many training images a class."""
    validation_fraction: float = 0.1
    """Share of the training images carved out, stratified, for early stopping and for choosing."""
    sampling: Literal["natural", "balanced"] | float = "natural"
    """natural: every training image once an epoch; balanced: every class equally often; a power from 0 to 1 stands
    between the two: a class of n images is drawn in proportion to n to the power of 1 minus it."""
    remove_leaks: bool = True
    """Leave out of training every image that stands in the test set."""
    clear_of: str | None = None
    """Another set: every image of its test part is left out of training too, for a Run that others start from."""
    leave_out: str | None = None
    """A CSV file of training images to leave out, by their fingerprint, as `glyphfront data suspects` writes it."""
    rare_shapes: float | None = None
    """Share of every batch, above 0 and below 1, that strokes draw in shapes that EMNIST hardly has, such as a 1 with a
    long flag, a crossed 7, a cursive r; for the 47 classes of EMNIST Balanced. Of them labels alone are learned."""
    seed: int = 0
    """Of the limit, of the split, and of what strokes draw; the same for Runs that are to be compared."""

    @property
    def train_sets(self) -> tuple[tuple[str, str], ...]:
        """The sets of `train`, each with its split. A folder comes last, as its path may hold any character."""
        head, marker, path = self.train.partition("folder:")
        named = [part.partition(":") for part in head.split("+") if part]
        folder = [(marker + path, "train")] if marker else []
        return (*((name, split or "train") for name, _, split in named), *folder)

    @property
    def test_set(self) -> str:
        """The set whose test images are the test set."""
        return self.test or self.train_sets[0][0]


@dataclass(frozen=True)
class Model:
    """A name of `glyphfront.models.MODELS` (or timm:NAME, torchvision:NAME) and what departs from its defaults."""

    name: str = "glyphnet-s"
    """See `glyphfront models`."""
    in_channels: int = 1
    """The gray image is repeated this many times."""
    input_size: int | None = None
    """Side in pixels that the 28x28 image is resized to, inside the model; by default the family's own."""
    act: str | None = None
    """Activation: relu, leaky_relu, elu, swish, tanh."""
    dropout: float | None = None
    """Rate, 0 to 1."""
    dropout_position: str | None = None
    """Where: see the model's factory."""
    growth: int | None = None
    """Channels that each layer of a DenseNet adds."""
    compression: float | None = None
    """Share of the channels that a DenseNet's transitions keep."""
    blocks: tuple[int, ...] | None = None
    """Layers of each dense block."""
    widths: tuple[int, ...] | None = None
    """Channels of each convolution of a glyphnet."""
    stem: str | None = None
    """First layer of a glyphnet: conv3, conv5 or space_to_depth."""
    weights: str | None = None
    """Pretrained weights for timm: and torchvision: models: a local file."""

    def options(self) -> dict[str, Any]:
        """The arguments that depart from the factory's defaults."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v for k, v in plain.items() if v is not None and k not in ("name", "in_channels", "input_size")}


@dataclass(frozen=True)
class Optimizer:
    """The update rule."""

    name: Literal["adam", "adamax", "nadam", "adamw", "rmsprop", "momentum", "nesterov"] = "nesterov"
    """momentum and nesterov are SGD with (Nesterov) momentum."""
    lr: float = 0.1
    """Highest learning rate."""
    momentum: float = 0.9
    """For momentum and nesterov."""
    weight_decay: float = 5e-4
    """L2 for SGD, decoupled for AdamW; never on norms and biases."""


@dataclass(frozen=True)
class Schedule:
    """How the learning rate moves."""

    name: Literal["constant", "plateau", "linear", "cosine"] = "linear"
    """constant; plateau: reduce when the validation loss stops falling; linear, cosine: decay to 0 over the epochs."""
    warmup: float = 0.15
    """Share of all steps over which the rate rises linearly from 0 (linear and cosine)."""
    factor: float = 0.5
    """plateau: the rate is multiplied by this."""
    patience: int = 3
    """plateau: epochs without a fall before that happens."""


@dataclass(frozen=True)
class Augment:
    """Random changes to each training image; every range is symmetric around no change."""

    rotation: float = 0.0
    """Degrees."""
    shift_x: float = 0.0
    """Pixels, horizontally."""
    shift_y: float = 0.0
    """Pixels, vertically."""
    shear: float = 0.0
    """Tangent of the shear angle."""
    zoom: float = 0.0
    """Share of the size."""
    brightness: float = 0.0
    """Share by which ink is scaled."""
    elastic: float = 0.0
    """Pixels: standard deviation of a smooth displacement field."""
    erasing: float = 0.0
    """Probability that a random rectangle is blanked."""
    stroke_width: float | None = None
    """Pixels, at most 1, by which the edge of every stroke moves outwards or inwards."""
    edge_marks: float | None = None
    """Probability of a mark at the picture's edge: a ruled line, a corner of a box, a neighbour's stroke."""


@dataclass(frozen=True)
class Distill:
    """Learning from the answers of trained Runs beside the labels (Hinton et al. 2015, arXiv:1503.02531)."""

    teachers: tuple[str, ...] = ()
    """Keys of the Runs whose averaged probabilities are learned, of the same classes; none: labels alone."""
    temperature: float = 2.0
    """Logits of teachers and student are divided by it before they are compared: the higher, the softer."""
    weight: float = 0.9
    """Share of the loss that the teachers' answers have; the rest is the labels'."""
    views: int | None = None
    """So many epochs' augmented images are made once, with the teachers' answers, and gone through again and again: a
    long training then costs no more than the student's own steps. By default each epoch has new ones."""


LIGHT = Augment(rotation=8.0, shear=0.1, zoom=0.08, shift_x=1.7, shift_y=1.7)


@dataclass(frozen=True)
class Run:
    """One training, fully determined: the same Run on the same images and machine gives the same weights.

    The defaults are a recipe that works from a dozen pictures a class on: `Run(data=Data(train="folder:my/pictures"))`.
    """

    label: str = "run"
    """What tables call it; not part of the key."""
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = LIGHT
    epochs: int | None = None
    """Passes over the training images, at most; by default as many as their number asks for (`epochs_for`)."""
    batch_size: int = 64
    """Images a step."""
    label_smoothing: float = 0.05
    """Share of the target spread over all classes."""
    logit_adjustment: float = 0.0
    """Weight of the log class prior added to the logits inside the loss (Menon et al. 2020, arXiv:2007.07314)."""
    ema: float = 0.998
    """Decay a step of the running mean of the weights that is evaluated; 0: off."""
    clip_norm: float = 0.0
    """Gradients are scaled down to this norm; 0: off."""
    early_stopping: int = 0
    """Stop after this many epochs without a better validation accuracy and keep the best epoch; 0: off."""
    precision: Literal["bf16", "fp32"] | None = None
    """bf16: convolutions and matrix products of the training in bfloat16, weights and batch norm's statistics in
    float32 (torch's autocast); by default, or as fp32, which is kept as None, everything in float32."""
    init_from: str | None = None
    """What it starts from: a shipped model, such as glyphnet-s, whose weights are taken over, those of the classifier
    for classes that it knows; or the key of a Run, of which all weights but the classifier's are. A Run names a model
    with its sum, NAME@SUM, as `glyphfront.training.further` gives it; on the command line NAME will do."""
    keep_head: bool | None = None
    """Of the Run that it starts from, take over the classifier too: for a Run of the same classes."""
    frozen_norms_below: int | None = None
    """Batch norms keep the statistics of what the Run starts from where there are fewer training images than this."""
    distill: Distill = field(default_factory=Distill)
    """Trained Runs that it learns from; by default none."""
    seed: int = 0
    """Of the initial weights, the order of the images and the augmentation."""

    def __post_init__(self) -> None:
        if self.precision == "fp32":
            object.__setattr__(self, "precision", None)

    def epochs_for(self, images: int) -> int:
        """Passes over `images` training images: as given, or 1,500 / sqrt(images), at least 12 and at most 300.

        So few images are seen often, 100 of them 150 times, and many in more steps all the same. A Run that starts from
        a shipped model takes half as many. Measured, see LOG.md.
        """
        if self.epochs is not None:
            return self.epochs
        share = 0.5 if self.base else 1.0
        return max(12, min(300, round(share * 1500 / math.sqrt(max(1, images)))))

    @property
    def key(self) -> str:
        """12 hex digits that change with anything but the label: the name of the run's folder.

        What is None is left out, so that a field added later, None by default, changes no key; so is `distill` where
        nobody teaches. Whole numbers count as the floats that their fields hold.
        """
        plain = _without_none(records.to_plain(records.from_plain(Run, records.to_plain(self))))
        del plain["label"]
        if not self.distill.teachers:
            del plain["distill"]
        plain["meaning"] = MEANING
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the Runs that must be trained before this one: that which it starts from, and its teachers."""
        started_from = () if self.init_from is None or self.base else (self.init_from,)
        return (*started_from, *self.distill.teachers)

    @property
    def base(self) -> str | None:
        """The shipped model that it starts from, as NAME@SUM; None where it starts from a Run, or from new weights."""
        return self.init_from if self.init_from and "@" in self.init_from else None


def with_needs(run: Run, change: Callable[[str], str]) -> Run:
    """`run` with the key of each Run that it needs changed."""
    base = run.base if run.init_from is None or run.base else change(run.init_from)
    teachers = tuple(change(key) for key in run.distill.teachers)
    return dataclasses.replace(run, init_from=base, distill=dataclasses.replace(run.distill, teachers=teachers))


def without_seed(run: Run) -> Run:
    """What Runs that differ only in their seed share: each may need Runs with its own seed."""
    return dataclasses.replace(with_needs(run, lambda key: ""), seed=0)


def check(run: Run) -> None:
    """Look for values that no training can use; the names of models and sets are checked where they are read.

    Raises:
        GlyphfrontError: a value is out of range; the message names its flag.
    """
    data, optimizer, schedule, augment = run.data, run.optimizer, run.schedule, run.augment
    bounds = [
        ("data.validation-fraction", 0 < data.validation_fraction < 1, "between 0 and 1"),
        ("data.limit", data.limit is None or data.limit > 1, "at least 2"),
        ("data.seed", data.seed >= 0, "at least 0"),
        ("data.train", bool(data.train_sets), "the name of a set, or of several joined by +"),
        ("data.sampling", isinstance(data.sampling, str) or 0 <= data.sampling <= 1, "at least 0 and at most 1"),
        ("data.rare-shapes", data.rare_shapes is None or 0 < data.rare_shapes < 1, "above 0 and below 1"),
        ("optimizer.lr", 0 < optimizer.lr < math.inf, "above 0"),
        ("optimizer.momentum", 0 <= optimizer.momentum < 1, "at least 0 and below 1"),
        ("optimizer.momentum", optimizer.name != "nesterov" or optimizer.momentum > 0, "above 0 for nesterov"),
        ("optimizer.weight-decay", optimizer.weight_decay >= 0, "at least 0"),
        ("schedule.warmup", 0 <= schedule.warmup < 1, "at least 0 and below 1"),
        ("schedule.factor", 0 < schedule.factor <= 1, "above 0 and at most 1"),
        ("schedule.patience", schedule.patience >= 0, "at least 0"),
        ("augment", all(0 <= v < math.inf for v in vars(augment).values() if v is not None), "at least 0, every value"),
        ("augment.zoom", augment.zoom < 1, "below 1"),
        ("augment.erasing", augment.erasing <= 1, "at most 1"),
        ("augment.stroke-width", (augment.stroke_width or 0) <= 1, "at most 1"),
        ("augment.edge-marks", (augment.edge_marks or 0) <= 1, "at most 1"),
        ("epochs", run.epochs is None or run.epochs >= 1, "at least 1"),
        ("batch-size", run.batch_size >= 2, "at least 2"),
        ("label-smoothing", 0 <= run.label_smoothing < 1, "at least 0 and below 1"),
        ("ema", 0 <= run.ema < 1, "at least 0 and below 1"),
        ("clip-norm", run.clip_norm >= 0, "at least 0"),
        ("early-stopping", run.early_stopping >= 0, "at least 0"),
        ("distill.temperature", 0 < run.distill.temperature < math.inf, "above 0"),
        ("distill.weight", 0 <= run.distill.weight <= 1, "at least 0 and at most 1"),
        ("distill.views", run.distill.views is None or run.distill.views >= 1, "at least 1"),
        ("distill.views", run.distill.views is None or bool(run.distill.teachers), "given with --distill.teachers"),
        ("distill.teachers", len(set(run.distill.teachers)) == len(run.distill.teachers), "different Runs"),
        ("distill.teachers", all(map(_is_key, run.distill.teachers)), "keys of Runs, 12 hex digits each"),
        ("init-from", _names_a_start(run.init_from), "a shipped model as NAME@SUM, or the key of a Run"),
        ("keep-head", not run.keep_head or bool(run.init_from), "given with --init-from"),
        ("frozen-norms-below", run.frozen_norms_below is None or run.frozen_norms_below >= 0, "at least 0"),
        ("seed", run.seed >= 0, "at least 0"),
    ]
    for flag, fits, wanted in bounds:
        if not fits:
            raise GlyphfrontError(f"{run.label}: --{flag} must be {wanted}")


def _is_key(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{12}", name) is not None


def _names_a_start(name: str | None) -> bool:
    return name is None or _is_key(name) or re.fullmatch(r"[^@]+@[0-9a-f]{8}", name) is not None


def departures(run: Run, base: Run | None = None) -> str:
    """`run` as JSON without what equals `base`, by default the defaults: reading that back gives the same Run."""

    def differing(plain: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
        return {k: differing(v, default[k]) if isinstance(v, dict) else v for k, v in plain.items() if v != default[k]}

    found = differing(records.to_plain(run), records.to_plain(base or Run()))
    return json.dumps(found, ensure_ascii=False).replace("`", "\\u0060")


def _without_none(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {name: _without_none(value) for name, value in plain.items() if value is not None}
    return plain


def save_run(run: Run, path: Path) -> None:
    """Write `run` as JSON, atomically."""
    records.save(run, path)


def load_run(path: Path) -> Run:
    """Read a Run back; raises as `glyphfront.records.load`."""
    return records.load(Run, path, advice="train a Run first (glyphfront train --help)")
