"""What the peers written in Python share: the job's arrays, and the protocol of bench/protocol.ts."""
import argparse
import json
import os
import sys
import time

import numpy


class Arrays:
    """The arrays that bench/arrays.ts wrote, and their description."""

    def __init__(self, folder):
        with open(os.path.join(folder, "job.json")) as file:
            self.description = json.load(file)
        self._bytes = numpy.fromfile(os.path.join(folder, "job.bin"), dtype=numpy.uint8)

    def array(self, name):
        entry = self.description["arrays"][name]
        size = int(numpy.prod(entry["shape"])) * numpy.dtype(entry["type"]).itemsize
        data = self._bytes[entry["offset"] : entry["offset"] + size]
        return data.view(entry["type"]).reshape(entry["shape"])


class Job(Arrays):
    """The arrays and numbers that bench/job.ts wrote."""

    def __init__(self, folder):
        super().__init__(folder)
        self.widths = self.description["widths"]
        self.batch_size = self.description["batchSize"]
        self.epochs = self.description["epochs"]
        self.patience = self.description["patience"]
        self.start_from_epoch = self.description["startFromEpoch"]

    def weights(self):
        """The initial weights in Keras' order."""
        return [self.array("weights/" + name) for name in self.description["weights"]]


def arguments(**options):
    """--job FOLDER, --core N (pins the process) and --threads N, and `options`, names and their help."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True)
    parser.add_argument("--core", type=int)
    parser.add_argument("--threads", type=int, default=1)
    for name, description in options.items():
        parser.add_argument("--" + name, action="store_true", help=description)
    parsed = parser.parse_args()
    if parsed.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {parsed.core})
    return parsed


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(version, **runs):
    """Answers requests until standard input ends: each names one of `runs`, which gets the rest of the request."""
    answers = sys.stdout
    # Whatever a library prints belongs elsewhere.
    sys.stdout = sys.stderr

    def say(message):
        print(json.dumps(message), file=answers, flush=True)

    say({"ready": True, "version": version})
    for line in sys.stdin:
        request = json.loads(line)
        say(runs[request.pop("run")](**request))


def serve_job(version, epochs, trial):
    """Serves bench/job.ts' job. `epochs(count)` and `trial()` do the work of one model."""
    serve(
        version,
        epochs=lambda count, models: {"models": [epochs(count)]},
        trial=lambda models: {"models": [trial()]},
        memory=lambda models: {"process": resident_bytes()},
    )


def serve_slices(version, networks, prepare):
    """Serves bench/suite's slices. `prepare(network)` gives a function for each mode that runs all images once, and
    their number."""
    prepared = {}

    def slice(network, mode, seconds):
        if network not in prepared:
            prepared[network] = prepare(networks[network])
        run, images = prepared[network][mode], prepared[network]["images"]
        run()
        begin, passes, elapsed = time.perf_counter(), 0, 0
        while elapsed < seconds:
            run()
            passes += 1
            elapsed = time.perf_counter() - begin
        return {"imagesPerSecond": passes * images / elapsed}

    serve(version, slice=slice)
