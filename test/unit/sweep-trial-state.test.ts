import { describe, expect, test } from '@jest/globals';
import { StateKeeper, type StateKeeperOptions } from '../../lib/sweep/state-keeper.js';
import { decodeState, encodeState, type TrialState, trialKey } from '../../lib/sweep/trial-state.js';
import { earlyStopping } from '../../lib/training/early-stopping.js';
import { fit as fitTrainer } from '../../lib/training/fit.js';
import { modelCheckpoint } from '../../lib/training/model-checkpoint.js';
import { sweepConfig } from './report-fixture.js';
import { FakeTrainer, tinyDataset } from './training-fake-trainer.js';

const floats = (...values: number[]): Float32Array => Float32Array.from(values);
const state: TrialState = {
  model: {
    parameters: floats(1, Number.NaN, -0),
    statistics: floats(),
    m: floats(3),
    v: floats(4, 5),
    iterations: 7,
  },
  stopping: { best: Number.POSITIVE_INFINITY, wait: 1 },
  checkpoint: { best: 0.1, bestEpoch: 2, pending: { parameters: floats(6, 7, 8) } },
  history: { loss: [0.1, Number.NaN], accuracy: [1, 0], val_loss: [Number.NEGATIVE_INFINITY, 1e-300] },
  seconds: 1.5,
  fitSeconds: 1.25,
};

describe('the state of a trial as a file', () => {
  const file = encodeState(state, 'key');

  test('comes back as it was', () => {
    expect(decodeState(file, 'key')).toEqual(state);
    expect(
      Object.is(
        (decodeState(file, 'key')!.model as typeof state.model & { parameters: Float32Array }).parameters[2],
        -0,
      ),
    ).toBe(true);
  });

  test('is refused if it was changed anywhere, cut off, continued, or is of another key', () => {
    for (let i = 0; i < file.length; i++) {
      const changed = Buffer.from(file);
      changed[i]! ^= 1;
      expect(decodeState(changed, 'key')).toBeUndefined();
      expect(decodeState(file.subarray(0, i), 'key')).toBeUndefined();
    }
    expect(decodeState(Buffer.concat([file, Buffer.from('x')]), 'key')).toBeUndefined();
    expect(decodeState(file, 'other')).toBeUndefined();
  });

  test('belongs to one trial of one configuration, however many trials are trained and on whichever Node.js', () => {
    const config = sweepConfig();
    const key = trialKey(config, 1);
    expect(trialKey({ ...config, trials: 3, versions: { ...config.versions, node: '22.0.0' } }, 1)).toBe(key);
    const others = [
      trialKey(config, 2),
      trialKey({ ...config, seed: 5 }, 1),
      trialKey({ ...config, versions: { ...config.versions, convsweep: '9' } }, 1),
    ];
    for (const other of others) expect(other).not.toBe(key);
  });
});

describe('StateKeeper', () => {
  const losses = [4, 3, Number.NaN, 2, 5, 6, 7];
  const callbacks = () => ({
    stopping: earlyStopping({ patience: 3 }),
    checkpoint: modelCheckpoint('model.h5', { deferred: true }),
  });
  const always = { leastEpochSeconds: 0, mostShare: 1e9 };

  async function train(options: Partial<StateKeeperOptions> = {}) {
    const { stopping, checkpoint } = callbacks();
    const trainer = new FakeTrainer(losses);
    const written: TrialState[] = [];
    const keeper = new StateKeeper({
      stopping,
      checkpoint,
      state: undefined,
      epochs: 7,
      rule: always,
      lastWrite: { seconds: 0 },
      times: () => ({ seconds: 2, fitSeconds: 1 }),
      write: async (current) => {
        written.push(decodeState(encodeState(current, ''), '')!);
      },
      ...options,
    });
    await fitTrainer(trainer, tinyDataset(4), {
      epochs: 7,
      initialEpoch: keeper.history.loss.length,
      validationData: tinyDataset(1),
      callbacks: [stopping, checkpoint, keeper],
      verbose: 0,
    });
    const { stoppedEpoch, best } = stopping;
    return {
      trainer,
      written,
      history: keeper.history,
      found: { stoppedEpoch, best, kept: checkpoint.bestEpoch },
    };
  }

  test('lets training go on from after any epoch to the same end', async () => {
    const whole = await train();
    expect(whole.found).toEqual({ stoppedEpoch: 6, best: 2, kept: 3 });
    expect(whole.history.val_loss).toEqual(losses);
    // After the last epoch there is nothing to go on with.
    expect(whole.written).toHaveLength(6);
    for (const [i, one] of whole.written.entries()) {
      expect(one).toMatchObject({ seconds: 2, fitSeconds: 1 });
      const rest = await train({ state: one });
      expect(rest.trainer.plans).toEqual(whole.trainer.plans.slice(i + 1));
      expect([rest.found, rest.history]).toEqual([whole.found, whole.history]);
      expect(rest.trainer.saved).toEqual(whole.trainer.saved);
      expect(rest.written).toEqual(whole.written.slice(i + 1));
    }
  });

  test('does not begin to write where the last trial found it too dear', async () => {
    const rule = { leastEpochSeconds: 0, mostShare: 0.02 };
    expect((await train({ rule, lastWrite: { seconds: 60 } })).written).toEqual([]);
    const lastWrite = { seconds: 0 };
    await train({ lastWrite });
    expect(lastWrite.seconds).toBeGreaterThan(0);
  });

  test('writes nothing after short epochs, nor when writing takes too long for how long they take', async () => {
    expect((await train({ rule: { leastEpochSeconds: 1, mostShare: 1e9 } })).written).toEqual([]);
    let writes = 0;
    const write = async (): Promise<void> => {
      writes++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await train({ rule: { leastEpochSeconds: 0, mostShare: 0.001 }, write });
    expect(writes).toBe(1);
  });
});
