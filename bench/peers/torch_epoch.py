"""PyTorch, CPU.

Fastest setting found: eager training, compiled inference, channels_last, fused Adam, images kept as uint8 and indexed
per batch, oneDNN on (the default), and with two cores to fill two processes of one thread, each pinned to a core.
Slower: one process of two threads, NCHW, and compiled training, of which only some batches are timed and the epoch is
extrapolated. A whole trial is fastest without the compiler, which needs longer for a new model than the trial's
validations take.
"""
import copy
import os
import tempfile
import time

from job import Job, arguments, serve_job

options = arguments(
    **{
        "compile": "compile training and inference",
        "compile-inference": "compile inference",
        "nchw": "keep the default memory format",
    }
)
os.environ["OMP_NUM_THREADS"] = str(options.threads)
job = Job(options.job)

import torch
from torch import nn

torch.set_num_threads(options.threads)
SAMPLED_BATCHES = 6 if options.compile else None
memory_format = torch.contiguous_format if options.nchw else torch.channels_last


class Rescaling(nn.Module):
    def forward(self, pixels):
        return pixels.to(torch.float32, memory_format=memory_format) / 255


def build():
    norm = {"eps": 1e-3, "momentum": 0.01}
    layers = [Rescaling()]
    for inputs in (1, 28):
        layers += [nn.Conv2d(inputs, 28, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(28, **norm)]
    layers += [nn.Flatten()]
    for inputs, units in zip([700] + job.widths, job.widths):
        layers += [nn.Linear(inputs, units), nn.ReLU(), nn.BatchNorm1d(units, **norm)]
    layers += [nn.Linear(job.widths[-1], 10)]
    model = nn.Sequential(*layers)
    load_weights(model)
    return model.to(memory_format=memory_format)


@torch.no_grad()
def load_weights(model):
    """Keras' layouts: kernels HWIO and [in, out]; the flattened image is height x width x channels."""
    weights = iter(job.weights())
    flattened = True
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(torch.tensor(next(weights)).permute(3, 2, 0, 1))
            layer.bias.copy_(torch.tensor(next(weights)))
        elif isinstance(layer, nn.Linear):
            kernel = torch.tensor(next(weights))
            if flattened:
                kernel = kernel.reshape(5, 5, 28, -1).permute(2, 0, 1, 3).reshape(kernel.shape)
                flattened = False
            layer.weight.copy_(kernel.T)
            layer.bias.copy_(torch.tensor(next(weights)))
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for target in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                target.copy_(torch.tensor(next(weights)))


def tensors(side):
    images = torch.tensor(job.array(side + "/images")).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    return images, torch.tensor(job.array(side + "/labels").astype("int64"))


train_images, train_labels = tensors("train")
validation_images, validation_labels = tensors("validation")
orders = torch.tensor(job.array("order").astype("int64"))
batch_sizes = job.array("batchSizes").tolist()
cross_entropy = nn.CrossEntropyLoss()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)


def make_step(model, optimizer):

    def step(images, labels):
        optimizer.zero_grad(set_to_none=True)
        logits = model(images)
        loss = cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        return loss.detach(), (logits.argmax(1) == labels).sum()

    return step


def sampled(batches):
    """All batches, or where an epoch would take too long some of full size."""
    if SAMPLED_BATCHES is None:
        return batches
    return [rows for rows in batches if len(rows) == job.batch_size][:SAMPLED_BATCHES]


def run(batches, compute):
    """Mean loss and accuracy over the batches of rows, and the seconds that all images take at this speed."""
    total, correct, images = torch.zeros(()), torch.zeros((), dtype=torch.int64), 0
    begin = time.perf_counter()
    for rows in sampled(batches):
        loss, hits = compute(rows)
        total += loss * len(rows)
        correct += hits
        images += len(rows)
    loss, accuracy = total.item() / images, correct.item() / images
    seconds = (time.perf_counter() - begin) * sum(len(rows) for rows in batches) / images
    return loss, accuracy, seconds


def train_epoch(model, step, epoch):
    model.train()
    batches = orders[epoch].split(batch_sizes[epoch])
    return run(batches, lambda rows: step(train_images[rows], train_labels[rows]))


@torch.inference_mode()
def validate(model):
    model.eval()

    def compute(rows):
        logits, labels = model(validation_images[rows]), validation_labels[rows]
        return cross_entropy(logits, labels), (logits.argmax(1) == labels).sum()

    return run(torch.arange(len(validation_labels)).split(job.batch_size), compute)


# One model for all epochs timed: a compiled one would be compiled anew.
timed = build()
compiled = torch.compile(timed, dynamic=False)


def epochs(count):
    load_weights(timed)
    trained_model = compiled if options.compile else timed
    validated_model = compiled if options.compile or options.compile_inference else timed
    step = make_step(trained_model, make_optimizer(timed))
    times = {"train": [], "validation": []}
    for epoch in range(count):
        loss, _, trained = train_epoch(trained_model, step, epoch)
        val_loss, _, validated = validate(validated_model)
        times["train"].append(trained)
        times["validation"].append(validated)
        if epoch == 0 and not options.compile:
            times.update(loss=loss, valLoss=val_loss)
    return times


def trial():
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        path = os.path.join(folder, "model.pt")
        model = build()
        optimizer = make_optimizer(model)
        step = make_step(model, optimizer)
        best, waited, done = float("inf"), 0, 0
        while done < job.epochs and waited < job.patience:
            train_epoch(model, step, done)
            val_loss, _, _ = validate(model)
            done += 1
            if done <= job.start_from_epoch:
                continue
            if val_loss < best:
                best, waited = val_loss, 0
                state = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
            else:
                waited += 1
        torch.save(state, path)
        model.load_state_dict(torch.load(path)["model"])
        _, accuracy, _ = validate(model)
        return {"seconds": time.perf_counter() - begin, "epochs": done, "accuracy": accuracy}


epochs(1)
serve_job(f"PyTorch {torch.__version__}", epochs, trial)
