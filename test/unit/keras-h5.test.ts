import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Dataset, Entity, Group } from 'h5wasm/node';
import { layers } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import type { NamedWeight } from '../../lib/architecture/weights.js';
import { encodeHdf5, type Hdf5Dataset, type Hdf5Group } from '../../lib/formats/hdf5-writer.js';
import { readKerasH5, writeKerasH5 } from '../../lib/formats/keras-h5.js';
import type { KerasModel } from '../../lib/formats/keras-model.js';
import { pythonFloat } from '../../lib/python/float.js';
import { pythonJson } from '../../lib/python/json.js';
import { fixtures } from '../golden.js';

const goldenModel = join(fixtures, 'golden', 'model.h5');
const goldenWide = join(fixtures, 'golden', 'keras280_model_100_60_100.h5');
const keras3Model = join(fixtures, 'keras3', 'model.h5');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-h5-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function sha256(weights: readonly NamedWeight[]): string {
  const hash = createHash('sha256');
  for (const { data } of weights) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

/** Everything in an HDF5 file: each group's attributes and each data set's type and shape, by path. */
async function outline(path: string): Promise<Map<string, unknown>> {
  const h5 = await import('h5wasm/node');
  await h5.ready;
  const found = new Map<string, unknown>();
  const visit = (at: string, entity: Entity | null) => {
    const { attrs } = entity as Group;
    for (const name of Object.keys(attrs).sort()) {
      const { value, shape, dtype } = attrs[name]!;
      found.set(
        `${at}@${name}`,
        typeof value === 'string' ? value : { values: Array.from(value as []), shape, dtype },
      );
    }
    if ('keys' in (entity as Group)) {
      for (const name of (entity as Group).keys()) visit(`${at}/${name}`, (entity as Group).get(name));
    } else {
      found.set(at, { shape: (entity as Dataset).shape, dtype: (entity as Dataset).dtype });
    }
  };
  const file = new h5.File(path, 'r');
  visit('', file.get('/'));
  file.close();
  return found;
}

// The digests were taken with h5py.
describe('readKerasH5', () => {
  test.each([
    {
      file: goldenModel,
      name: 'sequential',
      inputShape: [28, 28, 1],
      specs: notebookLayers([12, 10, 8]),
      weights: '05bb8d439d1f526dd521b71064dec58e62d04fffcc398a36853ab65354838150',
      m: 'da0ccf70f16c9e92ccb86dc507a3277ce5980cc29300cbc0a85a32523a9ef691',
      v: '807eecfd2b1244d38c2443a5f59a6bc5680c7f5255b0f59e078d78bdb8e5d583',
      iterations: 6,
      adam: {
        learningRate: Math.fround(0.001),
        beta1: Math.fround(0.9),
        beta2: Math.fround(0.999),
        epsilon: 1e-7,
      },
    },
    {
      file: goldenWide,
      name: 'sequential',
      inputShape: [28, 28, 1],
      specs: notebookLayers([100, 60, 100]),
      weights: 'ab3c67f46ba2fe53d4ea4e1b0d6f859298a23268d51c181bcbee9c1f60ce5e10',
      m: '0ff3c7c8c5f4264b0f709edfd403341c976579f063174a027695a0ef01c82cad',
      v: 'a25015f127896d5c4d7d5e0c10e7a8c89a9055b7dbdc13d7a05ed530c3f78008',
      iterations: 18,
      adam: {
        learningRate: Math.fround(0.001),
        beta1: Math.fround(0.9),
        beta2: Math.fround(0.999),
        epsilon: 1e-7,
      },
    },
    {
      file: keras3Model,
      name: 'keras3',
      inputShape: [12, 10, 2],
      specs: [
        layers.rescaling({ scale: 1 / 255, offset: -0.5 }),
        layers.conv2d({ filters: 4, kernelSize: [3, 2], strides: 2, padding: 'same', activation: 'relu' }),
        layers.batchNormalization(),
        layers.maxPooling2d({ poolSize: [2, 1] }),
        layers.dropout({ rate: 0.25 }),
        layers.flatten(),
        layers.dense({ units: 6, activation: 'relu', useBias: false }),
        layers.batchNormalization({ momentum: 0.9, epsilon: 0.01 }),
        layers.dense({ units: 5 }),
        layers.activation('softmax'),
      ],
      weights: '7d4699b6ebb90169f05a3650ce931081ffc8b0dfb6b49d3e5f7a3ccc5a39522e',
      m: 'cec8f9d9f5e72cfc1e1676c29b5c1235d06f317e6d397d0e9f6550c5bfeb3bde',
      v: 'd7ee25d8a4c50e4fb4b9799ab4761467f2a724b94b1ae988a11beef425312a2e',
      iterations: 6,
      adam: {
        learningRate: Math.fround(0.002),
        beta1: Math.fround(0.9),
        beta2: Math.fround(0.999),
        epsilon: 1e-7,
      },
    },
  ])(
    'reads what Keras wrote: $file',
    async ({ file, name, inputShape, specs, weights, m, v, iterations, adam }) => {
      const model = await readKerasH5(file);
      expect(model.name).toBe(name);
      expect(model.inputShape).toEqual(inputShape);
      expect(model.layers.map(({ name: _, ...spec }) => spec)).toEqual(specs);
      expect(sha256(model.weights)).toBe(weights);
      expect(model.optimizer).toMatchObject({ adam, iterations });
      expect(sha256(model.optimizer!.m)).toBe(m);
      expect(sha256(model.optimizer!.v)).toBe(v);
    },
  );

  test('names weights by layer and variable and gives their shapes', async () => {
    const { weights } = await readKerasH5(keras3Model);
    expect(weights.slice(0, 7).map(({ name, shape }) => [name, shape])).toEqual([
      ['conv2d/kernel', [3, 2, 2, 4]],
      ['conv2d/bias', [4]],
      ['batch_normalization/gamma', [4]],
      ['batch_normalization/beta', [4]],
      ['batch_normalization/moving_mean', [4]],
      ['batch_normalization/moving_variance', [4]],
      ['dense/kernel', [60, 6]],
    ]);
  });
});

describe('writeKerasH5', () => {
  test.each([goldenModel, goldenWide])(
    'writes the file that Keras 2.8 wrote, with a seal: %s',
    async (file) => {
      const path = join(folder, 'model.h5');
      await writeKerasH5(path, await readKerasH5(file));
      const ours = await outline(path);
      const theirs = await outline(file);
      for (const [at, value] of theirs) expect([at, ours.get(at)]).toEqual([at, value]);
      expect(ours.get('@convsweep_sha256')).toMatch(/^convsweep_sha256:[0-9a-f]{64}$/);
      expect(ours.size).toBe(theirs.size + 1);
      expect(ours.get('@model_config')).toMatch(/^\{"class_name": "Sequential", /);
    },
  );

  test('what is read again is equal, bit by bit', async () => {
    for (const file of [goldenModel, keras3Model]) {
      const model = await readKerasH5(file);
      model.weights[0]!.data.set([Number.NaN, Number.NEGATIVE_INFINITY, -0, 1e-45]);
      const path = join(folder, 'again.h5');
      await writeKerasH5(path, model);
      const again = await readKerasH5(path);
      expect(sha256(again.weights)).toBe(sha256(model.weights));
      expect(sha256(again.optimizer!.m)).toBe(sha256(model.optimizer!.m));
      expect(sha256(again.optimizer!.v)).toBe(sha256(model.optimizer!.v));
      expect(again.layers).toEqual(model.layers);
      expect(again.optimizer!.iterations).toBe(model.optimizer!.iterations);
    }
  });

  test('the bytes depend on the model alone, and nothing else is left in the folder', async () => {
    const model = await readKerasH5(goldenModel);
    await writeKerasH5(join(folder, 'a.h5'), model);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await writeKerasH5(join(folder, 'b.h5'), model);
    await writeKerasH5(join(folder, 'b.h5'), model);
    expect((await readFile(join(folder, 'a.h5'))).equals(await readFile(join(folder, 'b.h5')))).toBe(true);
    expect((await readdir(folder)).sort()).toEqual(['a.h5', 'b.h5']);
  });

  test('leaves the optimizer out where there is none', async () => {
    const path = join(folder, 'model.h5');
    await writeKerasH5(path, { ...(await readKerasH5(goldenModel)), optimizer: undefined });
    expect((await readKerasH5(path)).optimizer).toBeUndefined();
    expect([...(await outline(path)).keys()].filter((at) => /training|optimizer/.test(at))).toEqual([]);
  });

  test('a model whose configuration is longer than an attribute of HDF5 holds', async () => {
    const specs = [
      layers.flatten(),
      ...Array.from({ length: 200 }, () => layers.dense({ units: 1 })),
      layers.dense({ units: 2, activation: 'softmax' }),
    ];
    const weights: NamedWeight[] = Array.from({ length: 201 }, (_, i) => [
      {
        name: `dense${i === 0 ? '' : `_${i}`}/kernel`,
        shape: [1, i === 200 ? 2 : 1],
        data: new Float32Array(i === 200 ? 2 : 1).fill(i),
      },
      {
        name: `dense${i === 0 ? '' : `_${i}`}/bias`,
        shape: [i === 200 ? 2 : 1],
        data: new Float32Array(i === 200 ? 2 : 1).fill(-i),
      },
    ]).flat();
    const path = join(folder, 'deep.h5');
    await writeKerasH5(path, { name: 'deep', layers: specs, inputShape: [1, 1, 1], weights });
    expect((await readFile(path)).length).toBeGreaterThan(65536);
    expect((await readKerasH5(path)).weights).toEqual(weights);
  });

  test('refuses weights of another model before it writes', async () => {
    const model = await readKerasH5(goldenModel);
    const path = join(folder, 'model.h5');
    const withWeights = (change: (weights: NamedWeight[]) => NamedWeight[]): KerasModel => ({
      ...model,
      weights: change([...model.weights]),
    });
    const bias = { name: 'conv2d/bias', shape: [27], data: new Float32Array(27) };
    await expect(
      writeKerasH5(
        path,
        withWeights((list) => list.slice(1)),
      ),
    ).rejects.toThrow('Expected 32 weights { name, shape, data } for weights but received 31');
    await expect(
      writeKerasH5(
        path,
        withWeights((list) => list.reverse()),
      ),
    ).rejects.toThrow('weights[0].name');
    await expect(
      writeKerasH5(
        path,
        withWeights((list) => list.with(1, bias)),
      ),
    ).rejects.toThrow('Expected shape [28] (28 values) for conv2d/bias but received [27] (27 values)');
    expect(await readdir(folder)).toEqual([]);
  });

  test('says why it cannot write', async () => {
    const model = await readKerasH5(goldenModel);
    await mkdir(join(folder, 'taken.h5'));
    for (const path of [join(folder, 'no', 'model.h5'), join(folder, 'taken.h5')]) {
      await expect(writeKerasH5(path, model)).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining(path),
      });
    }
    expect(await readdir(folder)).toEqual(['taken.h5']);
  });
});

describe('the seal', () => {
  test('tells any changed byte of a file of our own', async () => {
    const path = join(folder, 'model.h5');
    await writeKerasH5(path, await readKerasH5(keras3Model));
    const whole = await readFile(path);
    // Every structure at the start, and a sample of the rest.
    for (let at = 0; at < whole.length; at += at < 512 ? 7 : 997) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      await writeFile(path, damaged);
      expect([at, await readKerasH5(path).catch((error) => error.code)]).toEqual([at, 'INVALID_MODEL']);
    }
  });

  test('says so, and what to do about it', async () => {
    const path = join(folder, 'model.h5');
    await writeKerasH5(path, await readKerasH5(goldenModel));
    const changed = await readFile(path);
    changed[changed.length - 5000]! ^= 1;
    await writeFile(path, changed);
    await expect(readKerasH5(path)).rejects.toThrow(
      'it was damaged or changed after it was saved (its checksum differs); if it was changed on purpose, open it in Keras and save it again',
    );
  });

  test.each(['name', 'text'])('counts when the attribute has its %s damaged', async (part) => {
    const path = join(folder, 'model.h5');
    await writeKerasH5(path, await readKerasH5(keras3Model));
    const damaged = await readFile(path);
    const text = damaged.indexOf('convsweep_sha256:');
    const name = damaged.indexOf('convsweep_sha256\0');
    expect(text).not.toBe(name);
    damaged.write('x', part === 'text' ? text : name);
    damaged[damaged.length - 5000]! ^= 1;
    await writeFile(path, damaged);
    await expect(readKerasH5(path)).rejects.toThrow('its checksum differs');
  });

  test('lets numbers through that are none, and only it does', async () => {
    const model = await readKerasH5(goldenModel);
    const diverged = structuredClone(model);
    diverged.weights[3]!.data[1] = Number.NaN;
    diverged.optimizer!.v[0]!.data[2] = Number.POSITIVE_INFINITY;
    const path = join(folder, 'model.h5');
    await writeKerasH5(path, diverged);
    expect(await readKerasH5(path)).toEqual(diverged);

    const foreign = await readFile(goldenModel);
    const { buffer } = model.weights[0]!.data;
    const at = foreign.indexOf(new Uint8Array(buffer as ArrayBuffer, 0, 32));
    foreign.writeFloatLE(Number.NaN, at + 8);
    await writeFile(path, foreign);
    await expect(readKerasH5(path)).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringContaining('its weights of conv2d/kernel have NaN at index 2: it is damaged'),
    });
  });
});

describe('what cannot be read', () => {
  async function fileOf(
    attributes: Hdf5Group['attributes'],
    members: [string, Hdf5Group][] = [],
  ): Promise<string> {
    const path = join(folder, 'foreign.h5');
    await writeFile(path, encodeHdf5({ attributes, members: new Map(members) }));
    return path;
  }

  test('a missing file and a folder', async () => {
    const missing = join(folder, 'missing.h5');
    await expect(readKerasH5(missing)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(missing),
    });
    await expect(readKerasH5(folder)).rejects.toMatchObject({ code: 'FILE' });
  });

  test('no HDF5', async () => {
    const path = join(folder, 'text.h5');
    for (const text of ['', 'models are not made of this', '\x89HDF\r\n\x1a\n']) {
      await writeFile(path, text, 'latin1');
      await expect(readKerasH5(path)).rejects.toMatchObject({
        code: 'INVALID_MODEL',
        message: expect.stringMatching(/text\.h5 is not a model file.*not HDF5, or damaged/),
      });
    }
  });

  test.each([100, 2000, 100_000, 299_583])('a file cut after %i bytes', async (length) => {
    const path = join(folder, 'cut.h5');
    await writeFile(path, await readFile(goldenModel));
    await truncate(path, length);
    await expect(readKerasH5(path)).rejects.toMatchObject({ code: 'INVALID_MODEL' });
  });

  test('a file of our own cut short', async () => {
    const path = join(folder, 'cut.h5');
    await writeKerasH5(path, await readKerasH5(goldenModel));
    await truncate(path, (await readFile(path)).length - 8);
    await expect(readKerasH5(path)).rejects.toThrow('truncated file');
  });

  test('HDF5 without a model, or with weights only', async () => {
    await expect(readKerasH5(await fileOf({}))).rejects.toThrow('it has no model_config');
    await expect(readKerasH5(await fileOf({ layer_names: ['dense'] }))).rejects.toThrow('weights only');
  });

  test('weights that are missing or of another shape', async () => {
    const json = await attribute(goldenModel, 'model_config');
    const group = (members: [string, Hdf5Group][]): Hdf5Group => ({
      attributes: {},
      members: new Map(members),
    });
    await expect(readKerasH5(await fileOf({ model_config: json }))).rejects.toThrow('no model_weights');
    await expect(
      readKerasH5(await fileOf({ model_config: json }, [['model_weights', group([])]])),
    ).rejects.toThrow('no weights for layer conv2d');
    const conv: Hdf5Group = {
      attributes: { weight_names: ['conv2d/kernel:0'] },
      members: new Map([
        [
          'conv2d',
          {
            attributes: {},
            members: new Map([['kernel:0', { shape: [3, 3, 28], data: new Float32Array(252) }]]),
          },
        ],
      ]),
    };
    const weights = group([['conv2d', conv]]);
    await expect(
      readKerasH5(await fileOf({ model_config: json }, [['model_weights', weights]])),
    ).rejects.toThrow('conv2d/kernel:0 has shape [3,3,28] instead of [3,3,1,28]');
  });

  async function attribute(file: string, name: string): Promise<string> {
    return (await outline(file)).get(`@${name}`) as string;
  }

  const edit = (from: string, to: string) => (json: string) => {
    expect(json).toContain(from);
    return json.replace(from, to);
  };

  test.each<[string, (json: string) => string, string]>([
    ['no JSON', (json) => json.slice(1), 'model_config is not valid JSON'],
    ['a list', () => '[]', 'model class undefined is not supported, only Sequential'],
    ['null', () => 'null', 'model_config is not an object but null'],
    [
      'an object for a name',
      edit('"class_name": "Flatten"', '"class_name": {"toString": 1}'),
      'layer flatten of class "an object of class Object" is not supported',
    ],
    ['two axes', edit('"axis": [3]', '"axis": [3, 2]'), 'batch_normalization with axis [3,2]'],
    [
      'lists in lists without end',
      edit('"dilation_rate": [1, 1]', `"dilation_rate": ${'['.repeat(20_000)}${']'.repeat(20_000)}`),
      'model_config is nested more than 100 deep',
    ],
    [
      'brackets in a name',
      edit('"name": "sequential"', `"name": "${'['.repeat(200)}"`),
      'the name of the model',
    ],
    ['a functional model', edit('"Sequential"', '"Functional"'), 'model class "Functional" is not supported'],
    [
      'another layer',
      edit('"class_name": "Flatten"', '"class_name": "GlobalMaxPooling2D"'),
      'layer flatten of class "GlobalMaxPooling2D" is not supported, only Rescaling, Conv2D',
    ],
    [
      'another activation',
      edit('"activation": "relu"', '"activation": "gelu"'),
      'for conv2d.activation but received "gelu"',
    ],
    [
      'channels first',
      edit('channels_last', 'channels_first'),
      'conv2d with data_format "channels_first" is not supported, only channels_last',
    ],
    [
      'dilation',
      edit('"dilation_rate": [1, 1]', '"dilation_rate": [2, 2]'),
      'conv2d with dilation_rate [2,2]',
    ],
    ['groups', edit('"groups": 1', '"groups": 2'), 'conv2d with groups 2'],
    [
      'a regularizer',
      edit(
        '"kernel_regularizer": null',
        '"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}}',
      ),
      'conv2d with kernel_regularizer {"class_name":"L2"',
    ],
    ['a constraint', edit('"bias_constraint": null', '"bias_constraint": {}'), 'conv2d with bias_constraint'],
    [
      'a frozen layer',
      edit('"name": "dense", "trainable": true', '"name": "dense", "trainable": false'),
      'dense with trainable false',
    ],
    [
      'half precision',
      edit(
        '"name": "dense", "trainable": true, "dtype": "float32"',
        '"name": "dense", "trainable": true, "dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}',
      ),
      'dense with dtype',
    ],
    [
      'logits as outputs',
      edit('"activation": "softmax"', '"activation": "linear"'),
      'dense_3: the last layer must be a softmax over the classes',
    ],
    [
      'a name with spaces',
      edit('"name": "sequential"', '"name": "my model"'),
      'for the name of the model but received "my model"',
    ],
    ['no gamma', edit('"scale": true', '"scale": false'), 'batch_normalization with scale false'],
    ['another axis', edit('"axis": [3]', '"axis": [1]'), 'batch_normalization with axis [1]'],
    [
      'a scale per channel',
      edit('"scale": 0.00392156862745098', '"scale": [1, 2]'),
      'finite number for rescaling.scale',
    ],
    [
      'a vector as input',
      (json) => json.replaceAll('[null, 28, 28, 1]', '[null, 784]'),
      'input shape [null,784] is not supported',
    ],
    [
      'no input shape',
      (json) => json.replaceAll('"batch_input_shape": [null, 28, 28, 1]', '"x": 0'),
      'no input shape',
    ],
    [
      'a kernel too large',
      (json) => json.replaceAll('[null, 28, 28, 1]', '[null, 2, 2, 1]'),
      'conv2d: kernel 3 x 3 is larger than its input 2 x 2',
    ],
  ])('%s in model_config', async (_, change, message) => {
    const path = await fileOf({ model_config: change(await attribute(goldenModel, 'model_config')) });
    const reading = readKerasH5(path);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringContaining(path),
    });
  });

  test.each<[string, string, (json: string) => string, string]>([
    [
      'another optimizer',
      goldenModel,
      edit('{"class_name": "Adam"', '{"class_name": "RMSprop"'),
      'optimizer "RMSprop" is not supported, only Adam; save the model without it',
    ],
    [
      'another loss',
      goldenModel,
      edit('"sparse_categorical_crossentropy"', '"mse"'),
      'loss "mse" is not supported',
    ],
    [
      'logits',
      goldenModel,
      edit(
        '"sparse_categorical_crossentropy"',
        '{"class_name": "SparseCategoricalCrossentropy", "config": {"from_logits": true}}',
      ),
      'a loss from logits',
    ],
    ['AMSGrad', goldenModel, edit('"amsgrad": false', '"amsgrad": true'), 'Adam with amsgrad'],
    ['decay', goldenModel, edit('"decay": 0.0', '"decay": 0.1'), 'Adam with decay'],
    [
      'weight decay',
      keras3Model,
      edit('"weight_decay": null', '"weight_decay": 0.004'),
      'Adam with weight_decay',
    ],
    [
      'clipping',
      keras3Model,
      edit('"global_clipnorm": null', '"global_clipnorm": 1.0'),
      'Adam with global_clipnorm',
    ],
    [
      'a learning rate of 0',
      goldenModel,
      edit('"learning_rate": 0.0010000000474974513', '"learning_rate": 0.0'),
      'a positive number for optimizer.learningRate but received 0',
    ],
    [
      'a schedule',
      goldenModel,
      edit('"learning_rate": 0.0010000000474974513', '"learning_rate": {"class_name": "CosineDecay"}'),
      'Adam with learning_rate {"class_name":"CosineDecay"}',
    ],
  ])('%s in training_config', async (_, source, change, message) => {
    const bytes = encodeHdf5(
      await copyOf(source, { training_config: change(await attribute(source, 'training_config')) }),
    );
    const path = join(folder, 'foreign.h5');
    await writeFile(path, bytes);
    await expect(readKerasH5(path)).rejects.toThrow(message);
    await expect(readKerasH5(path)).rejects.toMatchObject({ code: 'INVALID_MODEL' });
  });

  test.each<[string, (names: string[]) => string[], string]>([
    ['no step count', (names) => names.filter((name) => !name.includes('iter')), 'no step count'],
    ['moments missing', (names) => names.slice(0, -1), '21 of 22 moments v'],
    ['no moments after 6 steps', (names) => names.slice(0, 1), '0 of 22 moments m'],
    [
      'moments of other weights',
      (names) => [...names.slice(0, 1), ...names.slice(1, 23).reverse(), ...names.slice(23)],
      'has shape',
    ],
  ])('an optimizer state with %s', async (_, change, message) => {
    const root = await copyOf(goldenModel, {});
    const optimizer = root.members.get('optimizer_weights') as Hdf5Group;
    optimizer.attributes.weight_names = change([...optimizer.attributes.weight_names!]);
    const path = join(folder, 'foreign.h5');
    await writeFile(path, encodeHdf5(root));
    await expect(readKerasH5(path)).rejects.toThrow(message);
  });

  test('a model saved before its first step has zero moments', async () => {
    const root = await copyOf(goldenModel, {});
    const optimizer = root.members.get('optimizer_weights') as Hdf5Group;
    optimizer.attributes.weight_names = ['Adam/iter:0'];
    const adam = optimizer.members.get('Adam') as Hdf5Group;
    adam.members.set('iter:0', { shape: [], data: BigInt64Array.of(0n) });
    const path = join(folder, 'fresh.h5');
    await writeFile(path, encodeHdf5(root));
    const { optimizer: fresh } = await readKerasH5(path);
    expect(fresh!.iterations).toBe(0);
    expect(fresh!.v.map(({ shape }) => shape)).toContainEqual([3, 3, 28, 28]);
    expect([...fresh!.m, ...fresh!.v].every(({ data }) => data.every((value) => value === 0))).toBe(true);
  });

  /** The content of a file, with other attributes of its root. */
  async function copyOf(path: string, attributes: Hdf5Group['attributes']): Promise<Hdf5Group> {
    const h5 = await import('h5wasm/node');
    await h5.ready;
    const copy = (entity: Group): Hdf5Group => {
      const entries = Object.entries(entity.attrs).map(([name, { value }]) => [
        name,
        typeof value === 'string' ? value : Array.from(value as ArrayLike<string>),
      ]);
      const members = entity.keys().map((name): [string, Hdf5Group | Hdf5Dataset] => {
        const member = entity.get(name) as Group | Dataset;
        if ('keys' in member) return [name, copy(member)];
        const { value } = member;
        const data =
          typeof value === 'bigint'
            ? BigInt64Array.of(value)
            : Float32Array.from(typeof value === 'number' ? [value] : (value as Float32Array));
        return [name, { shape: member.shape!, data }];
      });
      return { attributes: Object.fromEntries(entries), members: new Map(members) };
    };
    const file = new h5.File(path, 'r');
    const root = copy(file.get('/') as Group);
    file.close();
    return { ...root, attributes: { ...root.attributes, ...attributes } };
  }
});

describe('pythonJson', () => {
  test.each<[number, string]>([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [0.1, '0.1'],
    [-2.5, '-2.5'],
    [1 / 255, '0.00392156862745098'],
    [Math.fround(0.001), '0.0010000000474974513'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1e-7, '1e-07'],
    [1.25e-10, '1.25e-10'],
    [5e-324, '5e-324'],
    [123456789, '123456789.0'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.5e300, '1.5e+300'],
  ])('writes the float %d as repr does: %s', (value, expected) => {
    expect(pythonFloat(value)).toBe(expected);
  });

  test('spaces, keeps order, escapes', () => {
    expect(pythonJson({ b: [1, null, true], a: { 'ä"': '\u2028\n' }, c: [], d: {} })).toBe(
      String.raw`{"b": [1, null, true], "a": {"\u00e4\"": "\u2028\n"}, "c": [], "d": {}}`,
    );
  });
});
