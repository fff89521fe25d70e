import { describe, expect, test } from '@jest/globals';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { requireClassifier, resolveLayers, toNativeLayers } from '../../lib/architecture/resolve-layers.js';

const { conv2d, maxPooling2d, batchNormalization, flatten, dense, dropout, activation, rescaling } = layers;

describe('resolveLayers', () => {
  test('names layers by counters of their class', () => {
    const { layers: resolved } = resolveLayers(notebookLayers([3, 4, 5]), [28, 28, 1]);
    expect(resolved.map((layer) => layer.name)).toEqual([
      'rescaling',
      'conv2d',
      'max_pooling2d',
      'batch_normalization',
      'conv2d_1',
      'max_pooling2d_1',
      'batch_normalization_1',
      'flatten',
      'dense',
      'batch_normalization_2',
      'dense_1',
      'batch_normalization_3',
      'dense_2',
      'batch_normalization_4',
      'dense_3',
    ]);
  });

  test('passes over names that were given', () => {
    const specs = [flatten(), dense({ units: 1 }), dense({ units: 1, name: 'dense' }), dense({ units: 1 })];
    const { layers: resolved } = resolveLayers(specs, [2, 2, 1]);
    expect(resolved.map((layer) => layer.name)).toEqual(['flatten', 'dense_1', 'dense', 'dense_2']);
  });

  test("has the notebook's shapes and parameter counts", () => {
    const { layers: resolved, parameters } = resolveLayers(notebookLayers([100, 60, 100]), [28, 28, 1]);
    expect(resolved.map((layer) => layer.outputShape)).toEqual([
      [28, 28, 1],
      [26, 26, 28],
      [13, 13, 28],
      [13, 13, 28],
      [11, 11, 28],
      [5, 5, 28],
      [5, 5, 28],
      [700],
      [100],
      [100],
      [60],
      [60],
      [100],
      [100],
      [10],
    ]);
    const counts = resolved.map((layer) => layer.weights.reduce((sum, { size }) => sum + size, 0));
    expect(counts).toEqual([0, 280, 0, 112, 7084, 0, 112, 0, 70100, 400, 6060, 240, 6100, 400, 1010]);
    expect(parameters).toEqual({ total: 91898, trainable: 91266, nonTrainable: 632 });
  });

  test('lays weights out in order, trainable ones and statistics apart', () => {
    const { weights } = resolveLayers(
      [
        conv2d({ filters: 2, kernelSize: [3, 1] }),
        batchNormalization(),
        flatten(),
        dense({ units: 3, useBias: false }),
      ],
      [3, 2, 4],
    );
    expect(weights.map(({ name, shape, trainable, offset }) => [name, shape, trainable, offset])).toEqual([
      ['conv2d/kernel', [3, 1, 4, 2], true, 0],
      ['conv2d/bias', [2], true, 24],
      ['batch_normalization/gamma', [2], true, 26],
      ['batch_normalization/beta', [2], true, 28],
      ['batch_normalization/moving_mean', [2], false, 0],
      ['batch_normalization/moving_variance', [2], false, 2],
      ['dense/kernel', [4, 3], true, 30],
    ]);
    expect(weights[0]!.initializer).toEqual({ type: 'glorotUniform', fanIn: 12, fanOut: 6 });
    expect(weights[6]!.initializer).toEqual({ type: 'glorotUniform', fanIn: 4, fanOut: 3 });
  });

  // [input side, window, stride, padding, output side], by TensorFlow's rules.
  test.each<[number, number, number, 'valid' | 'same', number]>([
    [28, 3, 1, 'valid', 26],
    [28, 3, 1, 'same', 28],
    [28, 3, 2, 'valid', 13],
    [28, 3, 2, 'same', 14],
    [11, 2, 2, 'valid', 5],
    [11, 2, 2, 'same', 6],
    [5, 5, 3, 'valid', 1],
    [3, 5, 3, 'same', 1],
    [7, 1, 3, 'valid', 3],
  ])('side %i, window %i, stride %i, %s: %i', (side, window, strides, padding, expected) => {
    const conv = conv2d({ filters: 6, kernelSize: [window, 1], strides: [strides, 1], padding });
    const pool = maxPooling2d({ poolSize: [1, window], strides: [1, strides], padding });
    expect(resolveLayers([conv], [side, 4, 3]).outputShape).toEqual([expected, 4, 6]);
    expect(resolveLayers([pool], [4, side, 3]).outputShape).toEqual([4, expected, 3]);
  });

  test.each<[string, LayerSpec[], number[], string]>([
    [
      'a kernel larger than its input',
      [maxPooling2d({ poolSize: 9 }), conv2d({ filters: 1, kernelSize: 5 })],
      [28, 28, 1],
      'conv2d: kernel 5 x 5 is larger than its input 3 x 3',
    ],
    [
      'a pool larger than its input',
      [maxPooling2d()],
      [28, 1, 1],
      'max_pooling2d: pool 2 x 2 is larger than its input 28 x 1',
    ],
    [
      'a dense layer on an image',
      [dense({ units: 1 })],
      [28, 28, 1],
      'dense: Dense needs a vector, but its input is an image of 28 x 28 x 1; add layers.flatten()',
    ],
    [
      'a convolution on a vector',
      [flatten(), conv2d({ filters: 1, kernelSize: 1 })],
      [2, 2, 1],
      'conv2d: Conv2D needs an image, but its input is a vector of 4',
    ],
    [
      'a name twice',
      [flatten({ name: 'a' }), dropout({ rate: 0, name: 'a' })],
      [2, 2, 1],
      'layers[1].name but received "a"',
    ],
    ['no layers', [], [2, 2, 1], 'a non-empty array of layers for layers'],
    ['what is no layer', [flatten(), 'dense' as never], [2, 2, 1], 'layers[1] but received "dense"'],
    ['an unknown type', [{ type: 'LSTM' } as never], [2, 2, 1], 'layers[0] but received "LSTM"'],
    [
      'an inherited property as type',
      [{ type: 'constructor' } as never],
      [2, 2, 1],
      'layers[0] but received "constructor"',
    ],
    [
      'an incomplete plain layer',
      [{ type: 'Dense', units: 3 } as never],
      [2, 2, 1],
      'layers[0].activation but received undefined',
    ],
    [
      'an unknown field',
      [{ ...flatten(), unit: 3 } as never],
      [2, 2, 1],
      'Unknown option unit for layers[0]',
    ],
    ['an image without channels', [flatten()], [28, 28], 'inputShape but received the array [28,28]'],
    ['an empty image', [flatten()], [28, 0, 1], 'inputShape but received the array [28,0,1]'],
    [
      'a pool of more positions than fit 16 bits',
      [maxPooling2d({ poolSize: 300 })],
      [300, 300, 1],
      'max_pooling2d: pool 300 x 300 has more than 65536 positions',
    ],
    [
      'an endless pool',
      [maxPooling2d({ poolSize: 2 ** 31 - 1, strides: 1, padding: 'same' })],
      [28, 28, 1],
      'max_pooling2d: pool 2147483647 x 2147483647 has more than 65536 positions',
    ],
    [
      'an endless kernel',
      [conv2d({ filters: 1, kernelSize: [1, 2 ** 20], padding: 'same' })],
      [28, 28, 1],
      'conv2d: kernel 1 x 1048576 has more than 65536 positions',
    ],
    [
      'endless strides',
      [maxPooling2d({ strides: 2 ** 31 })],
      [28, 28, 1],
      'max_pooling2d: strides 2147483648 x 2147483648 and pool 2 x 2 reach further than 2147483647',
    ],
    [
      'an image that no array holds',
      [flatten()],
      [2 ** 16, 2 ** 15, 1],
      'at most 2147483647 values for inputShape',
    ],
    [
      'more values than an array holds',
      [flatten(), dense({ units: 2 ** 31 })],
      [1, 1, 1],
      'dense: the model has more than',
    ],
  ])('refuses %s', (_, specs, inputShape, message) => {
    const resolve = () => resolveLayers(specs, inputShape);
    expect(resolve).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(resolve).toThrow(message);
  });
});

describe('requireClassifier', () => {
  const check = (...specs: LayerSpec[]) => requireClassifier(resolveLayers(specs, [4, 4, 1]));

  test('accepts a softmax as last layer, in or after the dense layer', () => {
    check(flatten(), dense({ units: 3, activation: 'softmax' }));
    check(flatten(), dense({ units: 3 }), activation('softmax'));
    check(flatten(), activation('softmax'));
  });

  test.each<[string, LayerSpec[], string]>([
    [
      'no softmax',
      [flatten(), dense({ units: 3 })],
      'dense: the last layer must be a softmax over the classes',
    ],
    [
      'a softmax before the end',
      [flatten(), dense({ units: 3, activation: 'softmax' }), dropout({ rate: 0.5 })],
      'dense: softmax is possible in the last layer only, and dropout comes after it',
    ],
    [
      'two of them',
      [flatten(), dense({ units: 3, activation: 'softmax' }), activation('softmax')],
      'dense: softmax is possible in the last layer only',
    ],
    [
      'a softmax over an image',
      [conv2d({ filters: 2, kernelSize: 1, activation: 'softmax' })],
      'conv2d: softmax over classes needs a vector',
    ],
  ])('refuses %s', (_, specs, message) => {
    expect(() => check(...specs)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => check(...specs)).toThrow(message);
  });
});

test('toNativeLayers passes on every number', () => {
  const architecture = resolveLayers(
    [
      rescaling({ scale: 0.5, offset: -1 }),
      conv2d({
        filters: 2,
        kernelSize: [3, 2],
        strides: [1, 2],
        padding: 'same',
        activation: 'relu',
        useBias: false,
      }),
      maxPooling2d({ poolSize: [2, 1], strides: [1, 1] }),
      batchNormalization({ momentum: 0.9, epsilon: 0.01 }),
      dropout({ rate: 0.25 }),
      flatten(),
      dense({ units: 3 }),
      activation('softmax'),
    ],
    [4, 5, 1],
  );
  const image = { inputShape: [3, 3, 2], outputShape: [3, 3, 2] };
  expect(toNativeLayers(architecture)).toEqual([
    { type: 'Rescaling', inputShape: [4, 5, 1], outputShape: [4, 5, 1], scale: 0.5, offset: -1 },
    {
      type: 'Conv2D',
      inputShape: [4, 5, 1],
      outputShape: [4, 3, 2],
      window: [3, 2],
      strides: [1, 2],
      activation: 'relu',
      useBias: false,
    },
    { type: 'MaxPooling2D', inputShape: [4, 3, 2], outputShape: [3, 3, 2], window: [2, 1], strides: [1, 1] },
    { type: 'BatchNormalization', ...image, momentum: 0.9, epsilon: 0.01 },
    { type: 'Dropout', ...image, rate: 0.25 },
    { type: 'Flatten', inputShape: [3, 3, 2], outputShape: [18] },
    { type: 'Dense', inputShape: [18], outputShape: [3], activation: 'linear', useBias: true },
    { type: 'Activation', inputShape: [3], outputShape: [3], activation: 'softmax' },
  ]);
});
