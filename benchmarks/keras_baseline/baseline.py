"""Images a second of nets in Keras on TensorFlow, as somebody would write them who starts from Keras.

Runs in its own virtual environment (requirements.txt) and process; `benchmarks/training.py` starts it.

    python baseline.py IMAGES.npz --model layer_4_1 --batch-size 256 --epochs 3 [--bf16]

IMAGES.npz holds `images`, (N, 28, 28) uint8, and `labels`, (N,). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

EPSILON = 1.001e-5


def densenet(classes: int, blocks: tuple[int, ...] = (3, 6, 12, 6), growth: int = 32) -> keras.Model:
    """As `glyphfront.models.densenet.layer_4_1`: (N, 32, 32, 1) float32 -> (N, classes) logits."""

    def norm_relu(x):
        return layers.ReLU()(layers.BatchNormalization(epsilon=EPSILON)(x))

    def convolution(x, channels, size, **options):
        return layers.Conv2D(channels, size, padding="same", use_bias=False, **options)(x)

    inputs = layers.Input((32, 32, 1))
    x = layers.ZeroPadding2D(3)(inputs)
    x = norm_relu(layers.Conv2D(64, 7, strides=2, use_bias=False)(x))
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    for index, depth in enumerate(blocks):
        if index:
            x = layers.AveragePooling2D(2)(convolution(norm_relu(x), x.shape[-1] // 2, 1))
        for _ in range(depth):
            new = convolution(norm_relu(x), 4 * growth, 1)
            x = layers.Concatenate()([x, convolution(norm_relu(new), growth, 3)])
    x = layers.GlobalAveragePooling2D()(norm_relu(x))
    return keras.Model(inputs, layers.Dense(classes)(x))


def glyphnet(classes: int, widths: tuple[int, ...], stem: str) -> keras.Model:
    """As `glyphfront.models.glyphnet.glyphnet`: (N, 28, 28, 1) float32 -> (N, classes) logits."""
    pooled_before = {1, 3} if stem == "conv3" else {2}
    inputs = x = layers.Input((28, 28, 1))
    for index, width in enumerate(widths):
        if index in pooled_before or index == len(widths) - 1:
            x = layers.MaxPooling2D(2, padding="same")(x)
        large = stem == "conv5" and index == 0
        x = layers.Conv2D(width, 5 if large else 3, strides=2 if large else 1, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(classes)(layers.Flatten()(x)))


MODELS = {
    "layer_4_1": densenet,
    "glyphnet-s": functools.partial(glyphnet, widths=(32, 32, 64, 64, 96), stem="conv5"),
    "glyphnet-m": functools.partial(glyphnet, widths=(16, 32, 32, 64, 64, 128), stem="conv3"),
}


class EpochSeconds(keras.callbacks.Callback):
    """How long each epoch took."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):  # noqa: D102
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):  # noqa: D102
        self.seconds.append(time.perf_counter() - self.began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--bf16", action="store_true", help="Keras' mixed_bfloat16")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True, help="timed ones, after one that is not")
    options = parser.parse_args()
    with np.load(options.file) as archive:
        images, labels = archive["images"], archive["labels"]
    if options.model == "layer_4_1":
        images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    images = images[..., None].astype(np.float32) / 255
    keras.utils.set_random_seed(0)
    if options.bf16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = MODELS[options.model](classes=int(labels.max()) + 1)
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    watch = EpochSeconds()
    model.fit(images, labels, batch_size=options.batch_size, epochs=1 + options.epochs, callbacks=[watch], verbose=0)
    figures = {
        "images_per_second": [len(images) / seconds for seconds in watch.seconds[1:]],
        "parameters": model.count_params(),
        "versions": [f"{library.__name__}=={library.__version__}" for library in (keras, tf, np)],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
