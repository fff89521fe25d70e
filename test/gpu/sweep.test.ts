import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sweep } from '../../lib/sweep/sweep.js';
import { deviceName } from '../parity/device.js';
import { smallLayers, strokes } from './samples.js';

const data = strokes(90);
const rows = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i);
const splits = [
  { name: '60%', train: data.subset(rows(0, 54)), validation: data.subset(rows(54, 90)) },
  { name: '80%', train: data.subset(rows(0, 72)), validation: data.subset(rows(72, 90)) },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-gpu-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Six trials, whose seeds differ. */
const options = (out: string) => ({
  out: join(folder, out),
  splits,
  grid: { rate: [1, 2, 3] },
  build: () => smallLayers(),
  epochs: 3,
  startFromEpoch: 0,
  batchSize: 16,
  device: deviceName,
});

/** All files but the journal, which is in the order of finishing. */
function results(out: string): Record<string, Buffer> {
  const path = join(folder, out);
  const models = readdirSync(join(path, 'models')).map((name) => join('models', name));
  return Object.fromEntries(
    ['models.csv', 'model.h5', ...models].map((name) => [name, readFileSync(join(path, name))]),
  );
}

test('a sweep writes the same files with one and with six trials at once, and resumed', async () => {
  await sweep({ ...options('one'), jobs: 1 }).result;
  await sweep({ ...options('six'), jobs: 6 }).result;
  expect(results('six')).toEqual(results('one'));
  expect(readdirSync(join(folder, 'one', 'models'))).toHaveLength(6);

  const controller = new AbortController();
  const run = sweep({ ...options('resumed'), jobs: 2, signal: controller.signal });
  const stopped = (async () => {
    for await (const event of run) if (event.type === 'trialEnd') controller.abort();
  })();
  await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
  await sweep({ ...options('resumed'), jobs: 2, resume: true }).result;
  expect(results('resumed')).toEqual(results('one'));
});
