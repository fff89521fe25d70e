import { describe, expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { type Model, sequential } from '../../lib/model/model.js';
import { deviceName } from './device.js';

/** A map that is the image, pooled: what its weight gets as gradient says which pixel won. */
function pooled(side: number, poolSize: number, strides: number, padding: 'valid' | 'same'): Model {
  const model = sequential(
    [
      layers.conv2d({ filters: 1, kernelSize: 1, useBias: false }),
      layers.maxPooling2d({ poolSize, strides, padding }),
      layers.flatten(),
      layers.dense({ units: 2, activation: 'softmax', useBias: false }),
    ],
    { inputShape: [side, side, 1], device: deviceName, precision: 'fp32' },
  );
  const [kernel, dense] = model.getWeights();
  kernel!.data.fill(1);
  dense!.data.forEach((_, i, data) => {
    data[i] = i % 2 === 0 ? 0.01 : -0.01;
  });
  model.setWeights([kernel!, dense!]);
  return model;
}

/** The gradient of the loss in the kernel's one weight, from the definition. */
function expected(outputs: number, largest: number): number {
  const logit = outputs * largest * 0.01;
  const probability = 1 / (1 + Math.exp(-2 * logit));
  return (probability - 1) * outputs * largest * 0.02;
}

describe('a pooling window', () => {
  test('of as many positions as there may be leads the gradient to its last one', async () => {
    using model = pooled(256, 256, 256, 'valid');
    const image = new Uint8Array(256 * 256);
    image[image.length - 1] = 7;
    const { gradients } = await model.gradients(image, [0]);
    expect(gradients[0]!.data[0]).toBeCloseTo(expected(1, 7), 5);
  });

  test('far larger than its image is the largest of the image, everywhere', async () => {
    using model = pooled(5, 255, 1, 'same');
    const image = Uint8Array.from({ length: 25 }, (_, i) => (i === 17 ? 9 : i % 4));
    const { gradients } = await model.gradients(image, [0]);
    expect(gradients[0]!.data[0]).toBeCloseTo(expected(25, 9), 4);
  });
});
