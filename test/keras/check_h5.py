"""Opens a model file in Keras and compares what it predicts with what convsweep predicted.

    python test/keras/check_h5.py MODEL.h5 CASE

CASE.bin holds the images' pixels (uint8) and then the expected probabilities (float32, little-endian); CASE.json is
{"images": [n, height, width, channels], "probabilities": [n, classes], "weights": [[name, shape], ...],
 "iterations": steps}.
Exits with 1 when a probability differs by more than 1e-5.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np


def main(path, case):
    with open(f"{case}.json") as file:
        expected = json.load(file)
    with open(f"{case}.bin", "rb") as file:
        data = file.read()
    count = int(np.prod(expected["images"]))
    images = np.frombuffer(data[:count], np.uint8).reshape(expected["images"])
    probabilities = np.frombuffer(data[count:], "<f4").reshape(expected["probabilities"])

    model = keras.models.load_model(path)
    shapes = [list(weight.shape) for weight in model.weights]
    if shapes != [shape for _, shape in expected["weights"]]:
        sys.exit(f"Keras {keras.__version__}: the shapes of the weights differ: {shapes}")
    difference = float(np.abs(model.predict(images, verbose=0) - probabilities).max())
    iterations = int(model.optimizer.iterations.numpy()) if model.optimizer else None
    print(
        f"Keras {keras.__version__}: {model.name}, {model.count_params()} parameters, "
        f"iterations {iterations} (saved: {expected['iterations']}), largest difference {difference:.1e}"
    )
    if not difference <= 1e-5:
        sys.exit(1)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
