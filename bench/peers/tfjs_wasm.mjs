// TensorFlow.js with its wasm backend; a worker of bench/protocol.ts.
//
// Limits: the wasm backend cannot train a convolution, since it has no Conv2DBackpropFilter; the kernel below, which is
// not part of it, adds that by means of its forward convolution. In Node the backend runs on one thread. A step takes
// so long that only some are timed and the epoch is extrapolated; whole trials are not run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';

const TIMED_STEPS = 4;
const TIMED_BATCHES = 8;

tf.registerKernel({
  kernelName: 'Conv2DBackpropFilter',
  backendName: 'wasm',
  kernelFunc: ({ inputs: { x, dy }, attrs: { strides, pad } }) => {
    if (pad !== 'valid' || [strides].flat().some((stride) => stride !== 1)) {
      throw new Error('only stride 1 and valid padding');
    }
    return tf.tidy(() => {
      const images = tf.transpose(tf.engine().makeTensorFromTensorInfo(x), [3, 1, 2, 0]);
      const filters = tf.transpose(tf.engine().makeTensorFromTensorInfo(dy), [1, 2, 0, 3]);
      return tf.transpose(tf.conv2d(images, filters, 1, 'valid'), [1, 2, 0, 3]);
    });
  },
});

const folder = process.argv[2];
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'));
const bytes = readFileSync(join(folder, 'job.bin'));
const types = { uint8: Uint8Array, uint32: Uint32Array, float32: Float32Array };

function array(name) {
  const { type, shape, offset } = job.arrays[name];
  const length = shape.reduce((a, b) => a * b, 1);
  return new types[type](bytes.buffer, bytes.byteOffset + offset, length);
}

function build() {
  const convolution = (first) => [
    layers.conv2d({ filters: 28, kernelSize: 3, activation: 'relu', ...first }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.batchNormalization(),
  ];
  const model = sequential({
    layers: [
      layers.rescaling({ scale: 1 / 255, inputShape: [28, 28, 1] }),
      ...convolution(),
      ...convolution(),
      layers.flatten(),
      ...job.widths.flatMap((units) => [
        layers.dense({ units, activation: 'relu' }),
        layers.batchNormalization(),
      ]),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  return model;
}

/** The epoch's batch `index` in the common order. */
function trainingBatch(index) {
  const sizes = array('batchSizes');
  const begin = sizes.subarray(0, index).reduce((a, b) => a + b, 0);
  const positions = array('order').subarray(begin, begin + sizes[index]);
  const images = array('train/images');
  const labels = array('train/labels');
  const pixels = new Float32Array(positions.length * 784);
  positions.forEach((position, i) => {
    pixels.set(images.subarray(position * 784, (position + 1) * 784), i * 784);
  });
  const classes = Float32Array.from(positions, (position) => labels[position]);
  return [tf.tensor4d(pixels, [positions.length, 28, 28, 1]), tf.tensor1d(classes)];
}

async function epoch() {
  const model = build();
  let begin = performance.now();
  let trained = 0;
  for (let step = -1; step < TIMED_STEPS; step++) {
    if (step === 0) begin = performance.now();
    const [images, labels] = trainingBatch(step + 1);
    await model.trainOnBatch(images, labels);
    if (step >= 0) trained += labels.size;
    tf.dispose([images, labels]);
  }
  const train = (performance.now() - begin) / 1e3;

  const count = TIMED_BATCHES * job.batchSize;
  const pixels = Float32Array.from(array('validation/images').subarray(0, count * 784));
  const images = tf.tensor4d(pixels, [count, 28, 28, 1]);
  const predict = async () => {
    const output = model.predict(images, { batchSize: job.batchSize });
    await output.data();
    output.dispose();
  };
  await predict();
  begin = performance.now();
  await predict();
  const validation = (performance.now() - begin) / 1e3;
  tf.dispose(images);
  model.dispose();
  return {
    train: [(train * job.arrays['train/labels'].shape[0]) / trained],
    validation: [(validation * job.arrays['validation/labels'].shape[0]) / count],
  };
}

await tf.setBackend('wasm');
await tf.ready();
console.log(JSON.stringify({ ready: true, version: `TensorFlow.js ${tf.version_core} (wasm)` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { run } = JSON.parse(line);
  if (run === 'epochs') console.log(JSON.stringify({ models: [await epoch()] }));
  else if (run === 'memory') console.log(JSON.stringify({ process: process.memoryUsage().rss }));
  else throw new Error(`${run} is not run with TensorFlow.js`);
}
