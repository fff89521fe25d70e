"""Slices of bench/suite with Keras on TensorFlow.

Faster than fit and evaluate: Keras' own train and test functions, all steps of a pass over the images in one call
(steps_per_execution), batches in a cached tf.data pipeline.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from job import Arrays, arguments, serve_slices

options = arguments(xla="compile the model with XLA")
job = Arrays(options.job)

import keras
import tensorflow

tensorflow.config.threading.set_intra_op_parallelism_threads(options.threads)
tensorflow.config.threading.set_inter_op_parallelism_threads(1)

batch_size = job.description["batchSize"]
networks = {network["name"]: network for network in job.description["networks"]}


def layer_of(spec):
    kind = spec["type"]
    if kind == "Rescaling":
        return keras.layers.Rescaling(spec["scale"], spec["offset"])
    if kind == "Conv2D":
        return keras.layers.Conv2D(
            spec["filters"],
            spec["kernelSize"],
            strides=spec["strides"],
            padding=spec["padding"],
            activation=spec["activation"],
            use_bias=spec["useBias"],
        )
    if kind == "MaxPooling2D":
        return keras.layers.MaxPooling2D(spec["poolSize"], strides=spec["strides"], padding=spec["padding"])
    if kind == "BatchNormalization":
        return keras.layers.BatchNormalization(momentum=spec["momentum"], epsilon=spec["epsilon"])
    if kind == "Flatten":
        return keras.layers.Flatten()
    if kind == "Dense":
        return keras.layers.Dense(spec["units"], activation=spec["activation"], use_bias=spec["useBias"])
    if kind == "Dropout":
        return keras.layers.Dropout(spec["rate"])
    return keras.layers.Activation(spec["activation"])


def prepare(network):
    images, labels = job.array(network["images"]), job.array("labels").astype("int64")
    steps = len(images) // batch_size
    model = keras.Sequential(
        [keras.layers.Input(network["inputShape"], dtype="uint8"), *map(layer_of, network["layers"])]
    )
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=options.xla,
        steps_per_execution=steps,
    )
    model.optimizer.build(model.trainable_variables)
    model.set_weights([job.array(name) for name in network["weights"]])
    data = tensorflow.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size).cache()
    batches = iter(data.repeat().prefetch(2))
    model.make_train_function()
    model.make_test_function()
    return {
        "training": lambda: float(model.train_function(batches)["loss"]),
        "inference": lambda: float(model.test_function(batches)["loss"]),
        "images": len(images),
    }


serve_slices(f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}", networks, prepare)
