"""What two versions of Keras' ImageDataGenerator return for images of 0 to 1, with and without brightness.

Runs in its own virtual environment (requirements.txt) and process; `benchmarks/brightness.py` starts it.

    python brightness.py IMAGES.npz

IMAGES.npz holds `images`, (N, 28, 28) uint8. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras_preprocessing.image
import numpy as np
import tensorflow as tf

# aug_4 of the source study's table 6, as Keras' arguments
SHAPE = {"rotation_range": 10, "width_shift_range": 0.1, "height_shift_range": 0.1, "shear_range": 0.1}
AUG_4 = {**SHAPE, "zoom_range": 0.1}
AUG_5 = {**AUG_4, "brightness_range": (0.9, 1.1)}
GENERATORS = {
    f"Keras-Preprocessing {version('keras-preprocessing')}": keras_preprocessing.image.ImageDataGenerator,
    f"Keras {version('keras')}": tf.keras.preprocessing.image.ImageDataGenerator,
}


def main() -> None:
    """Print the greatest and the mean value of what each generator returns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("images")
    images = np.load(parser.parse_args().images)["images"][..., None].astype(np.float32) / 255
    generators = []
    for name, generator in GENERATORS.items():
        figures: dict[str, object] = {"name": name}
        for row, options in (("aug_4", AUG_4), ("aug_5", AUG_5)):
            batches = generator(**options).flow(images, batch_size=len(images), shuffle=False, seed=0)
            returned = next(batches)
            figures |= {f"{row}_greatest": float(returned.max()), f"{row}_mean": float(returned.mean())}
        generators.append(figures)
    print(json.dumps({"generators": generators}))


if __name__ == "__main__":
    main()
