import { beforeAll, describe, expect, test } from '@jest/globals';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import type { NamedWeight } from '../../lib/architecture/weights.js';
import { type Model, sequential } from '../../lib/model/model.js';
import { ReferenceNetwork } from '../reference/network.js';
import { above, distance, norm } from './compare.js';
import { onDevice, tolerances, widened } from './device.js';
import { drawDecided, drawWeights, noise } from './draw.js';

const inputShape: [number, number, number] = [9, 8, 2];
const labels = Uint8Array.of(0, 1, 2, 2, 1, 0, 2, 1);
const n = labels.length;
const seed = 3;

/** Every layer that has weights or comes between them. */
const network = (activation: 'relu' | 'linear', between: LayerSpec[]): LayerSpec[] => [
  layers.rescaling({ scale: 1 / 255, offset: -0.1 }),
  layers.conv2d({ filters: 3, kernelSize: 3, activation }),
  ...between,
  layers.batchNormalization(),
  layers.conv2d({ filters: 4, kernelSize: [2, 3], strides: 2, padding: 'same', activation }),
  layers.flatten(),
  layers.dense({ units: 5, activation }),
  layers.batchNormalization(),
  layers.dense({ units: 3, activation: 'softmax' }),
];

function setUp(specs: LayerSpec[]): { model: Model; reference: ReferenceNetwork; images: Uint8Array } {
  const model = sequential(specs, { inputShape, seed, ...onDevice });
  model.setWeights(drawWeights(model.getWeights(), seed));
  const reference = new ReferenceNetwork(specs, inputShape);
  reference.setWeights(model.getWeights().map(({ data }) => data));
  const size = n * inputShape.reduce((a, b) => a * b, 1);
  return { model, reference, images: drawDecided(reference, n, seed, (random) => noise(size, random)) };
}

describe('the reference loss, weight by weight', () => {
  const { model, reference, images } = setUp(network('relu', [layers.maxPooling2d()]));
  const loss = () => reference.gradients(images, labels).loss;
  const step = 1e-6;
  let differences: Float64Array[];

  beforeAll(() => {
    differences = reference.trainable.map(({ values }) =>
      values.map((value, i) => {
        values[i] = value + step;
        const up = loss();
        values[i] = value - step;
        const down = loss();
        values[i] = value;
        return (up - down) / (2 * step);
      }),
    );
  });

  const errors = (gradients: ArrayLike<number>[], names: string[]) => {
    // A gradient that is zero in exact arithmetic is measured against the others.
    const floor = 0.01 * norm(differences.map(norm));
    return Object.fromEntries(
      names.map((name, i) => [
        name,
        distance(gradients[i]!, differences[i]!) / Math.max(norm(differences[i]!), floor),
      ]),
    );
  };

  test('confirms the reference gradients', () => {
    reference.gradients(images, labels);
    const names = reference.trainable.map(({ variable }, i) => `${i} ${variable}`);
    const gradients = reference.trainable.map(({ gradient }) => gradient);
    expect(above(1e-7, errors(gradients, names))).toEqual({});
  });

  test('confirms the gradients of the device', async () => {
    const { gradients } = await model.gradients(images, labels);
    const names = gradients.map(({ name }) => name);
    const values = gradients.map(({ data }) => data);
    expect(above(tolerances.gradients, errors(values, names))).toEqual({});
  });
});

describe('the loss of the device, along the gradient of each weight tensor', () => {
  // Without ReLU and pooling the loss has no kinks, and float32 leaves room for steps that show in it.
  const { model, images } = setUp(network('linear', []));
  const step = 0.02;

  test('confirms the length of that gradient', async () => {
    const start = model.getWeights();
    const { gradients } = await model.gradients(images, labels);
    const whole = norm(gradients.map(({ data }) => norm(data)));
    const errors: Record<string, number> = {};
    for (const { name, data: gradient } of gradients) {
      const length = norm(gradient);
      const lossAt = async (distance: number) => {
        const moved = start.map((weight): NamedWeight => {
          if (weight.name !== name) return weight;
          const data = weight.data.map((value, i) => value + (distance * gradient[i]!) / length);
          return { ...weight, data };
        });
        model.setWeights(moved);
        return (await model.gradients(images, labels)).loss;
      };
      // Central differences of fourth order.
      const near = (await lossAt(step)) - (await lossAt(-step));
      const far = (await lossAt(2 * step)) - (await lossAt(-2 * step));
      const slope = (8 * near - far) / (12 * step);
      errors[name] = Math.abs(slope - length) / Math.max(length, 0.01 * whole);
    }
    expect(above(widened(5e-4), errors)).toEqual({});
  });
});
