import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { exportModel } from '../../lib/formats/export.js';
import { parseModelConfig } from '../../lib/formats/keras-config.js';
import { notebookModel } from '../../lib/model/notebook.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-safetensors-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('the header says where each weight is, and the architecture', async () => {
  using model = notebookModel([5, 6, 7], { device: 'cpu', seed: 4 });
  const path = join(folder, 'model.safetensors');
  await exportModel(model, 'safetensors', path);

  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  expect(length % 8).toBe(0);
  const { __metadata__, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'));
  const values = Uint8Array.from(bytes.subarray(8 + length));

  const weights = model.getWeights();
  expect(Object.keys(tensors)).toEqual(weights.map(({ name }) => name));
  let expectedStart = 0;
  for (const { name, shape, data } of weights) {
    const { dtype, shape: written, data_offsets } = tensors[name];
    expect([dtype, written]).toEqual(['F32', shape]);
    // The format allows no gaps.
    expect(data_offsets).toEqual([expectedStart, expectedStart + data.byteLength]);
    expect(new Float32Array(values.buffer, data_offsets[0], data.length)).toEqual(data);
    expectedStart += data.byteLength;
  }
  expect(values.length).toBe(expectedStart);

  const { name, architecture } = parseModelConfig(__metadata__.model_config);
  expect(name).toBe('sequential');
  expect(architecture.layers.map(({ spec }) => spec)).toEqual(model.layers);
});
