"""Trains, saves and runs models in Keras 3, for convsweep to open.

    python test/interop/write_models.py MODEL=FOLDER...

MODEL is `notebook` (trained on FOLDER/images.bin and FOLDER/labels.bin, uint8, 28 x 28 x 1) or `layers` (one of every
layer, trained on random images, which are written to FOLDER/images.bin). Each FOLDER gets model.h5 and model.keras,
probabilities.bin (float32) of the images, and moments.bin, Adam's first and second moment of each weight in turn.
test/fixtures/keras3 was written by: python test/interop/write_models.py layers=test/fixtures/keras3
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
from keras import layers


def notebook(folder):
    images = np.fromfile(folder / "images.bin", np.uint8).reshape(-1, 28, 28, 1)
    labels = np.fromfile(folder / "labels.bin", np.uint8)
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)])
    for _ in range(2):
        model.add(layers.Conv2D(28, (3, 3), activation="relu"))
        model.add(layers.MaxPooling2D((2, 2)))
        model.add(layers.BatchNormalization())
    model.add(layers.Flatten())
    for units in (12, 10, 8):
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.BatchNormalization())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=128, epochs=1, verbose=0)
    return model, images


def every_layer(folder):
    images = np.random.default_rng(0).integers(0, 256, (20, 12, 10, 2)).astype("uint8")
    images.tofile(folder / "images.bin")
    model = keras.Sequential(
        [
            keras.Input((12, 10, 2)),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.Conv2D(4, (3, 2), padding="same", strides=2, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D((2, 1)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(6, activation="relu", use_bias=False),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-2),
            layers.Dense(5),
            layers.Activation("softmax"),
        ],
        name="keras3",
    )
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, np.arange(20) % 5, batch_size=8, epochs=2, verbose=0)
    return model, images


MODELS = {"notebook": notebook, "layers": every_layer}


def main(arguments):
    for argument in arguments:
        name, path = argument.split("=", 1)
        folder = pathlib.Path(path)
        keras.utils.set_random_seed(1)
        model, images = MODELS[name](folder)
        # In this order: saving as .h5 removes the optimizer from what a .keras file says of the training.
        model.save(folder / "model.keras")
        model.save(folder / "model.h5")
        model.predict(images, verbose=0).astype("<f4").tofile(folder / "probabilities.bin")
        # The first two variables are the step count and the learning rate.
        moments = [variable.numpy().ravel() for variable in model.optimizer.variables[2:]]
        np.concatenate(moments).astype("<f4").tofile(folder / "moments.bin")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
