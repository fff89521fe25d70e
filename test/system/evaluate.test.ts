import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { holdout, layers, loadDigits, loadIdx, Model, sequential, unseenImages } from '../../lib/index.js';
import { packageRoot } from '../../lib/package.js';
import { Random } from '../../lib/random.js';
import { runCli } from './run-node.js';

/** A model of Keras 2.8, which says nothing of its data. */
const FOREIGN = join(packageRoot(), 'test', 'fixtures', 'golden', 'keras280_model_100_60_100.h5');

let folder: string;
const at = (name: string) => join(folder, name);

/** Writes IDX files of 8 x 8 noise under labels that have nothing to do with it: what is known of them was learned by heart. */
function writeNoise(name: string, seed: number): void {
  mkdirSync(at(name));
  const random = new Random(seed);
  const bytes = (count: number, below: number) =>
    Uint8Array.from({ length: count }, () => random.below(below));
  const idx = (header: number[], data: Uint8Array) => {
    const head = Buffer.alloc(4 * header.length);
    for (const [i, value] of header.entries()) head.writeUInt32BE(value, 4 * i);
    return Buffer.concat([head, data]);
  };
  for (const [half, count] of [
    ['train', 300],
    ['t10k', 100],
  ] as const) {
    writeFileSync(
      at(join(name, `${half}-images-idx3-ubyte`)),
      idx([0x803, count, 8, 8], bytes(64 * count, 256)),
    );
    writeFileSync(at(join(name, `${half}-labels-idx1-ubyte`)), idx([0x801, count], bytes(count, 10)));
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-evaluate-'));
  writeNoise('noise', 1);
  writeNoise('other', 2);
  const { all } = await loadIdx(at('noise'));
  const { train } = holdout(all, { percent: 60, seed: 3 });
  using model = sequential(
    [
      layers.rescaling({ scale: 1 / 255 }),
      layers.flatten(),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    { inputShape: [8, 8, 1], device: 'cpu', optimizer: { learningRate: 0.01 } },
  );
  await model.fit(train, { epochs: 60, verbose: 0 });
  await model.save(at('model.h5'));
  await model.save(at('model.keras'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function evaluate(...args: string[]) {
  const { code, stdout, stderr } = await runCli(['evaluate', ...args, '--json'], { cwd: folder });
  if (code !== 0) return { code, stderr };
  const { images, accuracy } = JSON.parse(stdout);
  return { code, stderr, images, accuracy };
}

describe('convsweep evaluate', () => {
  test.each(['model.h5', 'model.keras'])('takes what %s was not trained on, and says so', async (file) => {
    const result = await evaluate(file, '--data', 'noise');
    expect(result).toMatchObject({ code: 0, images: 160 });
    expect(result.accuracy).toBeLessThan(0.3);
    expect(result.stderr).toContain(
      `${file} was trained on noise (60% by holdout, seed 3). Evaluated are the 160 other of the 400 images of noise.`,
    );
    const parts = ['--split', '60', '--part', 'validation'];
    expect(await evaluate(file, '--data', 'noise', ...parts)).toMatchObject({ images: 160 });
    const test = await evaluate(file, '--data', 'noise', '--part', 'test');
    expect(test.images).toBeLessThan(60);
    expect(test.accuracy).toBeLessThan(0.3);
  });

  test('takes the rest with --all, and says so', async () => {
    const result = await evaluate('model.h5', '--data', 'noise', '--all', '--part', 'all');
    expect(result).toMatchObject({ code: 0, images: 400 });
    expect(result.accuracy).toBeGreaterThan(0.5);
    expect(result.stderr).toContain(
      'These may be images that model.h5 was trained on: noise (60% by holdout',
    );
  });

  test.each([
    [['--split', '70'], /for --split but received "70 \(seed 0\)"/],
    [
      ['--seed', '4'],
      /what the model was trained on, noise \(60% by holdout, seed 3\).* for --seed but received 4/,
    ],
    [['--split', '60', '--seed', '0'], /for --split but received "60 \(seed 0\)"/],
    [['--split', '60', '--part', 'train'], /model\.h5 was trained on all 240 images/],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await evaluate('model.h5', '--data', 'noise', ...options);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('--all');
    expect(code).toBe(2);
    expect((await evaluate('model.h5', '--data', 'noise', ...options, '--all')).code).toBe(0);
  });

  test('refuses other data', async () => {
    const { code, stderr } = await evaluate('model.h5', '--data', 'other');
    expect(stderr).toMatch(/trained on noise .*other images than those of other/);
    expect(code).toBe(2);
    expect(await evaluate('model.h5', '--data', 'other', '--all')).toMatchObject({ code: 0, images: 100 });
  });

  test('warns about a file that does not say', async () => {
    const { code, stderr, images } = await evaluate(FOREIGN);
    expect(stderr).toContain('does not say what it was trained on');
    expect([code, images]).toEqual([0, 10_000]);
  });
});

describe('a model knows its origins', () => {
  const small = () =>
    sequential([layers.flatten(), layers.dense({ units: 10, activation: 'softmax' })], { device: 'cpu' });

  test('each data set once, through a file of either kind', async () => {
    const digits = await loadDigits();
    const { train } = holdout(digits, { percent: 5, seed: 1 });
    using model = small();
    expect(model.origins).toEqual([]);
    await model.fit(train, { epochs: 2, verbose: 0 });
    await model.fit(train, { verbose: 0 });
    const first = {
      data: { name: 'embedded-digits', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      rows: { count: 500, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      division: { protocol: 'holdout', percent: 5, seed: 1 },
      version: expect.any(String),
    };
    expect(model.origins).toEqual([first]);
    await model.fit(digits.subset([0, 1, 2]), { verbose: 0 });
    expect(model.origins).toEqual([first, { ...first, rows: expect.anything(), division: undefined }]);
    for (const name of ['twice.h5', 'twice.keras']) {
      await model.save(at(name));
      using again = await Model.load(at(name), { device: 'cpu' });
      expect(again.origins).toEqual(model.origins);
    }
    expect(() => unseenImages(digits, model.origins)).toThrow('3 images of embedded-digits');
    model.restore(structuredClone(model.snapshot()));
    await model.fit(train, { verbose: 0 });
    expect(model.origins).toHaveLength(2);
    expect(unseenImages(digits, model.origins!.slice(0, 1)).size).toBe(9500);
  });

  test('those of the state that is restored', async () => {
    using model = small();
    const untrained = model.snapshot();
    await model.fit((await loadDigits()).subset([1]), { verbose: 0 });
    const trained = model.snapshot();
    using other = small();
    other.restore(trained);
    expect(other.origins).toEqual(model.origins);
    model.restore(untrained);
    expect(model.origins).toEqual([]);
  });

  test('unknown after weights and batches from elsewhere', async () => {
    using other = small();
    using model = small();
    model.setWeights(other.getWeights());
    expect(model.origins).toBeUndefined();
    using batch = small();
    await batch.trainOnBatch(new Uint8Array(784), [1]);
    await batch.fit((await loadDigits()).subset([1]), { verbose: 0 });
    expect(batch.origins).toBeUndefined();
    using foreign = await Model.load(FOREIGN, { device: 'cpu' });
    expect(foreign.origins).toBeUndefined();
    const digits = await loadDigits();
    expect(() => unseenImages(digits, foreign.origins)).toThrow('does not say what it was trained on');
  });
});

test('fit learns the digits with its defaults', async () => {
  using model = sequential(
    [
      layers.rescaling({ scale: 1 / 255 }),
      layers.flatten(),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    { device: 'cpu' },
  );
  const { history } = await model.fit(await loadDigits(), { epochs: 2, verbose: 0 });
  expect(history.accuracy.at(-1)).toBeGreaterThan(0.85);
});
