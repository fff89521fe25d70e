import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { exportModel } from '../../lib/formats/export.js';
import { largestDifference } from '../golden.js';
import { pixelsOf, trainedModelOfEveryLayer, trainedNotebookModel } from './models.js';

/** What `tf.loadLayersModel` makes of a folder: model.json, and beside it the files that its manifest names. */
async function readFolder(folder: string): Promise<tf.io.ModelArtifacts> {
  const { format, modelTopology, weightsManifest } = JSON.parse(
    await readFile(join(folder, 'model.json'), 'utf8'),
  ) as tf.io.ModelJSON;
  expect(format).toBe('layers-model');
  const weightSpecs: tf.io.WeightsManifestEntry[] = [];
  const files: Buffer[] = [];
  for (const { paths, weights } of weightsManifest) {
    weightSpecs.push(...weights);
    for (const path of paths) files.push(await readFile(join(folder, path)));
  }
  return { modelTopology, weightSpecs, weightData: Uint8Array.from(Buffer.concat(files)).buffer };
}

describe('TensorFlow.js', () => {
  let root: string;
  // Without this it advertises its own addon.
  beforeAll(() => tf.enableProdMode());
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'convsweep-tfjs-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  test.each([
    ['the notebook model on digits', trainedNotebookModel],
    ['a model of every layer', trainedModelOfEveryLayer],
  ])('%s: tf.loadLayersModel gives the same probabilities', async (_, make) => {
    const { model, images } = await make();
    using own = model;
    const folder = join(root, 'web');
    await exportModel(own, 'tfjs', folder);
    const expected = await own.predict(images);

    const loaded = await tf.loadLayersModel(tf.io.fromMemory(await readFolder(folder)));
    expect(loaded.countParams()).toBe(own.parameters.total);
    const input = tf.tensor4d(pixelsOf(images), [images.size, ...own.inputShape], 'float32');
    const output = loaded.predict(input) as tf.Tensor;
    expect(largestDifference(await output.data(), expected)).toBeLessThan(1e-5);
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.1);
    tf.dispose([input, output]);
    loaded.dispose();
  });
});
