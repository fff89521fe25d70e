import { expect, test } from '@jest/globals';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { resolveLayers, toNativeLayers } from '../../lib/architecture/resolve-layers.js';
import { Random } from '../../lib/random.js';
import { ReferenceNetwork } from '../reference/network.js';
import { relativeError } from './compare.js';
import { tolerances } from './device.js';
import { Slice } from './slice.js';

/*
 * Where several values of a pooling window are the largest, the first in row-major order gets the gradient; where the
 * input of a ReLU is exactly zero, none passes. Activations and weights are small integers here, so that ties are
 * frequent and exact in every arithmetic, and the gradient of the activations shows where each gradient went.
 */
const inputShape = [6, 5, 3];
const n = 4;

const convolution = (activation: 'relu' | 'linear') =>
  layers.conv2d({ filters: 4, kernelSize: 2, padding: 'same', activation });

const cases: Record<string, LayerSpec[]> = {
  'pool 2': [layers.maxPooling2d()],
  'pool 2, same': [layers.maxPooling2d({ padding: 'same' })],
  'overlapping pool 3 x 2': [layers.maxPooling2d({ poolSize: [3, 2], strides: 1 })],
  'overlapping pool 3, same': [layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })],
  relu: [layers.activation('relu')],
  'convolution with ReLU': [convolution('relu')],
  'convolution and pool 2': [convolution('linear'), layers.maxPooling2d()],
  'convolution with ReLU and overlapping pool 3': [
    convolution('relu'),
    layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
  ],
  'dense with ReLU': [layers.flatten(), layers.dense({ units: 9, activation: 'relu' })],
};

test.each(Object.entries(cases))('%s', async (_name, specs) => {
  const random = new Random(7, 'ties');
  const architecture = resolveLayers(specs, inputShape);
  const integers = (length: number) => Float32Array.from({ length }, () => random.below(4) - 1);
  const weights = architecture.weights.map(({ size }) => integers(size));
  const x = integers(n * inputShape.reduce((a, b) => a * b, 1));
  const reference = new ReferenceNetwork(specs, inputShape);
  reference.setWeights(weights);
  const outputs = reference.forward(x, n, true);
  const y = outputs.at(-1)!;
  const gradient = y.map(() => random.uniform() - 0.5);
  const expected = reference.backward(x, outputs, gradient, n)[0]!;

  const slice = new Slice(toNativeLayers(architecture), weights);
  expect(relativeError(await slice.forward(x, n), y)).toBe(0);
  const actual = await slice.backward(x, y, gradient, n);
  expect(relativeError(actual.input, expected)).toBeLessThan(tolerances.layerBackward);
  for (const [i, weight] of reference.trainable.entries()) {
    expect(relativeError(actual.weights[i]!, weight.gradient)).toBeLessThan(tolerances.layerBackward);
  }
});
