import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fit as fitTrainer } from '../../lib/training/fit.js';
import { type ModelCheckpointOptions, modelCheckpoint } from '../../lib/training/model-checkpoint.js';
import { FakeTrainer, tinyDataset } from './training-fake-trainer.js';

const train = tinyDataset(4);
let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  path = join(folder, 'model_1.h5');
});
afterAll(() => rm(folder, { recursive: true }));

async function run(losses: number[], options: ModelCheckpointOptions = {}) {
  const lines: string[] = [];
  const callback = modelCheckpoint(path, { verbose: 1, log: (line) => lines.push(line), ...options });
  const trainer = new FakeTrainer(losses);
  await fitTrainer(trainer, train, { epochs: losses.length, validationData: train, callbacks: [callback] });
  return { lines, callback, trainer, states: trainer.saved.map(({ state }) => state) };
}

describe('modelCheckpoint', () => {
  test('saves at every strict improvement and says so in the words of Keras', async () => {
    const { lines, states, callback } = await run([0.05123, 0.06, 0.05123, 0.04321, Number.NaN]);
    expect(states).toEqual([1, 4]);
    expect(lines).toEqual([
      `Epoch 1: val_loss improved from inf to 0.05123, saving model to ${path}`,
      'Epoch 2: val_loss did not improve from 0.05123',
      'Epoch 3: val_loss did not improve from 0.05123',
      `Epoch 4: val_loss improved from 0.05123 to 0.04321, saving model to ${path}`,
      'Epoch 5: val_loss did not improve from 0.04321',
    ]);
    expect([callback.best, callback.bestEpoch]).toEqual([0.04321, 3]);
  });

  test('a rising accuracy improves, from -inf', async () => {
    const { lines, states } = await run([9, 9], { monitor: 'accuracy' });
    expect(states).toEqual([1, 2]);
    expect(lines[0]).toBe(`Epoch 1: accuracy improved from -inf to 0.50000, saving model to ${path}`);
  });

  test('epochs before startFromEpoch are not kept, however low', async () => {
    const { lines, states, callback } = await run([0.1, 5, 4, 6], { startFromEpoch: 1 });
    expect(states).toEqual([2, 3]);
    expect(callback.bestEpoch).toBe(2);
    expect(lines[0]).toBe(`Epoch 2: val_loss improved from inf to 5.00000, saving model to ${path}`);
  });

  test('deferred saves the best state once, at the end, and leaves the model in its last', async () => {
    const { trainer, states } = await run([3, 2, 4, 5], { deferred: true });
    expect(states).toEqual([2]);
    expect(trainer.state).toBe(4);
  });

  test('without a number nothing is saved, deferred or not', async () => {
    for (const deferred of [false, true]) {
      const { states, callback } = await run([Number.NaN, Number.NaN], { deferred });
      expect(states).toEqual([]);
      expect(callback.bestEpoch).toBeUndefined();
    }
  });

  test('saveBestOnly: false saves every epoch', async () => {
    const { lines, states } = await run([1, 2], { saveBestOnly: false });
    expect(states).toEqual([1, 2]);
    expect(lines[1]).toBe(`Epoch 2: saving model to ${path}`);
  });

  test('is silent by default', async () => {
    const lines: string[] = [];
    const callbacks = [modelCheckpoint(path, { log: (line) => lines.push(line) })];
    await fitTrainer(new FakeTrainer([1]), train, { validationData: train, callbacks });
    expect(lines).toEqual([]);
  });

  test('a missing folder is refused before training', async () => {
    const trainer = new FakeTrainer([1]);
    const callbacks = [modelCheckpoint(join(folder, 'no', 'such', 'model.h5'))];
    await expect(fitTrainer(trainer, train, { validationData: train, callbacks })).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(`mkdir -p ${join(folder, 'no', 'such')}`),
    });
    expect(trainer.plans).toEqual([]);
  });

  test.each<[unknown, object, RegExp]>([
    ['', {}, /Expected a file name ending in .h5 or .hdf5 for path but received ""/],
    ['model.keras', {}, /ending in .h5 or .hdf5 for path but received "model.keras"/],
    ['a.h5', { verbose: 2 }, /Expected 0 or 1 for verbose but received 2/],
    ['a.h5', { monitor: 'auc' }, /for monitor but received "auc"/],
    ['a.h5', { savebestonly: true }, /did you mean saveBestOnly\?/],
  ])('refuses %j with %j', (file, options, message) => {
    expect(() => modelCheckpoint(file as string, options)).toThrow(message);
  });
});
