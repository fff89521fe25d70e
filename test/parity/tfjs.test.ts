import { describe, expect, test } from '@jest/globals';
import { type LayerSpec, layers, type Padding, type Size2D } from '../../lib/architecture/layers.js';
import { Random } from '../../lib/random.js';
import { above, distance, largestError, norm, relativeError } from './compare.js';
import { tolerances, widened } from './device.js';
import { noise } from './draw.js';
import { dataOf, decidedImages, pair, pixels, type Setting } from './tfjs-pair.js';
import type { TrajectoryReport } from './tfjs-trajectory-worker.js';
import { runWorker } from './worker.js';

/*
 * Against TensorFlow.js in float32, so both sides round. The float64 reference only helps to choose images whose ReLUs
 * and pooling windows are not about to change their minds.
 */

/** Forward and backward in training mode, the moving statistics, and forward in inference mode after that. */
async function compare(specs: readonly LayerSpec[], setting: Setting): Promise<void> {
  const [model, peer] = await pair(specs, setting);
  const images = decidedImages(model, setting);
  const labels = Uint8Array.from({ length: setting.n }, (_, i) => i % model.classes);

  const expected = peer.gradients(images, labels);
  const { loss, gradients } = await model.gradients(images, labels);
  await model.trainOnBatch(images, labels);
  const names = model.getWeights().map(({ name }) => name);
  const moved = names.filter((name) => name.includes('/moving_'));
  const weightsOfPeer = peer.weights;
  const weights = dataOf(model);
  const largest = Math.max(...expected.gradients.map(norm));
  expect({
    loss: above(tolerances.loss, { all: relativeError([loss], [expected.loss]) }),
    gradients: above(
      tolerances.gradients,
      Object.fromEntries(
        gradients.map(({ name, data }, i) => {
          const other = expected.gradients[i]!;
          // Of a gradient that is zero in exact arithmetic each side has its own rounding.
          return [name, distance(data, other) / Math.max(norm(other), 0.1 * largest)];
        }),
      ),
    ),
    statistics: above(
      tolerances.statistics,
      Object.fromEntries(
        moved.map((name) => {
          const i = names.indexOf(name);
          return [name, largestError(weights[i]!, weightsOfPeer[i]!)];
        }),
      ),
    ),
  }).toEqual({ loss: {}, gradients: {}, statistics: {} });

  peer.weights = weights;
  expect(largestError(await model.predict(images), peer.predict(images))).toBeLessThan(tolerances.outputs);
}

const rescaling = layers.rescaling({ scale: 1 / 255, offset: -0.2 });
const head = [layers.flatten(), layers.dense({ units: 3, activation: 'softmax' })];
const small: Setting = { inputShape: [7, 6, 2], n: 3, seed: 1 };
const sizes = (...choices: Size2D[]) => choices;
const paddings: Padding[] = ['valid', 'same'];

describe('Conv2D', () => {
  const cases = sizes(1, 2, 3, 4, [3, 2], [1, 5]).flatMap((kernelSize) =>
    sizes(1, 2, [2, 3]).flatMap((strides) => paddings.map((padding) => ({ kernelSize, strides, padding }))),
  );
  test.each(cases)('kernel $kernelSize, strides $strides, $padding', (options) =>
    compare([rescaling, layers.conv2d({ ...options, filters: 5 }), ...head], small),
  );

  test('with ReLU, then a second one without bias', () =>
    compare(
      [
        rescaling,
        layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' }),
        layers.conv2d({ filters: 3, kernelSize: 2, useBias: false }),
        ...head,
      ],
      small,
    ));
});

describe('MaxPooling2D', () => {
  const cases = sizes(2, 3, [3, 2], [1, 4]).flatMap((poolSize) =>
    sizes(1, 2, 3, [1, 2]).flatMap((strides) => paddings.map((padding) => ({ poolSize, strides, padding }))),
  );
  test.each(cases)('pool $poolSize, strides $strides, $padding', (options) =>
    compare(
      [rescaling, layers.conv2d({ filters: 3, kernelSize: 2 }), layers.maxPooling2d(options), ...head],
      small,
    ),
  );

  test('that does not follow a convolution', () =>
    compare(
      [
        rescaling,
        layers.conv2d({ filters: 3, kernelSize: 2 }),
        layers.batchNormalization(),
        layers.maxPooling2d({ padding: 'same' }),
        ...head,
      ],
      small,
    ));
});

describe('BatchNormalization', () => {
  test.each([{}, { momentum: 0.7 }, { epsilon: 0.1 }])('of images, %j', (options) =>
    compare(
      [rescaling, layers.conv2d({ filters: 4, kernelSize: 2 }), layers.batchNormalization(options), ...head],
      small,
    ),
  );

  test.each([{}, { momentum: 0.7 }, { epsilon: 0.1 }])('of vectors, %j', (options) =>
    compare(
      [
        rescaling,
        layers.flatten(),
        layers.dense({ units: 6 }),
        layers.batchNormalization(options),
        layers.dense({ units: 3, activation: 'softmax' }),
      ],
      { ...small, n: 6 },
    ),
  );

  test('of the pixels themselves', () => compare([rescaling, layers.batchNormalization(), ...head], small));
});

describe('Dense, Activation and Rescaling', () => {
  test.each([{}, { useBias: false }, { activation: 'relu' as const }])('Dense, %j', (options) =>
    compare(
      [
        rescaling,
        layers.flatten(),
        layers.dense({ units: 9, ...options }),
        layers.dense({ units: 3, activation: 'softmax' }),
      ],
      small,
    ),
  );

  test('Activations of their own', () =>
    compare(
      [
        rescaling,
        layers.conv2d({ filters: 3, kernelSize: 3 }),
        layers.activation('relu'),
        layers.activation('linear'),
        layers.flatten(),
        layers.dense({ units: 4 }),
        layers.activation('softmax'),
      ],
      small,
    ));

  test('Rescaling between other layers', () =>
    compare(
      [
        rescaling,
        layers.conv2d({ filters: 3, kernelSize: 3 }),
        layers.rescaling({ scale: -0.5, offset: 0.3 }),
        ...head,
      ],
      small,
    ));
});

test('Dropout passes everything on in inference', async () => {
  const dropping = [
    rescaling,
    layers.dropout({ rate: 0.5 }),
    layers.flatten(),
    layers.dense({ units: 7, activation: 'relu' }),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ];
  const [model, peer] = await pair(dropping, small);
  const images = noise(pixels(small), new Random(small.seed));
  expect(largestError(await model.predict(images), peer.predict(images))).toBeLessThan(tolerances.outputs);
});

test('three steps of Adam with the notebook’s model', async () => {
  const { steps, compared } = await runWorker<TrajectoryReport>('tfjs-trajectory-worker');
  expect(steps).toHaveLength(3);
  expect(compared).toBeGreaterThan(0.99);
  for (const [step, { losses, movement }] of steps.entries()) {
    expect(relativeError([losses.ours], [losses.theirs])).toBeLessThan(widened(1e-4));
    expect({ step, ...above(widened(1e-3), movement) }).toEqual({ step });
  }
});
