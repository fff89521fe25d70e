"""Slices of bench/suite with PyTorch: fused Adam, images kept as uint8 in batches, numbers below 1.2e-38 as zero."""
import os

from job import Arrays, arguments, serve_slices

options = arguments(
    compile="compile training and inference (torch.compile, frozen weights in inference)",
    nchw="keep the default memory format",
)
os.environ["OMP_NUM_THREADS"] = str(options.threads)
job = Arrays(options.job)

import torch
from torch import nn

torch.set_num_threads(options.threads)
torch.set_flush_denormal(True)
if options.compile:
    import torch._inductor.config

    torch._inductor.config.freezing = True
memory_format = torch.contiguous_format if options.nchw else torch.channels_last
batch_size = job.description["batchSize"]
networks = {network["name"]: network for network in job.description["networks"]}


class Rescaling(nn.Module):
    def __init__(self, scale, offset):
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, pixels):
        return pixels.to(torch.float32, memory_format=memory_format) * self.scale + self.offset


class Flatten(nn.Module):
    """Keras' order, height x width x channels, which costs nothing where channels are last."""

    def forward(self, maps):
        return maps.permute(0, 2, 3, 1).flatten(1)


def padding(spec, window, size):
    """Of the padding "same": TensorFlow's, or where that has one more at the end as much on both sides, which takes the
    same arithmetic."""
    if spec["padding"] == "valid":
        return 0, 0
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, window, spec["strides"])]
    sides = [-(-t // 2) for t in total]
    for n, k, s, p in zip(size, window, spec["strides"], sides):
        if (n + 2 * p - k) // s + 1 != -(-n // s):
            raise ValueError("PyTorch has no symmetric padding with this result")
    return tuple(sides)


def activation_of(name):
    # The softmax is a part of the loss.
    return [nn.ReLU(inplace=True)] if name == "relu" else []


def module_of(network):
    weights = iter(torch.tensor(job.array(name)) for name in network["weights"])
    *size, channels = network["inputShape"]
    layers = []
    for spec in network["layers"]:
        kind = spec["type"]
        if kind == "Rescaling":
            layers.append(Rescaling(spec["scale"], spec["offset"]))
        elif kind == "Conv2D":
            pad = padding(spec, spec["kernelSize"], size)
            layer = nn.Conv2d(
                channels, spec["filters"], spec["kernelSize"], spec["strides"], pad, bias=spec["useBias"]
            )
            layer.weight.data.copy_(next(weights).permute(3, 2, 0, 1))
            if spec["useBias"]:
                layer.bias.data.copy_(next(weights))
            layers += [layer, *activation_of(spec["activation"])]
            channels = spec["filters"]
            size = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, pad, spec["kernelSize"], spec["strides"])]
        elif kind == "MaxPooling2D":
            pad = padding(spec, spec["poolSize"], size)
            layers.append(nn.MaxPool2d(spec["poolSize"], spec["strides"], pad))
            size = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, pad, spec["poolSize"], spec["strides"])]
        elif kind == "BatchNormalization":
            norm = nn.BatchNorm2d if size else nn.BatchNorm1d
            layer = norm(channels, eps=spec["epsilon"], momentum=1 - spec["momentum"])
            for target in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                target.data.copy_(next(weights))
            layers.append(layer)
        elif kind == "Flatten":
            layers.append(Flatten())
            for n in size:
                channels *= n
            size = []
        elif kind == "Dense":
            layer = nn.Linear(channels, spec["units"], bias=spec["useBias"])
            layer.weight.data.copy_(next(weights).T)
            if spec["useBias"]:
                layer.bias.data.copy_(next(weights))
            layers += [layer, *activation_of(spec["activation"])]
            channels = spec["units"]
        elif kind == "Dropout":
            layers.append(nn.Dropout(spec["rate"]))
        else:
            layers += activation_of(spec["activation"])
    return nn.Sequential(*layers).to(memory_format=memory_format)


cross_entropy = nn.CrossEntropyLoss()


def prepare(network):
    images = torch.tensor(job.array(network["images"])).permute(0, 3, 1, 2)
    labels = torch.tensor(job.array("labels").astype("int64")).split(batch_size)
    batches = [batch.contiguous(memory_format=memory_format) for batch in images.split(batch_size)]
    model = module_of(network)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
    trained = torch.compile(model, dynamic=False) if options.compile else model
    # Frozen weights stay as they are: another model than the one that trains.
    inferring = module_of(network).eval()
    inferred = torch.compile(inferring, dynamic=False) if options.compile else inferring

    def training():
        model.train()
        total = torch.zeros(())
        for batch, classes in zip(batches, labels):
            optimizer.zero_grad(set_to_none=True)
            logits = trained(batch)
            loss = cross_entropy(logits, classes)
            loss.backward()
            optimizer.step()
            total += loss.detach() + (logits.argmax(1) == classes).sum()
        return total.item()

    # Inference mode would keep the weights from being frozen.
    @torch.no_grad()
    def inference():
        total = torch.zeros(())
        for batch, classes in zip(batches, labels):
            logits = inferred(batch)
            total += cross_entropy(logits, classes) + (logits.argmax(1) == classes).sum()
        return total.item()

    return {"training": training, "inference": inference, "images": len(images)}


serve_slices(f"PyTorch {torch.__version__}", networks, prepare)
