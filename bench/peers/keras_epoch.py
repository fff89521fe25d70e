"""Keras on TensorFlow, CPU.

Fastest setting found: the epochs' batches in one cached tf.data pipeline, jit_compile off, oneDNN on (TensorFlow's
default), and with two cores to fill two processes of one thread, each pinned to a core; steps_per_execution 11 (55 steps
an epoch) gains little or nothing. Slower: one process of two threads, jit_compile on (XLA).
"""
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from job import Job, arguments, serve_job

options = arguments(**{"xla": "compile the model with XLA", "fewer-calls": "11 steps per call (steps_per_execution)"})
job = Job(options.job)

import tensorflow
import keras

tensorflow.config.threading.set_intra_op_parallelism_threads(options.threads)
tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def build():
    def convolution():
        return [
            keras.layers.Conv2D(28, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.BatchNormalization(),
        ]

    def dense(units):
        return [keras.layers.Dense(units, activation="relu"), keras.layers.BatchNormalization()]

    model = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            *convolution(),
            *convolution(),
            keras.layers.Flatten(),
            *(layer for units in job.widths for layer in dense(units)),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=options.xla,
        steps_per_execution=11 if options.fewer_calls else 1,
    )
    model.optimizer.build(model.trainable_variables)
    model.set_weights(job.weights())
    return model


def training_data():
    """All epochs one after the other, each in its own order of batches; a smaller batch may come anywhere."""
    images, labels = job.array("train/images"), job.array("train/labels").astype("int64")
    data = None
    for order, sizes in zip(job.array("order"), job.array("batchSizes")):
        bounds = sizes.cumsum()
        small = int(sizes.argmin())
        for begin, end in ((0, small), (small, small + 1), (small + 1, len(sizes))):
            if begin == end:
                continue
            rows = order[bounds[begin] - sizes[begin] : bounds[end - 1]]
            part = tensorflow.data.Dataset.from_tensor_slices((images[rows], labels[rows])).batch(int(sizes[begin]))
            data = part if data is None else data.concatenate(part)
    return cached(data)


def cached(data):
    data = data.cache()
    for _ in data:
        pass
    return data.prefetch(2)


train = training_data()
steps = job.array("batchSizes").shape[1]
validation_labels = job.array("validation/labels").astype("int64")
validation = cached(
    tensorflow.data.Dataset.from_tensor_slices((job.array("validation/images"), validation_labels)).batch(job.batch_size)
)


class Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.train, self.validation = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.trained = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.train.append(self.trained - self.begin)
        self.validation.append(time.perf_counter() - self.trained)


class CheckpointFrom(keras.callbacks.ModelCheckpoint):
    """ModelCheckpoint with EarlyStopping's start_from_epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= job.start_from_epoch:
            super().on_epoch_end(epoch, logs)


timed_model = build()
initial = [(variable, variable.numpy()) for variable in timed_model.weights + timed_model.optimizer.variables]


def epochs(count):
    for variable, value in initial:
        variable.assign(value)
    clock = Clock()
    history = timed_model.fit(
        train, steps_per_epoch=steps, epochs=count, validation_data=validation, callbacks=[clock], verbose=0
    ).history
    return {
        "train": clock.train,
        "validation": clock.validation,
        "loss": history["loss"][0],
        "valLoss": history["val_loss"][0],
    }


def trial():
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        path = os.path.join(folder, "model.h5")
        model = build()
        start = job.start_from_epoch
        history = model.fit(
            train,
            steps_per_epoch=steps,
            epochs=job.epochs,
            validation_data=validation,
            callbacks=[
                keras.callbacks.EarlyStopping(patience=job.patience, start_from_epoch=start),
                CheckpointFrom(path, monitor="val_loss", save_best_only=True),
            ],
            verbose=0,
        ).history
        best = keras.models.load_model(path)
        predicted = best.predict(validation, verbose=0).argmax(axis=1)
        seconds = time.perf_counter() - begin
    accuracy = float((predicted == validation_labels).mean())
    return {"seconds": seconds, "epochs": len(history["loss"]), "accuracy": accuracy}


epochs(1)
serve_job(f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}", epochs, trial)
