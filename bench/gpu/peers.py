"""The notebook's model on a GPU with PyTorch and JAX, epoch by epoch.

Arguments: the folder with images, labels and rows; then the settings to measure, by default all of SETTINGS. Both keep the images on the card as bytes and gather each batch there. Prints a JSON object per setting: seconds of the
first epoch, with all compilation, and the median of three later ones.
"""
import json
import math
import statistics
import sys
import time

SETTINGS = {"PyTorch": ("torch", "torch-compile", "torch-graph"), "JAX": ("jax", "jax-vmap")}
BATCH = 128
WIDTHS = (80, 80, 80)
MODELS = 27

folder = sys.argv[1]
wanted = sys.argv[2:] or sum(SETTINGS.values(), ())


def say(**result):
    print(json.dumps(result), flush=True)


try:
    import numpy
except ImportError as error:
    say(peer="Python", missing=str(error))
    sys.exit()

images = numpy.fromfile(folder + "/images.bin", numpy.uint8).reshape(-1, 28, 28)
labels = numpy.fromfile(folder + "/labels.bin", numpy.uint8)
rows = numpy.fromfile(folder + "/rows.bin", numpy.uint32).astype(numpy.int64)
whole = len(rows) // BATCH * BATCH


def measure(setting, peer, make_epoch, models=1):
    if setting not in wanted:
        return
    try:
        epoch = make_epoch()
        times = []
        for _ in range(4):
            begin = time.perf_counter()
            epoch()
            times.append(time.perf_counter() - begin)
        say(peer=peer, models=models, cold=times[0], warm=statistics.median(times[1:]))
    except Exception as error:  # a peer that fails is listed with its reason
        say(peer=peer, missing=f"{type(error).__name__}: {error}".splitlines()[0])


def torch_peers():
    import torch
    from torch import nn

    if not torch.cuda.is_available():
        return say(peer="PyTorch", missing="it sees no GPU")
    device = "cuda"
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    pixels = torch.tensor(images, device=device)
    classes = torch.tensor(labels.astype("int64"), device=device)
    order = torch.tensor(rows, device=device)

    def build():
        norm = {"eps": 1e-3, "momentum": 0.01}
        layers = []
        for inputs in (1, 28):
            layers += [nn.Conv2d(inputs, 28, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(28, **norm)]
        layers += [nn.Flatten()]
        for inputs, units in zip((700,) + WIDTHS, WIDTHS):
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.BatchNorm1d(units, **norm)]
        layers += [nn.Linear(WIDTHS[-1], 10)]
        return nn.Sequential(*layers).to(device)

    def stepper(capturable):
        model = build()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True, capturable=capturable)
        loss_of = nn.CrossEntropyLoss()

        def step(batch):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model((pixels[batch].float() / 255).unsqueeze(1)), classes[batch])
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    def epoch_of(step):
        def epoch():
            for first in range(0, len(rows), BATCH):
                step(order[first : first + BATCH])
            torch.cuda.synchronize()

        return epoch

    def compiled():
        return torch.compile(stepper(True), mode="reduce-overhead")

    measure("torch", "PyTorch, eager", lambda: epoch_of(stepper(False)))
    measure("torch-compile", "PyTorch, compiled", lambda: epoch_of(compiled()))

    def graph_epoch():
        step = stepper(True)
        batch = order[:BATCH].clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(batch)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(batch)

        def epoch():
            for first in range(0, whole, BATCH):
                batch.copy_(order[first : first + BATCH])
                graph.replay()
            torch.cuda.synchronize()

        return epoch

    state = {}

    def lazily():
        # The capture counts as part of the first epoch.
        state.setdefault("epoch", None)
        state["epoch"] = state["epoch"] or graph_epoch()
        state["epoch"]()

    measure("torch-graph", "PyTorch, CUDA graph (whole batches only)", lambda: lazily)


def jax_peers():
    import jax
    import jax.numpy as jnp

    if jax.default_backend() != "gpu":
        return say(peer="JAX", missing="it sees no GPU")
    pixels = jnp.asarray(images)
    classes = jnp.asarray(labels.astype("int32"))
    batches = jnp.asarray(rows[:whole].reshape(-1, BATCH))

    def initial(key):
        def kernel(key, shape, fan_in, fan_out):
            limit = math.sqrt(6 / (fan_in + fan_out))
            return jax.random.uniform(key, shape, minval=-limit, maxval=limit)

        keys = iter(jax.random.split(key, 8))
        parameters, statistics_ = [], []
        for inputs in (1, 28):
            parameters.append((kernel(next(keys), (3, 3, inputs, 28), 9 * inputs, 252), jnp.zeros(28)))
            parameters.append((jnp.ones(28), jnp.zeros(28)))
            statistics_.append((jnp.zeros(28), jnp.ones(28)))
        for inputs, units in zip((700,) + WIDTHS, WIDTHS):
            parameters.append((kernel(next(keys), (inputs, units), inputs, units), jnp.zeros(units)))
            parameters.append((jnp.ones(units), jnp.zeros(units)))
            statistics_.append((jnp.zeros(units), jnp.ones(units)))
        parameters.append((kernel(next(keys), (WIDTHS[-1], 10), WIDTHS[-1], 10), jnp.zeros(10)))
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return parameters, zeros, zeros, statistics_, jnp.zeros((), jnp.int32)

    def normalise(x, scale, moving, axes):
        mean, variance = x.mean(axes), x.var(axes)
        y = (x - mean) * jax.lax.rsqrt(variance + 1e-3) * scale[0] + scale[1]
        return y, tuple(0.99 * old + 0.01 * new for old, new in zip(moving, (mean, variance)))

    def loss_of(parameters, statistics_, x, y):
        layers, moved = iter(parameters), []
        moving = iter(statistics_)
        for _ in range(2):
            kernel, bias = next(layers)
            x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.lax.reduce_window(jax.nn.relu(x + bias), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            x, new = normalise(x, next(layers), next(moving), (0, 1, 2))
            moved.append(new)
        x = x.reshape(x.shape[0], -1)
        for _ in range(3):
            kernel, bias = next(layers)
            x, new = normalise(jax.nn.relu(x @ kernel + bias), next(layers), next(moving), 0)
            moved.append(new)
        kernel, bias = next(layers)
        logits = x @ kernel + bias
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), moved

    def step(state, batch):
        parameters, m, v, statistics_, t = state
        x = pixels[batch][..., None].astype(jnp.float32) / 255
        (loss, moved), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            parameters, statistics_, x, classes[batch]
        )
        t = t + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradients)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradients)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        parameters = jax.tree.map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + 1e-7), parameters, m, v)
        return (parameters, m, v, moved, t), loss

    def train(state):
        return jax.lax.scan(step, state, batches)

    def epoch_of(compiled, state):
        holder = {"state": state}

        def epoch():
            holder["state"], losses = compiled(holder["state"])
            losses.block_until_ready()

        return epoch

    def one():
        return epoch_of(jax.jit(train), initial(jax.random.key(0)))

    def many():
        states = jax.vmap(initial)(jax.random.split(jax.random.key(0), MODELS))
        return epoch_of(jax.jit(jax.vmap(train)), states)

    measure("jax", "JAX, scan (whole batches only)", one)
    measure("jax-vmap", "JAX, scan of vmap (whole batches only)", many, MODELS)


for name, peers in (("PyTorch", torch_peers), ("JAX", jax_peers)):
    if not set(SETTINGS[name]) & set(wanted):
        continue
    try:
        peers()
    except Exception as error:  # not installed, or broken: the other is measured all the same
        say(peer=name, missing=f"{type(error).__name__}: {error}".splitlines()[0])
