"""Training further: a Run that starts from a shipped model, with a recipe for few pictures."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.models.weights import base_of, known_classes, shipped_model, shipped_names
from glyphfront.run import Augment, Data, Optimizer, Run
from glyphfront.training.state import State

_HEAVY = Augment(
    rotation=10.0, shear=0.15, zoom=0.1, shift_x=1.7, shift_y=1.7, elastic=0.5, stroke_width=0.4
)  # heavier than a new model's: few pictures of a class vary too little
_FROZEN_BELOW = 2000  # training images; a guess: with 300 to 600, frozen and free norms were as good (LOG.md)


def further(base: str, data: Data | None = None) -> Run:
    """A Run that trains a shipped model further: its defaults are a recipe for 10 to 1,000 pictures a class.

    Args:
        base: the name of a shipped model; its architecture is the Run's.
        data: what to train on.

    Raises:
        GlyphfrontError: no model of that name can be started from.
    """
    return Run(
        data=data or Data(),
        model=shipped_model(base),
        optimizer=Optimizer(lr=0.03),
        augment=_HEAVY,
        clip_norm=1.0,  # without, frozen norms let one training of Greek diverge
        init_from=base_of(base),
        frozen_norms_below=_FROZEN_BELOW,
    )


def with_base(run: Run) -> Run:
    """`run`, with a shipped model that it starts from written as NAME@SUM where it says NAME.

    Raises:
        GlyphfrontError: it says neither that nor the key of a Run.
    """
    name = run.init_from
    if name is None or "@" in name or (name not in shipped_names() and _is_key(name)):
        return run
    return replace(run, init_from=base_of(name))


def _is_key(name: str) -> bool:
    return len(name) == 12 and set(name) <= set("0123456789abcdef")


def what_is_kept(state: State, classes: tuple[str, ...]) -> str:
    """What the training goes on from, for the person who waits; empty where that is no shipped model."""
    base = state.run.base
    if base is None:
        return ""
    known = known_classes(base, classes)
    new = [name for number, name in enumerate(classes) if number not in known]
    few = ", ".join(new[:5]) + (", ..." if len(new) > 5 else "")
    made = f"; new are {few}" if known and new else ""
    frozen = "; its batch norms keep their statistics" if state.frozen_norms else ""
    return f"starts from {base.partition('@')[0]}, which knows {len(known)} of the {len(classes)} classes{made}{frozen}"
