import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { types } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { Model, type ModelOptions, sequential } from '../../lib/model/model.js';
import { notebookModel } from '../../lib/model/notebook.js';
import { resolveDevice } from '../../lib/native/devices.js';
import { Random } from '../../lib/random.js';
import * as golden from '../golden.js';
import { fixtures, goldenShape, largestDifference } from '../golden.js';

const { addon } = resolveDevice('cpu');

const models: Model[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-model-'));
});
afterEach(async () => {
  for (const model of models.splice(0)) model.dispose();
  await rm(folder, { recursive: true });
});

function keep(model: Model): Model {
  models.push(model);
  return model;
}

/** A small model of every layer but Dropout. */
function small(options: ModelOptions = {}): Model {
  const specs = [
    layers.rescaling({ scale: 1 / 255 }),
    layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same' }),
    layers.activation('relu'),
    layers.maxPooling2d(),
    layers.batchNormalization(),
    layers.flatten(),
    layers.dense({ units: 4, activation: 'softmax' }),
  ];
  return keep(sequential(specs, { inputShape: [6, 5, 2], device: 'cpu', ...options }));
}

function randomImages(count: number, seed = 1, size: [number, number, number] = [6, 5, 2]): Dataset {
  const random = new Random(seed);
  const [height, width, channels] = size;
  const images = Uint8Array.from({ length: count * height * width * channels }, () => random.below(256));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 4);
  return Dataset.from({ images, labels, height, width, channels });
}

function goldenModel(step: 'init' | 'step1' | 'step3'): Model {
  const model = keep(notebookModel([12, 10, 8], { device: 'cpu' }));
  model.setWeights(
    model.getWeights().map(({ name }) => {
      const tensor = `${step}/${name}`;
      return { name, shape: goldenShape(tensor), data: golden.floats(tensor) };
    }),
  );
  return model;
}

const goldenSet = (part: 'train' | 'val') =>
  Dataset.from({
    images: golden.images(part),
    labels: golden.labels(part),
    height: 28,
    width: 28,
    classes: 10,
  });

describe('against Keras', () => {
  test('a file of Keras 2.8 predicts and evaluates as Keras did', async () => {
    const model = keep(await Model.load(join(fixtures, 'golden', 'model.h5'), { device: 'cpu' }));
    const probabilities = await model.predict(goldenSet('val'));
    expect(largestDifference(probabilities, golden.floats('final/val_probs'))).toBeLessThan(1e-6);
    const { loss, accuracy } = await model.evaluate(goldenSet('val'), { batchSize: 10 });
    expect(loss).toBeCloseTo(2.2979559898376465, 5);
    expect(accuracy).toBeCloseTo(0.3, 6);
  });

  test('a file of Keras 3 predicts as Keras did', async () => {
    const model = keep(await Model.load(join(fixtures, 'keras3', 'model.h5'), { device: 'cpu' }));
    const images = Uint8Array.from(await readFile(join(fixtures, 'keras3', 'images.bin')));
    const bytes = await readFile(join(fixtures, 'keras3', 'probabilities.bin'));
    const expected = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
    expect(largestDifference(await model.predict(images), expected)).toBeLessThan(1e-6);
  });

  test('the loss and gradients of the first batch', async () => {
    const model = goldenModel('init');
    const images = golden.images('train').subarray(0, 6 * 784);
    const labels = golden.labels('train').subarray(0, 6);
    const before = model.getWeights();
    const { loss, gradients } = await model.gradients(images, labels);
    expect(Math.abs(loss / golden.floats('fwd1/loss')[0]! - 1)).toBeLessThan(3e-6);
    expect(gradients.map(({ name }) => name)).toEqual(
      before.map(({ name }) => name).filter((name) => !name.includes('moving')),
    );
    for (const { name, shape, data } of gradients) {
      const expected = golden.floats(`grad1/${name}`);
      const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect([name, shape]).toEqual([name, goldenShape(`grad1/${name}`)]);
      // TensorFlow in float64 differs from these float32 gradients by up to 1.2e-3 of the largest.
      expect([name, largestDifference(data, expected) <= 2e-3 * largest]).toEqual([name, true]);
    }
    expect(model.getWeights()).toEqual(before);
    expect(model.iterations).toBe(0);
  });

  test('trainOnBatch returns the loss before its step and updates the moving statistics', async () => {
    const model = goldenModel('init');
    const images = golden.images('train').subarray(0, 6 * 784);
    const { loss } = await model.trainOnBatch(images, Array.from(golden.labels('train').subarray(0, 6)));
    expect(Math.abs(loss / golden.floats('fwd1/loss')[0]! - 1)).toBeLessThan(3e-6);
    expect(model.iterations).toBe(1);
    const moving = model.getWeights().filter(({ name }) => name.includes('moving'));
    expect(moving).toHaveLength(10);
    for (const { name, data } of moving) {
      expect([name, largestDifference(data, golden.floats(`step1/${name}`)) < 1e-6]).toEqual([name, true]);
    }
  });
});

describe('weights', () => {
  test('come in the order of Keras with their shapes', () => {
    expect(
      small()
        .getWeights()
        .map(({ name, shape }) => [name, shape]),
    ).toEqual([
      ['conv2d/kernel', [3, 3, 2, 3]],
      ['conv2d/bias', [3]],
      ['batch_normalization/gamma', [3]],
      ['batch_normalization/beta', [3]],
      ['batch_normalization/moving_mean', [3]],
      ['batch_normalization/moving_variance', [3]],
      ['dense/kernel', [18, 4]],
      ['dense/bias', [4]],
    ]);
  });

  test('are set and given back exactly, as copies', () => {
    const model = small();
    const weights = model.getWeights();
    for (const [i, { data }] of weights.entries()) data.set(Float32Array.from(data, (_, j) => i + j / 1000));
    model.setWeights(weights);
    const given = model.getWeights();
    expect(given).toEqual(weights);
    given[0]!.data.fill(9);
    expect(model.getWeights()).toEqual(weights);
  });

  test('follow the seed', () => {
    expect(small({ seed: 3 }).getWeights()).toEqual(small({ seed: 3 }).getWeights());
    expect(small({ seed: 3 }).getWeights()[0]).not.toEqual(small({ seed: 4 }).getWeights()[0]);
  });

  test('of another model are refused', () => {
    const model = small();
    const weights = model.getWeights();
    const wrongShape = { ...weights[0]!, shape: [3, 3, 3, 2] };
    const wrongType = { ...weights[0]!, data: Array.from(weights[0]!.data) as never };
    expect(() => model.setWeights(weights.slice(1))).toThrow(
      'Expected 8 weights { name, shape, data } for weights but received 7',
    );
    expect(() => model.setWeights(weights.toReversed())).toThrow('"conv2d/kernel" for weights[0].name');
    expect(() => model.setWeights(weights.with(0, wrongShape))).toThrow('Expected shape [3,3,2,3]');
    expect(() => model.setWeights(weights.with(0, wrongType))).toThrow('a Float32Array for weights[0].data');
    expect(() => model.setWeights(null as never)).toThrow('weights but received null');
    expect(model.getWeights()).toEqual(weights);
  });
});

describe('training state', () => {
  test('training goes on from a file exactly as without it', async () => {
    const train = randomImages(24);
    const fit = { epochs: 2, batchSize: 7, verbose: 0 as const };
    const model = small({ optimizer: { learningRate: 0.01, beta1: 0.8, beta2: 0.99, epsilon: 1e-5 } });
    await model.fit(train, fit);
    const path = join(folder, 'half.h5');
    await model.save(path);
    const loaded = keep(await Model.load(path, { device: 'cpu' }));
    expect(loaded.iterations).toBe(8);
    expect(loaded.optimizer).toEqual(model.optimizer);
    expect(loaded.getWeights()).toEqual(model.getWeights());
    await model.fit(train, { ...fit, seed: 5 });
    await loaded.fit(train, { ...fit, seed: 5 });
    expect(loaded.getWeights()).toEqual(model.getWeights());
    await model.save(path);
    await loaded.save(join(folder, 'other.h5'));
    expect((await readFile(path)).equals(await readFile(join(folder, 'other.h5')))).toBe(true);
  });

  test('a snapshot is the whole state', async () => {
    const { images, labels } = randomImages(8).store;
    const model = small();
    await model.trainOnBatch(images, labels);
    const snapshot = model.snapshot();
    const weights = model.getWeights();
    await model.trainOnBatch(images, labels);
    const after = model.getWeights();
    expect(after).not.toEqual(weights);
    model.restore(snapshot);
    expect(model.getWeights()).toEqual(weights);
    expect(model.iterations).toBe(1);
    await model.trainOnBatch(images, labels);
    expect(model.getWeights()).toEqual(after);
  });

  test('a snapshot of another model is refused', () => {
    const other = keep(notebookModel([2, 2, 2], { device: 'cpu' }));
    for (const wrong of [other.snapshot(), {}, null as never]) {
      expect(() => small().restore(wrong)).toThrow('what snapshot() returned for a model of the same layers');
    }
  });

  test('fit trains, evaluates and stops when asked to', async () => {
    const train = randomImages(40);
    const model = small({ optimizer: { learningRate: 0.01 } });
    const before = await model.evaluate(train);
    const stop = {
      onEpochEnd(epoch: number) {
        if (epoch === 2) model.stopTraining = true;
      },
    };
    const { history, epoch } = await model.fit(train, {
      epochs: 9,
      batchSize: 16,
      validationData: train,
      callbacks: [stop],
      verbose: 0,
    });
    expect(epoch).toEqual([0, 1, 2]);
    expect(Object.keys(history)).toEqual(['loss', 'accuracy', 'val_loss', 'val_accuracy']);
    expect(history.loss![2]!).toBeLessThan(history.loss![0]!);
    expect(model.iterations).toBe(9);
    const after = await model.evaluate(train, { batchSize: 16 });
    expect(after).toEqual({ loss: history.val_loss![2], accuracy: history.val_accuracy![2] });
    expect(after).not.toEqual(before);
  });
});

describe('inference', () => {
  test('predict gives a distribution per image, from pixels and from subsets alike', async () => {
    const model = small();
    const data = randomImages(9);
    const all = await model.predict(data.store.images, { batchSize: 4 });
    expect(types.isFloat32Array(all)).toBe(true);
    expect(all).toHaveLength(36);
    for (let i = 0; i < 9; i++) {
      expect(all.subarray(4 * i, 4 * i + 4).reduce((sum, value) => sum + value)).toBeCloseTo(1, 6);
    }
    const some = await model.predict(data.subset([7, 0, 7]));
    expect(largestDifference(some.subarray(0, 4), all.subarray(28, 32))).toBeLessThan(1e-7);
    expect(largestDifference(some.subarray(4, 8), all.subarray(0, 4))).toBeLessThan(1e-7);
    expect(some.subarray(8, 12)).toEqual(some.subarray(0, 4));
  });

  test('evaluate is the mean of what predict gives', async () => {
    const model = small({ seed: 2 });
    const data = randomImages(11);
    const probabilities = await model.predict(data);
    const labels = data.labels();
    let loss = 0;
    let correct = 0;
    for (const [i, label] of labels.entries()) {
      const row = probabilities.subarray(4 * i, 4 * i + 4);
      loss -= Math.log(row[label]!) / labels.length;
      if (row.indexOf(Math.max(...row)) === label) correct++;
    }
    const metrics = await model.evaluate(data, { batchSize: 4 });
    expect(metrics.loss).toBeCloseTo(loss, 5);
    expect(metrics.accuracy).toBeCloseTo(correct / labels.length, 6);
  });

  test('a store is on the device once, and what one call needs is freed after it', async () => {
    const first = small();
    const second = small({ seed: 1 });
    const data = randomImages(1000);
    await first.evaluate(data);
    await second.evaluate(data);
    const before = addon.memoryInUse();
    await first.evaluate(data.subset([1, 2]));
    await second.predict(data);
    await first.predict(data.store.images.slice());
    // Less where the garbage collector freed what earlier tests left.
    expect(addon.memoryInUse()).toBeLessThanOrEqual(before);
  });
});

describe('refuses', () => {
  const code = (code: string, message: string) => ({ code, message: expect.stringContaining(message) });

  test('data of another shape, by the name of its argument', async () => {
    const model = small();
    const wide = randomImages(4, 1, [6, 6, 2]);
    const shape = (name: string) =>
      code(
        'SHAPE_MISMATCH',
        `Expected images of 6 x 5 x 2 (the model's input) for ${name} but received 6 x 6 x 2`,
      );
    await expect(model.evaluate(wide)).rejects.toMatchObject(shape('data'));
    await expect(model.predict(wide)).rejects.toMatchObject(shape('images'));
    await expect(model.fit(wide, { verbose: 0 })).rejects.toMatchObject(shape('train'));
    await expect(model.fit(randomImages(4), { validationData: wide, verbose: 0 })).rejects.toMatchObject(
      shape('validationData'),
    );
    expect(model.iterations).toBe(0);
  });

  test('more classes than outputs, no images, and what is no data set', async () => {
    const model = small();
    const { store } = randomImages(4);
    const five = Dataset.from({ ...store, classes: 5 });
    await expect(model.evaluate(five)).rejects.toMatchObject(code('SHAPE_MISMATCH', 'at most 4 classes'));
    await expect(model.evaluate(randomImages(4).subset([]))).rejects.toMatchObject(
      code('INVALID_ARGUMENT', '(data) has no images'),
    );
    await expect(model.evaluate([] as never)).rejects.toMatchObject(
      code('INVALID_ARGUMENT', 'a Dataset for data'),
    );
  });

  test.each<[string, Uint8Array, ArrayLike<number>, string, string]>([
    [
      'half an image',
      new Uint8Array(90),
      [0],
      'SHAPE_MISMATCH',
      '6 x 5 x 2 = 60 pixels for images but received 90',
    ],
    ['no image', new Uint8Array(0), [], 'SHAPE_MISMATCH', 'received 0 pixels'],
    [
      'floats',
      new Float32Array(60) as never,
      [0],
      'INVALID_ARGUMENT',
      'a Uint8Array of pixels 0..255 for images',
    ],
    [
      'too few labels',
      new Uint8Array(120),
      [0],
      'INVALID_ARGUMENT',
      '2 class indices, one per image for labels',
    ],
    [
      'a label out of range',
      new Uint8Array(120),
      [0, 4],
      'INVALID_ARGUMENT',
      '0 to 3 for labels[1] but received 4',
    ],
    ['a negative label', new Uint8Array(60), [-1], 'INVALID_ARGUMENT', 'labels[0] but received -1'],
    ['half a label', new Uint8Array(60), [0.5], 'INVALID_ARGUMENT', 'labels[0] but received 0.5'],
    [
      'no labels',
      new Uint8Array(60),
      undefined as never,
      'INVALID_ARGUMENT',
      'labels but received undefined',
    ],
  ])('a batch with %s', async (_, images, labels, expected, message) => {
    const model = small();
    await expect(model.trainOnBatch(images, labels)).rejects.toMatchObject(code(expected, message));
    await expect(model.gradients(images, labels)).rejects.toMatchObject(code(expected, message));
    expect(model.iterations).toBe(0);
  });

  test.each<[string, ModelOptions, string]>([
    [
      'an unknown option',
      { optimiser: {} } as never,
      'Unknown option optimiser for sequential; did you mean optimizer?',
    ],
    ['a negative seed', { seed: -1 }, 'at least 0 for seed but received -1'],
    ['no thread', { threads: 0 }, 'Expected a positive integer for threads but received 0'],
    ['another device', { device: 'tpu' as never }, 'device but received "tpu"'],
    ['a name with spaces', { name: 'my model' }, 'name but received "my model"'],
    ['a learning rate of 0', { optimizer: { learningRate: 0 } }, 'optimizer.learningRate but received 0'],
    ['beta of 1', { optimizer: { beta2: 1 } }, 'optimizer.beta2 but received 1'],
    ['an unknown optimizer option', { optimizer: { lr: 1 } as never }, 'Unknown option lr for optimizer'],
    ['two sides', { inputShape: [28, 28] as never }, 'inputShape but received the array [28,28]'],
  ])('%s', (_, options, message) => {
    expect(() => small(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => small(options)).toThrow(message);
  });

  test('a model that does not end in softmax', () => {
    expect(() => sequential([layers.flatten(), layers.dense({ units: 3 })], { device: 'cpu' })).toThrow(
      'dense: the last layer must be a softmax',
    );
  });

  test('the widths that make no notebook model', () => {
    const make = (widths: unknown) => () => notebookModel(widths as never, { device: 'cpu' });
    expect(make([60, 60])).toThrow('three numbers of units, e.g. [100, 60, 100] for widths');
    expect(make([60, 0, 60])).toThrow('a positive integer for widths[1] but received 0');
    expect(() => notebookModel([1, 1, 1], { learningrate: 1 } as never)).toThrow(
      'did you mean learningRate?',
    );
    expect(() => notebookModel([1, 1, 1], { device: 'cpu', inputShape: [4, 4, 1] })).toThrow(
      'conv2d_1: kernel',
    );
  });

  test('a file name that Keras would not open, before anything is written', async () => {
    const model = small();
    await expect(model.save(join(folder, 'model.tf'))).rejects.toMatchObject(
      code('INVALID_ARGUMENT', 'ending in .h5, .hdf5 or .keras for path'),
    );
    await expect(model.save('')).rejects.toMatchObject(code('INVALID_ARGUMENT', 'path'));
    await expect(Model.load(7 as never)).rejects.toMatchObject(code('INVALID_ARGUMENT', 'path'));
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('arrays', () => {
  test('labels that were changed after Dataset.from are refused, not used as indices', async () => {
    const changed = randomImages(8);
    changed.store.labels[3] = 200;
    const expected = { code: 'INVALID_DATA', message: expect.stringContaining('received 200 at index 3') };
    await expect(small().evaluate(changed)).rejects.toMatchObject(expected);
    await expect(small().fit(changed, { verbose: 0 })).rejects.toMatchObject(expected);
  });

  test('images that were taken away after Dataset.from are refused', async () => {
    const gone = randomImages(8);
    structuredClone(gone.store.images, { transfer: [gone.store.images.buffer as ArrayBuffer] });
    const expected = {
      code: 'INVALID_DATA',
      message: expect.stringContaining('pixels for the images of'),
    };
    await expect(small().evaluate(gone)).rejects.toMatchObject(expected);
  });

  // Weights, gradients and Adam's two moments take 16 bytes for each parameter.
  (totalmem() < 16 * 2 ** 20 * 2000 ? test : test.skip)(
    'a model that the machine cannot hold is an error',
    () => {
      const specs = [
        layers.flatten(),
        layers.dense({ units: 2 ** 20 }),
        layers.dense({ units: 2000, activation: 'softmax' }),
      ];
      expect(() => sequential(specs, { inputShape: [1, 1, 1], device: 'cpu' })).toThrow(
        expect.objectContaining({ code: 'OUT_OF_MEMORY' }),
      );
    },
  );

  test('predictions that no machine can hold are an error, and the model lives on', async () => {
    using model = sequential([layers.flatten(), layers.dense({ units: 2 ** 20, activation: 'softmax' })], {
      inputShape: [1, 1, 1],
      device: 'cpu',
    });
    const image = Dataset.from({ images: Uint8Array.of(1), labels: Uint8Array.of(0), height: 1, width: 1 });
    const images = image.subset(new Uint8Array(2 ** 22));
    await expect(model.predict(images)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(await model.predict(image)).toHaveLength(2 ** 20);
  });
});

describe('abort, busy, dispose', () => {
  test('a signal stops a call, with its reason as cause', async () => {
    const model = small();
    const data = randomImages(20000);
    const reason = new Error('enough');
    for (const call of [
      (signal: AbortSignal) => model.evaluate(data, { batchSize: 1, signal }),
      (signal: AbortSignal) => model.predict(data, { batchSize: 1, signal }),
      (signal: AbortSignal) => model.fit(data, { batchSize: 1, epochs: 9, verbose: 0, signal }),
    ]) {
      const controller = new AbortController();
      const running = call(controller.signal);
      setTimeout(() => controller.abort(reason), 5);
      await expect(running).rejects.toMatchObject({ code: 'ABORTED', cause: reason });
      await expect(call(AbortSignal.abort(reason))).rejects.toMatchObject({ code: 'ABORTED', cause: reason });
    }
    await expect(model.evaluate(randomImages(4))).resolves.toHaveProperty('loss');
  });

  test('one call at a time', async () => {
    const model = small();
    const data = randomImages(5000);
    const running = model.evaluate(data, { batchSize: 1 });
    await expect(model.evaluate(data)).rejects.toMatchObject({ code: 'STATE' });
    expect(() => model.getWeights()).toThrow(expect.objectContaining({ code: 'STATE' }));
    expect(() => model.dispose()).toThrow(expect.objectContaining({ code: 'STATE' }));
    await running;
  });

  test('a disposed model still describes itself, and frees its memory', async () => {
    const before = addon.memoryInUse();
    const model = notebookModel([5, 5, 5], { device: 'cpu' });
    expect(addon.memoryInUse()).toBeGreaterThan(before);
    model.dispose();
    model.dispose();
    expect(addon.memoryInUse()).toBe(before);
    expect(model.summary()).toContain('Total params');
    const disposed = { code: 'STATE', message: 'The model sequential was disposed' };
    const data = randomImages(4, 1, [28, 28, 1]);
    await expect(model.predict(data)).rejects.toMatchObject(disposed);
    await expect(model.predict(data.store.images)).rejects.toMatchObject(disposed);
    await expect(model.fit(data)).rejects.toMatchObject(disposed);
    await expect(model.save(join(folder, 'model.h5'))).rejects.toMatchObject(disposed);
    expect(() => model.getWeights()).toThrow(disposed.message);
  });

  test('using disposes', () => {
    const before = addon.memoryInUse();
    const model = notebookModel([5, 5, 5], { device: 'cpu' });
    model[Symbol.dispose]();
    expect(addon.memoryInUse()).toBe(before);
  });
});

test('describes itself', () => {
  const model = keep(
    notebookModel([100, 60, 100], {
      seed: 4,
      device: 'cpu',
      learningRate: 0.01,
      classes: 7,
      inputShape: [32, 28, 3],
    }),
  );
  expect(model).toMatchObject({
    name: 'sequential',
    seed: 4,
    device: 'cpu',
    classes: 7,
    inputShape: [32, 28, 3],
  });
  expect(model.optimizer).toEqual({
    learningRate: Math.fround(0.01),
    beta1: Math.fround(0.9),
    beta2: Math.fround(0.999),
    epsilon: 1e-7,
  });
  expect(model.layers).toHaveLength(15);
  expect(model.layers[1]).toMatchObject({ type: 'Conv2D', name: 'conv2d', filters: 28, kernelSize: [3, 3] });
  model.layers[1]!.name = 'changed';
  expect(model.layers[1]!.name).toBe('conv2d');
  expect(model.parameters.total).toBe(model.getWeights().reduce((sum, { data }) => sum + data.length, 0));
});
