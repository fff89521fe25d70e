import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { type Model, type ModelOptions, sequential } from '../../lib/model/model.js';
import type { NativeState } from '../../lib/native/contract.js';
import { Random } from '../../lib/random.js';
import { onDevice } from '../parity/device.js';

/** Seeded images of strokes of one direction per class: learnable in a few steps, small enough for any test. */
export function strokes(count: number, seed = 0): Dataset {
  const random = new Random(seed, 'strokes');
  const size = 12;
  const classes = 4;
  const images = new Uint8Array(count * size * size);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % classes);
  const steps = [
    [0, 1],
    [1, 0],
    [1, 1],
    [1, -1],
  ] as const;
  for (let i = 0; i < count; i++) {
    const [dy, dx] = steps[labels[i]!]!;
    let y = 3 + random.below(3);
    let x = (dx < 0 ? 6 : 3) + random.below(3);
    for (let step = 0; step < 6; step++) {
      images[(i * size + y) * size + x] = 128 + random.below(128);
      y += dy;
      x += dx;
    }
    for (let noise = 0; noise < 8; noise++) images[i * size * size + random.below(size * size)]! |= 63;
  }
  return Dataset.from({ images, labels, height: size, width: size, name: `strokes ${seed}` });
}

/** Everything that a backend implements, in a network that takes microseconds. */
export function smallLayers(): LayerSpec[] {
  return [
    layers.rescaling({ scale: 1 / 255 }),
    layers.conv2d({ filters: 5, kernelSize: 3, padding: 'same', activation: 'relu' }),
    layers.maxPooling2d(),
    layers.batchNormalization(),
    layers.conv2d({ filters: 6, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2, strides: 2 }),
    layers.batchNormalization(),
    layers.flatten(),
    layers.dense({ units: 9, activation: 'relu' }),
    layers.batchNormalization(),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: 4, activation: 'softmax' }),
  ];
}

/** The model of {@link smallLayers}. */
export function smallModel(options: Omit<ModelOptions, 'inputShape'> = {}): Model {
  return sequential(smallLayers(), { inputShape: [12, 12, 1], ...onDevice, ...options });
}

/** The parts of a model's state by name, as bytes: equal only if every bit is. */
export function bits(model: Model): Record<string, string> {
  const { parameters, statistics, m, v, iterations } = model.snapshot() as NativeState;
  const hex = (array: Float32Array) =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
  return {
    parameters: hex(parameters),
    statistics: hex(statistics),
    m: hex(m),
    v: hex(v),
    iterations: String(iterations),
  };
}

/** Trains without a word, in a fixed order. */
export const quiet = { epochs: 2, batchSize: 16, shuffle: 'none', verbose: 0 } as const;
