import { describe, expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';

describe('layers', () => {
  test('fill in the defaults of Keras', () => {
    expect(layers.rescaling({ scale: 1 / 255 })).toEqual({ type: 'Rescaling', scale: 1 / 255, offset: 0 });
    expect(layers.conv2d({ filters: 28, kernelSize: 3 })).toEqual({
      type: 'Conv2D',
      filters: 28,
      kernelSize: [3, 3],
      strides: [1, 1],
      padding: 'valid',
      activation: 'linear',
      useBias: true,
    });
    expect(layers.maxPooling2d()).toEqual({
      type: 'MaxPooling2D',
      poolSize: [2, 2],
      strides: [2, 2],
      padding: 'valid',
    });
    expect(layers.batchNormalization()).toEqual({
      type: 'BatchNormalization',
      momentum: 0.99,
      epsilon: 0.001,
    });
    expect(layers.flatten()).toEqual({ type: 'Flatten' });
    expect(layers.dense({ units: 10 })).toEqual({
      type: 'Dense',
      units: 10,
      activation: 'linear',
      useBias: true,
    });
    expect(layers.dropout({ rate: 0.5 })).toEqual({ type: 'Dropout', rate: 0.5 });
    expect(layers.activation('relu')).toEqual({ type: 'Activation', activation: 'relu' });
  });

  test('take sizes as pairs, and pool strides follow the pool size', () => {
    expect(layers.conv2d({ filters: 1, kernelSize: [3, 5], strides: [2, 1] })).toMatchObject({
      kernelSize: [3, 5],
      strides: [2, 1],
    });
    expect(layers.maxPooling2d({ poolSize: [3, 1] }).strides).toEqual([3, 1]);
    expect(layers.maxPooling2d({ poolSize: 3, strides: 1 })).toMatchObject({
      poolSize: [3, 3],
      strides: [1, 1],
    });
  });

  test('keep names and copy what they are given', () => {
    const kernelSize: [number, number] = [3, 3];
    const conv = layers.conv2d({ filters: 1, kernelSize, name: 'first' });
    kernelSize[0] = 9;
    expect(conv).toMatchObject({ name: 'first', kernelSize: [3, 3] });
  });

  test.each<[string, () => unknown, string]>([
    [
      'missing option',
      () => layers.dense({} as never),
      'positive integer for dense.units but received undefined',
    ],
    ['zero', () => layers.dense({ units: 0 }), 'positive integer for dense.units but received 0'],
    ['fraction', () => layers.conv2d({ filters: 1.5, kernelSize: 3 }), 'conv2d.filters but received 1.5'],
    ['size as text', () => layers.conv2d({ filters: 1, kernelSize: '3' as never }), 'conv2d.kernelSize'],
    [
      'triple',
      () => layers.maxPooling2d({ poolSize: [2, 2, 2] as never }),
      'a pair [height, width] for maxPooling2d',
    ],
    ['zero stride', () => layers.maxPooling2d({ strides: [2, 0] }), 'maxPooling2d.strides[1] but received 0'],
    [
      'padding',
      () => layers.conv2d({ filters: 1, kernelSize: 3, padding: 'full' as never }),
      '"valid" or "same"',
    ],
    ['activation', () => layers.activation('gelu' as never), '"linear", "relu" or "softmax"'],
    ['flag', () => layers.dense({ units: 1, useBias: 1 as never }), 'true or false for dense.useBias'],
    ['rate 1', () => layers.dropout({ rate: 1 }), 'at least 0 and below 1 for dropout.rate but received 1'],
    ['rate NaN', () => layers.dropout({ rate: Number.NaN }), 'dropout.rate but received NaN'],
    ['momentum', () => layers.batchNormalization({ momentum: 1.1 }), 'batchNormalization.momentum'],
    [
      'epsilon',
      () => layers.batchNormalization({ epsilon: 0 }),
      'positive number for batchNormalization.epsilon',
    ],
    [
      'scale',
      () => layers.rescaling({ scale: Number.POSITIVE_INFINITY }),
      'finite number for rescaling.scale',
    ],
    ['name', () => layers.flatten({ name: 'a/b' }), 'flatten.name but received "a/b"'],
    [
      'unknown option',
      () => layers.dense({ units: 1, activaton: 'relu' } as never),
      'did you mean activation?',
    ],
    [
      'Keras spelling',
      () => layers.conv2d({ filters: 1, kernel_size: 3 } as never),
      'did you mean kernelSize?',
    ],
    [
      'no object',
      () => layers.dense(10 as never),
      'an object for the options of layers.dense but received 10',
    ],
  ])('refuse %s', (_, make, message) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(make).toThrow(message);
  });
});
