import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { exportModel } from '../../lib/formats/export.js';
import { readKerasH5 } from '../../lib/formats/keras-h5.js';
import type { Model } from '../../lib/model/model.js';
import { largestDifference } from '../golden.js';
import { pixelsOf, trainedModelOfEveryLayer, trainedNotebookModel } from './models.js';
import { describeWithPython, PYTHON_TIMEOUT, runPython } from './python.js';

const MAKERS = { notebook: trainedNotebookModel, layers: trainedModelOfEveryLayer };
type Name = keyof typeof MAKERS;
const NAMES = Object.keys(MAKERS) as Name[];

describeWithPython('the files that other software opens', () => {
  const models = new Map<Name, { model: Model; expected: Float32Array; folder: string }>();
  let root: string;
  /** What open_models.py found. */
  let found: Record<string, Record<string, Record<string, unknown>>>;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'convsweep-interop-'));
    for (const name of NAMES) {
      const { model, images } = await MAKERS[name]();
      const folder = join(root, name);
      await mkdir(folder);
      await writeFile(join(folder, 'images.bin'), pixelsOf(images));
      await writeFile(join(folder, 'images.json'), JSON.stringify([images.size, ...model.inputShape]));
      await model.save(join(folder, 'model.h5'));
      for (const format of ['keras', 'onnx', 'safetensors'] as const) {
        await exportModel(model, format, join(folder, `model.${format}`));
      }
      models.set(name, { model, expected: await model.predict(images), folder });
    }
    found = JSON.parse(
      await runPython(
        'open_models.py',
        NAMES.map((name) => models.get(name)!.folder),
      ),
    );
  }, PYTHON_TIMEOUT);

  afterAll(async () => {
    for (const { model } of models.values()) model.dispose();
    await rm(root, { recursive: true });
  });

  const floats = async (path: string) => new Float32Array(Uint8Array.from(await readFile(path)).buffer);
  const facts = (name: Name, file: string) => found[models.get(name)!.folder]![file]!;
  const cases = NAMES.flatMap((name) =>
    ['h5', 'keras', 'onnx', 'safetensors'].map((ending) => [name, `model.${ending}`] as const),
  );

  test.each(cases)('%s, %s: the same probabilities', async (name, file) => {
    const { expected, folder } = models.get(name)!;
    const probabilities = await floats(join(folder, `${file}.probabilities`));
    expect(largestDifference(probabilities, expected)).toBeLessThan(1e-5);
    // The test above says nothing of probabilities that are all alike.
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.1);
  });

  test.each(NAMES)('%s: Keras 3 goes on training where a .keras file was', async (name) => {
    const { model, folder } = models.get(name)!;
    expect(facts(name, 'model.keras')).toEqual({
      name: model.name,
      parameters: model.parameters.total,
      iterations: model.iterations,
      learningRate: model.optimizer.learningRate,
      loss: 'sparse_categorical_crossentropy',
      warnings: [],
    });
    const { optimizer } = await readKerasH5(join(folder, 'model.h5'));
    const moments = optimizer!.m.flatMap(({ data }, i) => [...data, ...optimizer!.v[i]!.data]);
    expect(moments.some((value) => value !== 0)).toBe(true);
    expect(largestDifference(await floats(join(folder, 'model.keras.moments')), moments)).toBe(0);
  });

  test.each(NAMES)('%s: Keras 3 knows the step and the loss of an .h5 file', (name) => {
    const { model } = models.get(name)!;
    expect(facts(name, 'model.h5')).toMatchObject({
      name: model.name,
      parameters: model.parameters.total,
      iterations: model.iterations,
      learningRate: model.optimizer.learningRate,
      loss: 'sparse_categorical_crossentropy',
    });
  });

  test('the ONNX checker passes the versions, inputs and outputs that are documented', () => {
    expect(facts('layers', 'model.onnx')).toEqual({
      opset: [['', 17]],
      irVersion: 8,
      inputs: [['image', 'tensor(float)', ['N', 11, 14, 2]]],
      outputs: [['probabilities', 'tensor(float)', ['N', 4]]],
    });
  });

  test.each(NAMES)('%s: safetensors finds every weight', (name) => {
    const { model } = models.get(name)!;
    const shapes = Object.fromEntries(model.getWeights().map(({ name, shape }) => [name, shape]));
    expect(facts(name, 'model.safetensors')).toEqual(shapes);
  });
});
