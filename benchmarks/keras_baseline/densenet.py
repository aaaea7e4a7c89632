"""Images a second of the 3-6-12-6 DenseNet in Keras on TensorFlow, as somebody would write it who starts from Keras.

Runs in its own virtual environment (requirements.txt) and process; `benchmarks/training.py` starts it.

    python densenet.py IMAGES.npz --batch-size 256 --epochs 3

IMAGES.npz holds `images`, (N, 28, 28) uint8, and `labels`, (N,). Prints one JSON object.
"""

from __future__ import annotations

import argparse
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
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True, help="timed ones, after one that is not")
    options = parser.parse_args()
    with np.load(options.file) as archive:
        images, labels = archive["images"], archive["labels"]
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None].astype(np.float32) / 255
    keras.utils.set_random_seed(0)
    model = densenet(classes=int(labels.max()) + 1)
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
