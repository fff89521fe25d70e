"""Writes test/fixtures/keras3: a model that Keras 3 trained and saved, the images and what it predicts for them.

Run from the repository root where keras and tensorflow are installed: python test/keras/write_keras3_fixture.py
"""

import pathlib

import keras
import numpy as np
from keras import layers

folder = pathlib.Path("test/fixtures/keras3")
folder.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(1)
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
images = np.random.default_rng(0).integers(0, 256, (20, 12, 10, 2)).astype("uint8")
model.fit(images, np.arange(20) % 5, batch_size=8, epochs=2, verbose=0)
model.save(folder / "model.h5")
images.tofile(folder / "images.bin")
model.predict(images, verbose=0).astype("<f4").tofile(folder / "probabilities.bin")
