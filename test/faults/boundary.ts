/**
 * Calls the addon in every wrong way there is, as nothing above it does: each call must throw an error that names what
 * is wrong, and none may end the process or touch memory that is not its own. A script, so that a crash is an exit code,
 * and so that it can run on an addon with AddressSanitizer:
 *
 *     node boundary.js path/to/addon.node
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { NativeAddon, NativeDataset, NativeLayer, NativeNetwork } from '../../lib/native/contract.js';

const require = createRequire(import.meta.url);
const path = process.argv[2]!;
const addon = require(path) as NativeAddon;

const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
const dense = (inputs: number, outputs: number, activation = 'softmax') =>
  ({
    type: 'Dense',
    inputShape: [inputs],
    outputShape: [outputs],
    activation,
    useBias: true,
  }) as NativeLayer;
const pool = (window: number[], inputShape: number[], outputShape: number[], strides = window) => ({
  type: 'MaxPooling2D',
  inputShape,
  outputShape,
  window,
  strides,
});
const conv = (window: number[], inputShape: number[], outputShape: number[], strides = [1, 1]) => ({
  ...pool(window, inputShape, outputShape, strides),
  type: 'Conv2D',
  activation: 'relu',
  useBias: true,
});
const without = (object: object, field: string) =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== field));

const networkOptions = {
  layers: [dense(4, 3)],
  adam,
  device: 0,
  seed: 0,
  precision: 'fp32' as const,
  threads: 2,
};
const dataOptions = {
  images: new Uint8Array(8),
  labels: Uint8Array.of(0, 2),
  count: 2,
  imageSize: 4,
  device: 0,
};
const network = (layers: unknown[] = networkOptions.layers, options: object = {}) =>
  new addon.Network({ ...networkOptions, layers: layers as NativeLayer[], ...options });
const dataset = (options: object = {}) => new addon.Dataset({ ...dataOptions, ...options });
const live = network();
const data = dataset();
const rows = Uint32Array.of(0, 1);
const detached = (array: Float32Array | Uint8Array | Uint32Array) => {
  new MessageChannel().port1.postMessage(array.buffer, [array.buffer as ArrayBuffer]);
  return array;
};

/** A wrong call, and what its error's message must say. */
type Wrong = [says: string, call: () => unknown];
const wrong: Wrong[] = [];
const each = (values: unknown[], says: string, call: (value: never) => unknown) => {
  for (const value of values) wrong.push([says, () => call(value as never)]);
};

// ---- Networks --------------------------------------------------------------------------------------------------

const notObjects = [undefined, null, 1, 'text'];
const notIntegers = [undefined, null, '0', Number.NaN, -1, 0.5, 2 ** 60, Number.POSITIVE_INFINITY, 1n];
each(notObjects, 'for options', (options) => new addon.Network(options));
each([...notObjects, {}, { length: 2 ** 32 }], 'for layers', (layers) => network(undefined, { layers }));
each([[], new Array(0)], 'at least one layer', (layers) => network(layers));
each([[1], [null], new Array(2 ** 32 - 1)], 'layers[0]', (layers) => network(layers));
each(notObjects, 'for adam', (value) => network(undefined, { adam: value }));
for (const field of Object.keys(adam)) {
  each([undefined, null, '1', Number.NaN, 1e300], `adam.${field}`, (value) =>
    network(undefined, { adam: { ...adam, [field]: value } }),
  );
}
each([-1, 1, 2], 'betas', (beta1) => network(undefined, { adam: { ...adam, beta1 } }));
each(notIntegers, 'for device', (device) => network(undefined, { device }));
each([addon.devices().length, 1000], 'the device exists', (device) => network(undefined, { device }));
each(notIntegers, 'for seed', (seed) => network(undefined, { seed }));
each([undefined, 0, -1, 1.5, '2', null, 2 ** 31], 'for threads', (threads) =>
  network(undefined, { threads: threads as never }),
);
each([undefined, null, 1, 'auto', 'fp64'], 'precision', (precision) => network(undefined, { precision }));
wrong.push(['Class', () => (addon.Network as unknown as () => unknown)()]);

// ---- Layers ----------------------------------------------------------------------------------------------------

const norm = { type: 'BatchNormalization', inputShape: [4], outputShape: [4], momentum: 0.9, epsilon: 1e-3 };
/** One of each type, with all its fields. */
const complete: Record<NativeLayer['type'], object> = {
  Rescaling: { type: 'Rescaling', inputShape: [4], outputShape: [4], scale: 1, offset: 0 },
  Conv2D: conv([3, 3], [4, 4, 1], [2, 2, 2]),
  MaxPooling2D: pool([2, 2], [4, 4, 1], [2, 2, 1]),
  BatchNormalization: norm,
  Flatten: { type: 'Flatten', inputShape: [2, 2, 1], outputShape: [4] },
  Dense: dense(4, 3),
  Dropout: { type: 'Dropout', inputShape: [4], outputShape: [4], rate: 0.5 },
  Activation: { type: 'Activation', inputShape: [4], outputShape: [4], activation: 'relu' },
};
for (const layer of Object.values(complete)) {
  network([layer]).dispose();
  for (const field of Object.keys(layer)) {
    wrong.push([`layers[0].${field}`, () => network([without(layer, field)])]);
    each([null, {}, Symbol('no number')], `layers[0].${field}`, (value) =>
      network([{ ...layer, [field]: value }]),
    );
  }
}
const shapes = [
  [],
  [0],
  [-4],
  [1.5],
  ['4'],
  [Number.NaN],
  [2 ** 31],
  [1, 1, 1, 1],
  new Array(2 ** 32 - 1),
  new Array(3),
];
for (const field of ['inputShape', 'outputShape']) {
  each(shapes, field, (shape) => network([{ ...dense(4, 3), [field]: shape }]));
}
const large = 2 ** 31 - 1;
const misfits: unknown[][] = [
  [{ ...dense(4, 3), type: 'Dense3D' }],
  [{ ...dense(4, 3), activation: 'tanh' }],
  [dense(4, 3, 'softmax'), dense(3, 2)],
  [dense(4, 3, 'relu'), dense(4, 2)],
  [{ ...norm, outputShape: [5] }],
  [{ ...norm, inputShape: [2, 2], outputShape: [2, 2] }],
  [{ type: 'Flatten', inputShape: [2, 2, 1], outputShape: [5] }],
  [{ type: 'Flatten', inputShape: [2, 2, 1], outputShape: [2, 2, 1] }],
  [{ type: 'Dropout', inputShape: [4], outputShape: [4], rate: 1 }],
  [{ type: 'Dropout', inputShape: [4], outputShape: [4], rate: -1 }],
  [dense(large, large)],
  [dense(2 ** 16, 2 ** 16)],
  [conv([3, 3], [4], [4])],
  [conv([3, 3], [4, 4, 1], [5, 5, 1])],
  [conv([3, 3], [4, 4, 1], [1, 1, 1])],
  [conv([5, 5], [4, 4, 1], [1, 1, 1])],
  [conv([large, large], [4, 4, 1], [4, 4, 1])],
  [conv([1, 2 ** 17], [4, 4, 1], [4, 4, 1])],
  [conv([1, 1], [large, large, large], [large, large, large])],
  [conv([256, 256], [4, 4, 2 ** 20], [4, 4, 2 ** 20])],
  [conv([3, 1], [large, 1, 1], [large, 1, 1])],
  [pool([2, 2], [4, 4, 1], [2, 2, 2])],
  [pool([2, 2], [4, 4, 1], [4, 4, 1])],
  [pool([5, 5], [4, 4, 1], [2, 2, 1])],
  [pool([300, 300], [300, 300, 1], [1, 1, 1])],
  [pool([500, 500], [500, 500, 1], [500, 500, 1], [1, 1])],
  [pool([large, large], [28, 28, 1], [28, 28, 1], [1, 1])],
  [conv([3, 3], [4, 4, 1], [2, 2, 1]), pool([2, 2], [4, 4, 1], [2, 2, 1])],
  [conv([3, 3], [4, 4, 1], [2, 2, 1]), pool([9, 9], [2, 2, 1], [2, 2, 1])],
];
for (const layers of misfits) wrong.push(['(layers[', () => network(layers)]);

// ---- Data sets -------------------------------------------------------------------------------------------------

each(notObjects, 'for options', (options) => new addon.Dataset(options));
for (const field of ['images', 'labels']) {
  each(
    [undefined, {}, [1, 2], new ArrayBuffer(8), new Float32Array(2), new DataView(new ArrayBuffer(8))],
    field,
    (v) => dataset({ [field]: v }),
  );
  each([new Uint8Array(0), new Uint8Array(3), detached(new Uint8Array(8))], field, (v) =>
    dataset({ [field]: v }),
  );
}
each([...notIntegers, 0, 2 ** 32], 'for count', (count) => dataset({ count }));
each([...notIntegers, 0, 2 ** 31], 'for imageSize', (imageSize) => dataset({ imageSize }));
each(notIntegers, 'for device', (device) => dataset({ device }));
each([addon.devices().length, 1000], 'the device exists', (device) => dataset({ device }));
wrong.push([
  'for images',
  () => dataset({ count: 2 ** 32 - 1, imageSize: 2 ** 31 - 1, images: new Uint8Array(1) }),
]);
wrong.push(['Class', () => (addon.Dataset as unknown as () => unknown)()]);
/** Bytes that JavaScript can take away: `new ArrayBuffer(length, { maxByteLength })` and `resize` are of ES2024. */
type Resizable = ArrayBuffer & { resize(length: number): void };
const resizable = (length: number): Resizable =>
  Reflect.construct(ArrayBuffer, [length, { maxByteLength: length }]) as Resizable;
/** Large enough to be memory of their own, which is unmapped when it goes. */
const LARGE = 2 ** 23;
for (const [array, later] of [
  ['images', ['labels', 'count', 'imageSize', 'device']],
  ['labels', ['count', 'imageSize', 'device']],
] as const) {
  for (const field of later) {
    for (const how of ['detached', 'shrunk']) {
      wrong.push([
        `for ${array}`,
        () => {
          const memory = resizable(LARGE);
          const count = array === 'images' ? 2 : LARGE;
          const options = {
            images: new Uint8Array(LARGE),
            labels: new Uint8Array(count),
            count,
            imageSize: LARGE / count,
            device: 0,
            [array]: new Uint8Array(memory),
          };
          const value = options[field];
          return new addon.Dataset(
            Object.defineProperty(options, field, {
              get() {
                if (how === 'shrunk') memory.resize(0);
                else detached(options[array]);
                return value;
              },
            }),
          );
        },
      ]);
    }
  }
}

// ---- Calls -----------------------------------------------------------------------------------------------------

const folder = mkdtempSync(join(tmpdir(), 'convsweep-'));
copyFileSync(path, join(folder, 'copy.node'));
const copy = require(join(folder, 'copy.node')) as NativeAddon;
rmSync(folder, { recursive: true });
const disposed = dataset();
disposed.dispose();
const notDatasets = [undefined, {}, live, disposed, new copy.Dataset(dataOptions), Object.create(data)];
const calls: Record<string, (dataset: NativeDataset, rows: Uint32Array) => unknown> = {
  trainEpoch: (from, which) => live.trainEpoch(from, which, Uint32Array.of(which?.length ?? 0)),
  evaluate: (from, which) => live.evaluate(from, which, 2),
  predict: (from, which) => live.predict(from, which, 2, false),
  gradients: (from, which) => live.gradients(from, which),
};
wrong.push([
  'numbers for parameters',
  () => {
    const original = globalThis.Float32Array;
    const made: Resizable[] = [];
    // Each array that is made takes the memory of the first one away.
    class Taking extends Float32Array {
      constructor(length: number) {
        made.push(resizable(4 * length));
        if (made.length > 1) made[0]!.resize(0);
        super(made.at(-1)!);
      }
    }
    globalThis.Float32Array = Taking as unknown as Float32ArrayConstructor;
    try {
      return live.readState();
    } finally {
      globalThis.Float32Array = original;
    }
  },
]);
for (const [name, call] of Object.entries(calls)) {
  each(notDatasets, 'dataset', (value) => call(value, rows));
  const notRows = [
    undefined,
    [0],
    Int32Array.of(0),
    new Uint32Array(0),
    Uint32Array.of(0, 2),
    detached(new Uint32Array(2)),
  ];
  each(notRows, 'for rows', (value) => call(data, value));
  const otherSize = dataset({ images: new Uint8Array(2 ** 16), imageSize: 2 ** 15 });
  wrong.push(['pixels for dataset', () => call(otherSize, rows)]);
  const otherLabels = dataset({ labels: Uint8Array.of(0, 255) });
  if (name !== 'predict') wrong.push(['labels below 3', () => call(otherLabels, rows)]);
}
each(
  [undefined, [2], Uint32Array.of(1), Uint32Array.of(0, 2), Uint32Array.of(3, 2 ** 32 - 1)],
  'for batchSizes',
  (sizes) => live.trainEpoch(data, rows, sizes),
);
each([...notIntegers, 0], 'for batchSize', (size) => live.evaluate(data, rows, size));
each([...notIntegers, 0], 'for batchSize', (size) => live.predict(data, rows, size, false));
each([undefined, 1, 'yes'], 'for training', (training) => live.predict(data, rows, 1, training));
const headless = network([dense(4, 3, 'linear')]);
each(['trainEpoch', 'evaluate', 'gradients'], 'final softmax', (method: 'evaluate') =>
  headless[method](data, rows, (method as string) === 'trainEpoch' ? (Uint32Array.of(2) as never) : 1),
);
wrong.push([
  'out of memory',
  () => {
    const wide = network([dense(1, 2 ** 20)]);
    const one = dataset({ images: new Uint8Array(2), imageSize: 1 });
    return wide.predict(one, new Uint32Array(2 ** 22), 1, false);
  },
]);

// ---- State -----------------------------------------------------------------------------------------------------

each(notObjects, 'for state', (state) => live.writeState(state));
for (const field of ['parameters', 'm', 'v']) {
  each(
    [null, [1], new Float64Array(15), new Float32Array(14), detached(new Float32Array(15))],
    field,
    (value) => live.writeState({ [field]: value }),
  );
}
each([null, [1], new Float32Array(1)], 'for statistics', (statistics) => live.writeState({ statistics }));
each(notIntegers.slice(1), 'for iterations', (iterations) => live.writeState({ iterations }));
wrong.push([
  'for parameters',
  () => {
    const parameters = new Float32Array(15);
    live.writeState({
      parameters,
      get iterations() {
        detached(parameters);
        return 1;
      },
    });
  },
]);
wrong.push([
  'disposed',
  () => {
    const doomed = network();
    doomed.writeState({
      get iterations() {
        doomed.dispose();
        return 1;
      },
    });
  },
]);
wrong.push([
  'busy',
  () => {
    const used = network();
    let running: Promise<unknown> | undefined;
    try {
      used.writeState({
        get iterations() {
          running = used.evaluate(data, rows, 1);
          return 1;
        },
      });
    } finally {
      running?.catch(() => undefined);
    }
  },
]);

// ---- Whose methods ---------------------------------------------------------------------------------------------

const methods = [
  ...Object.getOwnPropertyNames(addon.Network.prototype).map(
    (name) => [addon.Network.prototype, name] as const,
  ),
  ...Object.getOwnPropertyNames(addon.Dataset.prototype).map(
    (name) => [addon.Dataset.prototype, name] as const,
  ),
].filter(([, name]) => name !== 'constructor');
for (const [prototype, name] of methods) {
  const { get, value } = Object.getOwnPropertyDescriptor(prototype, name)!;
  const others = [undefined, {}, Object.create(prototype), Object.create(live), new Proxy(live, {})];
  const foreign = prototype === addon.Network.prototype ? data : live;
  each([...others, foreign], 'Illegal invocation', (self) => Reflect.apply(get ?? value, self, []));
}

// ----------------------------------------------------------------------------------------------------------------

let failures = 0;
for (const [i, [says, call]] of wrong.entries()) {
  // Known even if the process ends in the call.
  process.stdout.write(`${i} ${says}\n`);
  try {
    await call();
    console.error(`Call ${i}: nothing was thrown, expected "${says}": ${call}`);
    failures++;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message.includes(says)) continue;
    console.error(`Call ${i}: expected "${says}" but received "${message}": ${call}`);
    failures++;
  }
}
// All objects still work.
const { loss } = await live.trainEpoch(data, rows, Uint32Array.of(1, 1));
const alive =
  Number.isFinite(loss) && (await (live satisfies NativeNetwork).predict(data, rows, 2, false)).length === 6;
console.log(`${wrong.length} wrong calls, ${failures} failures, ${alive ? 'alive' : 'damaged'}`);
process.exitCode = failures === 0 && alive ? 0 : 1;
