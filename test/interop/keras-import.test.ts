import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { readKerasFile } from '../../lib/formats/keras-file.js';
import { Model } from '../../lib/model/model.js';
import { largestDifference } from '../golden.js';
import { pixelsOf, someDigits } from './models.js';
import { describeWithPython, PYTHON_TIMEOUT, runPython } from './python.js';

const MODELS = {
  notebook: { inputShape: [28, 28, 1], steps: 3, learningRate: 0.001 },
  layers: { inputShape: [12, 10, 2], steps: 6, learningRate: 0.002 },
} as const;
type Name = keyof typeof MODELS;
const NAMES = Object.keys(MODELS) as Name[];

describeWithPython('models that Keras 3 trained and saved', () => {
  let root: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'convsweep-interop-'));
    for (const name of NAMES) await mkdir(join(root, name));
    const digits = await someDigits(0);
    await writeFile(join(root, 'notebook', 'images.bin'), pixelsOf(digits));
    await writeFile(join(root, 'notebook', 'labels.bin'), digits.labels());
    await runPython(
      'write_models.py',
      NAMES.map((name) => `${name}=${join(root, name)}`),
    );
  }, PYTHON_TIMEOUT);

  afterAll(async () => {
    await rm(root, { recursive: true });
  });

  const cases = NAMES.flatMap((name) => ['model.h5', 'model.keras'].map((file) => [name, file] as const));

  test.each(cases)('%s, %s: predicts what Keras does and has its optimizer', async (name, file) => {
    const { inputShape, steps, learningRate } = MODELS[name];
    const folder = join(root, name);
    const floats = async (file: string) =>
      new Float32Array(Uint8Array.from(await readFile(join(folder, file))).buffer);
    const [height, width, channels] = inputShape;
    const images = Uint8Array.from(await readFile(join(folder, 'images.bin')));
    const labels = new Uint8Array(images.length / (height * width * channels));

    using model = await Model.load(join(folder, file), { device: 'cpu' });
    expect(model.inputShape).toEqual(inputShape);
    expect(model.iterations).toBe(steps);
    expect(model.optimizer.learningRate).toBe(Math.fround(learningRate));
    const probabilities = await model.predict(Dataset.from({ images, labels, height, width, channels }));
    expect(largestDifference(probabilities, await floats('probabilities.bin'))).toBeLessThan(1e-5);

    const { optimizer } = await readKerasFile(join(folder, file));
    const moments = optimizer!.m.flatMap(({ data }, i) => [...data, ...optimizer!.v[i]!.data]);
    expect(largestDifference(moments, await floats('moments.bin'))).toBe(0);
  });
});
