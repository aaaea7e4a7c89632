"""Train the two nets that tell one character from anything else; their mean is src/glyphfront/picture/doubt.onnx.

Usage: GLYPHFRONT_DATA=folder python benchmarks/pictures/doubt_net.py [SAMPLES]
Characters: EMNIST's training images, written with other pens and degraded; all else: `nothing`. Both go the way of any
picture, and what the way refuses or doubts already is left out. Nothing of GLYPHFRONT_REAL is seen.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from degrade import DEGRADATIONS, _photo
from nothing import MAKERS
from numpy.typing import NDArray
from sheets import SHEETS
from torch import nn

from glyphfront.data import load
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.normalize import look

SAMPLES, EPOCHS, BATCH = 6_000, 20, 128
OUT = Path(__file__).parent.parent.parent / "src" / "glyphfront" / "picture" / "doubt.onnx"
WAYS = [name for name in DEGRADATIONS if name not in ("small", "jpeg5", *SHEETS)] + 8 * ["tight_bold"]
MORE = {"sign": 5, "pictogram": 3, "scribble_short": 5, "composition": 4, "photograph": 3, "dots": 2, "joined": 4}
"""Kinds that look most like characters, or of which few are left: so many times the pictures of the others."""


class DoubtNet(nn.Module):
    """uint8 (N, 28, 28) to the probability that an image shows no single character, (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, 2, 1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(48 * 16, 32), nn.ReLU(), nn.Linear(32, 1),
        )  # fmt: skip

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(N,)."""
        return self.net(images[:, None].float() / 255 - 0.2)[:, 0]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N,), from 0 to 1."""
        return self.logits(images).sigmoid()


def character(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of one EMNIST character: slanted, with another pen, on a page or cut out, large or small."""
    image = images[rng.integers(len(images))]
    if rng.random() < 0.15:
        return image
    side = int(rng.integers(90, 180))
    matrix = cv2.getRotationMatrix2D((13.5, 13.5), rng.normal(0, 6), 1)
    matrix[0, 1] += rng.normal(0, 0.12)
    matrix[0] *= side / 28 * np.exp(rng.normal(0, 0.12))
    matrix[1] *= side / 28
    matrix[:, 2] += (320 - side) / 2 * rng.uniform(0.7, 1.3), (240 - side) / 2
    tones = cv2.GaussianBlur(
        cv2.warpAffine(image.astype(np.float64), matrix, (320, 240), flags=cv2.INTER_CUBIC), (0, 0), 1.5
    )
    level = np.exp(rng.normal(np.log(110), 0.45))
    drawing = ((tones - level) / 20 + 0.5).clip(0, 1)
    if not (drawing > 0.5).any():
        return image
    if rng.random() < 0.35:
        rows, columns = np.nonzero(drawing > 0.5)
        edge = int(rng.integers(2, 40))
        cut = drawing[
            max(rows.min() - edge, 0) : rows.max() + edge, max(columns.min() - edge, 0) : columns.max() + edge
        ]
        zoom = np.exp(rng.uniform(np.log(9), np.log(64))) / max(cut.shape)
        size = tuple(max(round(n * zoom), 5) for n in cut.shape[::-1])
        if rng.random() < 0.5:
            return cropped(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), rng)
        return (255 - 255 * cv2.resize(cut, size, interpolation=cv2.INTER_AREA) * rng.uniform(0.4, 1)).astype(np.uint8)
    return DEGRADATIONS[WAYS[rng.integers(len(WAYS))]](drawing, rng)


def cropped(drawing: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A small crop of a photo of a page: faint or dark, blurred, at times with a bit of a ruled line or a neighbour."""
    page = drawing.copy()
    height, width = page.shape
    if rng.random() < 0.25:
        row = int(rng.choice([0, 1, 2, height - 3, height - 2, height - 1])) % height
        page[row] = np.maximum(page[row], rng.uniform(0.3, 0.8))
    if rng.random() < 0.15:
        side, tall = int(rng.choice([0, width - 1])), int(rng.integers(2, max(height // 2, 3)))
        start = int(rng.integers(max(height - tall, 1)))
        page[start : start + tall, side] = rng.uniform(0.5, 1)
    paper = rng.uniform(140, 235)
    tones = paper - rng.uniform(35, 130) * cv2.GaussianBlur(page, (0, 0), rng.uniform(0.3, 1.0))
    tones *= 1 + rng.uniform(0, 0.15) * np.linspace(-1, 1, width)[None]
    return _photo(tones, rng, rng.uniform(0.5, 5), int(rng.integers(50, 95)))


def normalised(make: Callable[[], NDArray[np.uint8]], number: int) -> NDArray[np.uint8]:
    """What is neither refused nor doubted of `number` pictures: (N, 28, 28)."""
    kept = []
    for _ in range(number):
        try:
            image, doubt = look(make())
        except GlyphfrontError:
            continue
        if doubt is None:
            kept.append(image)
    return np.array(kept, np.uint8).reshape(-1, 28, 28)


def samples(
    number: int, split: str, seed: int, more: Mapping[str, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images and 1 where they show no single character; about `number` of either kind, some kinds `more` often."""
    rng, images = np.random.default_rng(seed), load("balanced", split).images  # type: ignore[arg-type]
    written = rng.permutation(images)[:number]
    bold = np.stack([cv2.dilate(image, np.ones((3, 3), np.uint8)) for image in rng.permutation(images)[: number // 4]])
    genuine = np.concatenate((normalised(lambda: character(images, rng), number), written, bold))
    found = [
        normalised(lambda make=make: make(images, rng), more.get(name, 1) * number // len(MAKERS))
        for name, make in MAKERS.items()
    ]
    other = np.concatenate([one for one in found if len(one)])
    return np.concatenate((genuine, other)), np.repeat(np.float32([0, 1]), [len(genuine), len(other)])


def train(images: NDArray[np.uint8], labels: NDArray[np.float32]) -> DoubtNet:
    """Binary cross-entropy, AdamW, one cycle; images are shifted by a pixel, others also turned and mirrored."""
    torch.manual_seed(0)
    net, rng = DoubtNet(), np.random.default_rng(0)
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(EPOCHS):
        order = torch.from_numpy(rng.permutation(len(images)))
        for chosen in order[: len(order) // BATCH * BATCH].view(-1, BATCH):
            batch = x[chosen].roll(tuple(int(n) for n in rng.integers(-1, 2, 2)), (1, 2))
            turned = batch.rot90(int(rng.integers(4)), (1, 2))
            turned = turned.flip(2) if rng.integers(2) else turned
            logits = net.logits(torch.where(y[chosen][:, None, None] > 0, turned, batch))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"loss {loss.item():.3f}", flush=True)
    return net.eval()


class Mean(nn.Module):
    """Two nets, whose logits are averaged: one saw all kinds alike, the other more of what looks like characters."""

    def __init__(self, nets: list[DoubtNet]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N,), from 0 to 1."""
        return torch.stack([net.logits(images) for net in self.nets]).mean(0).sigmoid()


def export(net: nn.Module) -> None:
    """Write it as ONNX."""
    axes = {name: {0: "N"} for name in ("image", "probability")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tracing is the older way
        torch.onnx.export(
            net, (torch.zeros(2, 28, 28, dtype=torch.uint8),), OUT, dynamo=False, opset_version=18,
            input_names=list(axes)[:1], output_names=list(axes)[1:], dynamic_axes=axes,
        )  # fmt: skip


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    net = Mean([train(*samples(number, "train", seed, more)) for seed, more in ((0, {}), (2, MORE))]).eval()
    images, labels = samples(max(number // 10, 500), "test", 1, {})
    with torch.inference_mode():
        found = net(torch.from_numpy(images)).numpy()
    at = float(np.quantile(found[labels == 0], 0.99))
    print(f"1 % of characters lie above {at:.3f}, of all else {(found[labels == 1] > at).mean():.1%}")
    export(net)


if __name__ == "__main__":
    main()
