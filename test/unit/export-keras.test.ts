import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { strFromU8, strToU8, unzipSync, type Zippable, zipSync } from 'fflate';
import type { Group, Dataset as H5Dataset } from 'h5wasm/node';
import { layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { encodeHdf5, type Hdf5Dataset, type Hdf5Group } from '../../lib/formats/hdf5-writer.js';
import { readKerasH5, writeKerasH5 } from '../../lib/formats/keras-h5.js';
import { readKerasV3, writeKerasV3 } from '../../lib/formats/keras-v3.js';
import { Model, sequential } from '../../lib/model/model.js';
import { fixtures, largestDifference } from '../golden.js';
import { readWithLibhdf5 } from '../libhdf5.js';

const keras3 = join(fixtures, 'keras3');
const keras3Model = join(keras3, 'model.keras');
const goldenModel = join(fixtures, 'golden', 'model.h5');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-keras-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function floats(name: string): Promise<Float32Array> {
  return new Float32Array(Uint8Array.from(await readFile(join(keras3, name))).buffer);
}

async function keras3Images(): Promise<Dataset> {
  const images = Uint8Array.from(await readFile(join(keras3, 'images.bin')));
  const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 5);
  return Dataset.from({ images, labels, height: 12, width: 10, channels: 2 });
}

describe('a .keras file that Keras 3 saved', () => {
  test('predicts what Keras does', async () => {
    using model = await Model.load(keras3Model, { device: 'cpu' });
    const probabilities = await model.predict(await keras3Images());
    expect(largestDifference(probabilities, await floats('probabilities.bin'))).toBeLessThan(1e-6);
  });

  test('holds what the .h5 file of the same model holds', async () => {
    const [v3, h5] = [await readKerasV3(keras3Model), await readKerasH5(join(keras3, 'model.h5'))];
    expect(v3.name).toBe('keras3');
    expect(v3.layers).toEqual(h5.layers);
    expect(v3.inputShape).toEqual(h5.inputShape);
    expect(v3.weights).toEqual(h5.weights);
    expect(v3.optimizer!.iterations).toBe(6);
    expect(v3.optimizer!.adam.learningRate).toBe(Math.fround(0.002));
    const moments = v3.optimizer!.m.flatMap(({ data }, i) => [...data, ...v3.optimizer!.v[i]!.data]);
    expect(largestDifference(moments, await floats('moments.bin'))).toBe(0);
  });

  test('opens when it was compressed', async () => {
    const path = join(folder, 'small.keras');
    await writeFile(path, zipSync(unzipSync(await readFile(keras3Model)), { level: 9 }));
    expect(await readKerasV3(path)).toEqual(await readKerasV3(keras3Model));
  });
});

describe('a .keras file of our own', () => {
  test('comes back as it was, from Model.save to Model.load, and goes on training the same', async () => {
    using model = await Model.load(goldenModel, { device: 'cpu' });
    const path = join(folder, 'model.keras');
    await model.save(path);
    using again = await Model.load(path, { device: 'cpu' });
    expect(again.name).toBe(model.name);
    expect(again.layers).toEqual(model.layers);
    expect(again.optimizer).toEqual(model.optimizer);
    expect(again.iterations).toBe(6);
    const images = Uint8Array.from({ length: 8 * 784 }, (_, i) => (i * i) % 256);
    for (const each of [model, again]) await each.trainOnBatch(images, [0, 1, 2, 3, 4, 5, 6, 7]);
    expect(again.getWeights()).toEqual(model.getWeights());
  });

  test('has the same bytes each time, uncompressed', async () => {
    const model = await readKerasH5(goldenModel);
    const paths = ['a.keras', 'b.keras'].map((name) => join(folder, name));
    for (const path of paths) await writeKerasV3(path, model);
    const [a, b] = await Promise.all(paths.map((path) => readFile(path)));
    expect(a!.equals(b!)).toBe(true);
    const compression: number[] = [];
    unzipSync(a!, { filter: (file) => compression.push(file.compression) > 0 });
    expect(compression).toEqual([0, 0, 0]);
  });

  test('describes the model in the way that both Keras 3 and tf_keras accept', async () => {
    const path = join(folder, 'model.keras');
    await writeKerasV3(path, await readKerasH5(goldenModel));
    const config = JSON.parse(strFromU8(unzipSync(await readFile(path))['config.json']!));
    expect(config).toMatchObject({ module: 'keras', class_name: 'Sequential', registered_name: null });
    expect(config.compile_config).toMatchObject({ loss: 'sparse_categorical_crossentropy' });
    const [input, first, conv, , norm] = config.config.layers;
    expect(input).toMatchObject({
      module: 'keras.layers',
      class_name: 'InputLayer',
      config: { batch_input_shape: [null, 28, 28, 1] },
    });
    expect(first.config).not.toHaveProperty('batch_input_shape');
    expect(conv.config.kernel_initializer).toEqual({
      module: 'keras.initializers',
      class_name: 'GlorotUniform',
      config: { seed: null },
      registered_name: null,
    });
    expect(norm).toMatchObject({ class_name: 'BatchNormalization', config: { axis: 3, dtype: 'float32' } });
  });

  test("numbers the weights' groups per class, whatever the layers' names", async () => {
    const specs = [
      layers.flatten(),
      layers.dense({ units: 3, name: 'dense_1' }),
      layers.dense({ units: 3, name: 'dense' }),
      layers.activation('softmax'),
    ];
    using model = sequential(specs, { inputShape: [1, 3, 1], device: 'cpu', seed: 3 });
    const path = join(folder, 'model.keras');
    await model.save(path);
    const weights = unzipSync(await readFile(path))['model.weights.h5']!;
    const first = await readWithLibhdf5(weights, (file) => {
      const group = file.get('layers/dense/vars') as Group;
      return {
        name: group.attrs.name!.value,
        kernel: (file.get('layers/dense/vars/0') as never as { value: Float32Array }).value,
      };
    });
    expect(first.name).toBe('dense_1');
    expect(first.kernel).toEqual(model.getWeights()[0]!.data);
    using again = await Model.load(path, { device: 'cpu' });
    expect(again.getWeights()).toEqual(model.getWeights());
  });

  test('without its optimizer, starts with a fresh one', async () => {
    const { optimizer, ...model } = await readKerasH5(goldenModel);
    expect(optimizer!.iterations).toBe(6);
    const path = join(folder, 'model.keras');
    await writeKerasV3(path, model);
    expect((await readKerasV3(path)).optimizer).toBeUndefined();
    using loaded = await Model.load(path, { device: 'cpu' });
    expect(loaded.iterations).toBe(0);
  });
});

describe('a .keras file that cannot be read', () => {
  /** Keras 3's file with changes to what it holds. */
  async function changed(change: (files: Record<string, Uint8Array>) => Zippable): Promise<string> {
    const path = join(folder, 'changed.keras');
    await writeFile(path, zipSync(change(unzipSync(await readFile(keras3Model))), { level: 0 }));
    return path;
  }
  const config =
    (from: string, to: string) =>
    (files: Record<string, Uint8Array>): Zippable => {
      const text = strFromU8(files['config.json']!);
      if (!text.includes(from)) throw new Error(`config.json has no ${from}`);
      return { ...files, 'config.json': strToU8(text.replace(from, to)) };
    };

  test('is not there', async () => {
    await expect(Model.load(join(folder, 'none.keras'))).rejects.toMatchObject({ code: 'FILE' });
  });

  test.each([
    ['an HDF5 file', () => readFile(goldenModel)],
    ['a truncated zip', async () => (await readFile(keras3Model)).subarray(0, 30_000)],
    ['an empty file', async () => Buffer.alloc(0)],
  ])('is %s', async (_, bytes) => {
    const path = join(folder, 'foreign.keras');
    await writeFile(path, await bytes());
    await expect(Model.load(path)).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringMatching(/foreign\.keras is not a model file.*it is not a zip file, or damaged/),
    });
  });

  test.each<[string, (files: Record<string, Uint8Array>) => Zippable, string]>([
    ['no config.json', ({ 'config.json': _, ...files }) => files, 'it is a zip file without config.json'],
    [
      'no weights',
      ({ 'model.weights.h5': _, ...files }) => files,
      'it is a zip file without model.weights.h5',
    ],
    ['no JSON', (files) => ({ ...files, 'config.json': strToU8('{') }), 'is not valid JSON'],
    [
      'damaged weights',
      (files) => ({ ...files, 'model.weights.h5': files['model.weights.h5']!.subarray(0, 20_000) }),
      'it is not HDF5, or damaged',
    ],
    ['a model of another class', config('"Sequential"', '"Functional"'), 'model class "Functional"'],
    [
      'a layer of another module',
      config('"module": "keras.layers", "class_name": "Dense"', '"module": "mine", "class_name": "Dense"'),
      'of module "mine" is not supported',
    ],
    ['an unknown layer', config('"class_name": "Flatten"', '"class_name": "GRU"'), 'flatten of class "GRU"'],
    [
      'one layer less than the weights',
      config('"filters": 4', '"filters": 5'),
      '/layers/conv2d/vars/0 has shape [3,2,2,4] instead of [3,2,2,5]',
    ],
    [
      'fewer variables than the layer',
      config('"use_bias": false', '"use_bias": true'),
      '/layers/dense/vars has 1 of 2 variables',
    ],
    ['another optimizer', config('"class_name": "Adam"', '"class_name": "SGD"'), 'optimizer "SGD"'],
    ['another loss', config('"loss": "sparse_', '"loss": "'), 'loss "categorical_crossentropy"'],
    [
      'weight decay',
      config('"weight_decay": null', '"weight_decay": 0.01'),
      "Adam with weight_decay is not supported, only Adam without it; save the model without it: model.save('model.h5', include_optimizer=False)",
    ],
  ])('has %s', async (_, change, message) => {
    const path = await changed(change);
    await expect(readKerasV3(path)).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringContaining(message),
    });
  });

  test.each([0, 9] as const)('has a changed bit in its weights, packed at level %i', async (level) => {
    const path = join(folder, 'damaged.keras');
    const whole = Buffer.from(zipSync(unzipSync(await readFile(keras3Model)), { level }));
    const start = whole.indexOf('model.weights.h5') + 40;
    const end = whole.indexOf('PK', start);
    for (let i = 0; i < 40; i++) {
      const damaged = Buffer.from(whole);
      damaged[start + Math.floor(((end - start) * i) / 40)]! ^= 0x04;
      await writeFile(path, damaged);
      await expect(readKerasV3(path)).rejects.toMatchObject({
        code: 'INVALID_MODEL',
        message: expect.stringMatching(/model\.weights\.h5 (is damaged|has \d+ bytes instead of)/),
      });
    }
  });

  test('claims more weights than its configuration needs, before they are unpacked', async () => {
    const path = await changed((files) => ({
      ...files,
      'model.weights.h5': [new Uint8Array(40_000_000), { level: 9 }],
    }));
    await expect(readKerasV3(path)).rejects.toThrow(
      /model\.weights\.h5 is said to have 40000000 bytes, more than the \d{7} that it can need/,
    );
  });

  /** What an HDF5 group holds, without attributes. */
  function contentOf(group: Group): Hdf5Group {
    const members = group.keys().map((name): [string, Hdf5Group | Hdf5Dataset] => {
      const member = group.get(name) as Group | H5Dataset;
      if ('keys' in member) return [name, contentOf(member)];
      const value = member.value as bigint | number | Float32Array;
      if (typeof value === 'bigint') return [name, { shape: [], data: BigInt64Array.of(value) }];
      const data = typeof value === 'number' ? Float32Array.of(value) : value;
      return [name, { shape: member.shape!, data }];
    });
    return { attributes: {}, members: new Map(members) };
  }

  test.each<[string, (variables: Hdf5Group['members']) => void, string]>([
    ['a moment less', (variables) => variables.delete('19'), '/optimizer/vars has 19 of 20 variables'],
    [
      'no step count',
      (variables) => variables.set('0', { shape: [], data: Float32Array.of(0.5) }),
      'its optimizer state has no step count',
    ],
    [
      'the moments of other weights',
      (variables) => variables.set('2', variables.get('4')!),
      '/optimizer/vars/2 has shape [4] instead of [3,2,2,4]',
    ],
  ])('has an optimizer state with %s', async (_, change, message) => {
    const weights = unzipSync(await readFile(keras3Model))['model.weights.h5']!;
    const root = await readWithLibhdf5(weights, (file) => contentOf(file.get('/') as Group));
    const optimizer = root.members.get('optimizer') as Hdf5Group;
    change((optimizer.members.get('vars') as Hdf5Group).members);
    const path = await changed((files) => ({ ...files, 'model.weights.h5': encodeHdf5(root) }));
    await expect(readKerasV3(path)).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringContaining(message),
    });
  });

  test("has none of its optimizer's state: it starts afresh", async () => {
    const weights = unzipSync(await readFile(keras3Model))['model.weights.h5']!;
    const root = await readWithLibhdf5(weights, (file) => contentOf(file.get('/') as Group));
    root.members.delete('optimizer');
    const path = await changed((files) => ({ ...files, 'model.weights.h5': encodeHdf5(root) }));
    const { optimizer } = await readKerasV3(path);
    expect(optimizer!.iterations).toBe(0);
    expect(optimizer!.m.map(({ shape }) => shape)).toContainEqual([3, 2, 2, 4]);
    expect([...optimizer!.m, ...optimizer!.v].every(({ data }) => data.every((x) => x === 0))).toBe(true);
  });
});

test('a model saved as .h5 and as .keras is the same', async () => {
  const model = await readKerasV3(keras3Model);
  const path = join(folder, 'model.h5');
  await writeKerasH5(path, model);
  expect(await readKerasH5(path)).toEqual(model);
});
