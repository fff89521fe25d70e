"""Opens convsweep's files with the software that they are for, and runs them.

    python test/interop/open_models.py FOLDER...

Each FOLDER holds images.bin (uint8), images.json (their shape) and model.h5, model.keras, model.onnx and
model.safetensors. For each of them <name>.probabilities (float32) is written, and for model.keras also
model.keras.moments: Adam's first and second moment of each weight in turn. Prints one JSON object of what was found,
by folder and file.
"""

import json
import os
import pathlib
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import onnx
import onnxruntime
import safetensors


def write(path, array):
    np.ascontiguousarray(array, "<f4").tofile(path)


def open_keras(path, images):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = keras.models.load_model(path)
    if path.suffix == ".keras":
        write(f"{path}.moments", np.concatenate([v.numpy().ravel() for v in model.optimizer.variables[2:]]))
    facts = {
        "name": model.name,
        "parameters": model.count_params(),
        "iterations": int(model.optimizer.iterations.numpy()),
        "learningRate": float(model.optimizer.learning_rate.numpy()),
        "loss": getattr(model.loss, "__name__", model.loss),
        "warnings": [str(warning.message) for warning in caught],
    }
    return model.predict(images, verbose=0), facts


def open_onnx(path, images):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"image": images.astype("float32")})
    facts = {
        "opset": [(entry.domain, entry.version) for entry in model.opset_import],
        "irVersion": model.ir_version,
        "inputs": [(value.name, value.type, value.shape) for value in session.get_inputs()],
        "outputs": [(value.name, value.type, value.shape) for value in session.get_outputs()],
    }
    return probabilities, facts


def open_safetensors(path, images):
    with safetensors.safe_open(path, "np") as file:
        config = json.loads(file.metadata()["model_config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    model = keras.Sequential.from_config(config["config"])
    for layer in model.layers:
        layer.set_weights([tensors[f"{layer.name}/{weight.name}"] for weight in layer.weights])
    return model.predict(images, verbose=0), {name: tensor.shape for name, tensor in tensors.items()}


OPENERS = {
    "model.h5": open_keras,
    "model.keras": open_keras,
    "model.onnx": open_onnx,
    "model.safetensors": open_safetensors,
}


def main(folders):
    found = {}
    for folder in map(pathlib.Path, folders):
        shape = json.loads((folder / "images.json").read_text())
        images = np.fromfile(folder / "images.bin", np.uint8).reshape(shape)
        facts = found[str(folder)] = {}
        for name, opener in OPENERS.items():
            probabilities, facts[name] = opener(folder / name, images)
            write(folder / f"{name}.probabilities", probabilities)
    print(json.dumps(found))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
