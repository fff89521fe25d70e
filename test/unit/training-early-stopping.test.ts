import { describe, expect, test } from '@jest/globals';
import { type EarlyStoppingOptions, earlyStopping } from '../../lib/training/early-stopping.js';
import { fit as fitTrainer } from '../../lib/training/fit.js';
import { FakeTrainer, tinyDataset } from './training-fake-trainer.js';

const train = tinyDataset(4);

async function run(losses: number[], options: EarlyStoppingOptions) {
  const callback = earlyStopping(options);
  const trainer = new FakeTrainer(losses);
  const { epoch } = await fitTrainer(trainer, train, {
    epochs: losses.length,
    validationData: train,
    callbacks: [callback],
  });
  const { stoppedEpoch, bestEpoch, best } = callback;
  return { epochs: epoch.length, stoppedEpoch, bestEpoch, best, state: trainer.state };
}

describe('earlyStopping', () => {
  const nan = Number.NaN;
  test.each<
    [string, number[], EarlyStoppingOptions, { epochs: number; stoppedEpoch?: number; bestEpoch?: number }]
  >([
    [
      'stops at the best epoch + patience',
      [5, 4, 6, 6, 6, 1],
      { patience: 3 },
      { epochs: 5, stoppedEpoch: 4, bestEpoch: 1 },
    ],
    [
      'a tie is no improvement',
      [5, 5, 5, 5, 1],
      { patience: 3 },
      { epochs: 4, stoppedEpoch: 3, bestEpoch: 0 },
    ],
    [
      'an improvement starts the count anew',
      [5, 6, 6, 4, 6, 6, 3],
      { patience: 3 },
      { epochs: 7, bestEpoch: 6 },
    ],
    [
      'NaN never improves',
      [5, nan, nan, nan, 1],
      { patience: 3 },
      { epochs: 4, stoppedEpoch: 3, bestEpoch: 0 },
    ],
    [
      'only NaN stops after patience epochs',
      [nan, nan, nan, nan],
      { patience: 3 },
      { epochs: 3, stoppedEpoch: 2 },
    ],
    [
      'NaN first, then numbers',
      [nan, 3, 2, 2, 2],
      { patience: 2 },
      { epochs: 5, stoppedEpoch: 4, bestEpoch: 2 },
    ],
    [
      'patience runs out at the last epoch',
      [1, 2, 2, 2],
      { patience: 3 },
      { epochs: 4, stoppedEpoch: 3, bestEpoch: 0 },
    ],
    ['patience outlasts the epochs', [1, 2, 2], { patience: 3 }, { epochs: 3, bestEpoch: 0 }],
    [
      'patience 0 stops at the first epoch without improvement',
      [3, 2, 1, 1, 0],
      {},
      { epochs: 4, stoppedEpoch: 3, bestEpoch: 2 },
    ],
    ['never after epoch 0', [nan, nan, 1], { patience: 1 }, { epochs: 2, stoppedEpoch: 1 }],
    [
      'minDelta must be exceeded',
      [5, 4.5, 4, 3.5],
      { patience: 3, minDelta: 1 },
      { epochs: 4, bestEpoch: 3 },
    ],
    [
      'minDelta itself is not enough',
      [5, 4, 4, 4],
      { patience: 3, minDelta: 1 },
      { epochs: 4, stoppedEpoch: 3, bestEpoch: 0 },
    ],
    ['mode max', [1, 2, 1, 1, 3], { patience: 2, mode: 'max' }, { epochs: 4, stoppedEpoch: 3, bestEpoch: 1 }],
    [
      'epochs before startFromEpoch neither improve nor count',
      [2.1, 2.3, 2.6, 2.6, 2.2, 1.6, 0.9, 1, 1, 1, 0],
      { patience: 3, startFromEpoch: 4 },
      { epochs: 10, stoppedEpoch: 9, bestEpoch: 6 },
    ],
    [
      'a lower value before startFromEpoch is not the best',
      [0.1, 5, 4, 6, 6, 6],
      { patience: 3, startFromEpoch: 1 },
      { epochs: 6, stoppedEpoch: 5, bestEpoch: 2 },
    ],
  ])('%s', async (_what, losses, options, expected) => {
    const { epochs, stoppedEpoch, bestEpoch } = await run(losses, options);
    expect({ epochs, stoppedEpoch, bestEpoch }).toEqual({
      stoppedEpoch: undefined,
      bestEpoch: undefined,
      ...expected,
    });
  });

  test('accuracies should rise and losses fall unless told otherwise', async () => {
    const rising = await run([9, 9, 9], { monitor: 'accuracy', patience: 1 });
    expect(rising).toMatchObject({ epochs: 3, bestEpoch: 2, best: 1 - 1 / 4 });
    const falling = await run([9, 9, 9], { monitor: 'loss', patience: 1 });
    expect(falling).toMatchObject({ epochs: 3, bestEpoch: 2, best: 1 / 3 });
  });

  test('leaves the last state unless told to restore the best, early or at the end', async () => {
    expect((await run([3, 1, 2, 2], { patience: 2 })).state).toBe(4);
    expect((await run([3, 1, 2, 2], { patience: 2, restoreBestWeights: true })).state).toBe(2);
    expect((await run([3, 1, 2], { patience: 9, restoreBestWeights: true })).state).toBe(2);
  });

  test('where nothing improves it restores the first epoch looked at', async () => {
    const options = { patience: 9, restoreBestWeights: true, startFromEpoch: 1 };
    expect((await run([Number.NaN, Number.NaN, Number.NaN], options)).state).toBe(2);
  });

  test('starts afresh in a second fit', async () => {
    const callback = earlyStopping({ patience: 2 });
    for (const losses of [
      [1, 2, 2],
      [9, 8, 7],
    ]) {
      const trainer = new FakeTrainer(losses);
      await fitTrainer(trainer, train, { epochs: 3, validationData: train, callbacks: [callback] });
    }
    expect([callback.best, callback.bestEpoch, callback.stoppedEpoch]).toEqual([7, 2, undefined]);
  });

  test.each<[object, RegExp]>([
    [
      { monitor: 'val_acc' },
      /Expected one of loss, accuracy, val_loss, val_accuracy for monitor but received "val_acc"/,
    ],
    [{ patience: -1 }, /Expected an integer of at least 0 for patience but received -1/],
    [{ minDelta: Number.NaN }, /minDelta but received NaN/],
    [{ mode: 'up' }, /Expected "auto", "min" or "max" for mode but received "up"/],
    [{ startFromEpoch: 1.5 }, /startFromEpoch but received 1.5/],
    [{ restoreBest: true }, /Unknown option restoreBest for earlyStopping/],
  ])('refuses %j', (options, message) => {
    expect(() => earlyStopping(options)).toThrow(message);
  });
});
