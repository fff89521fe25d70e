import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { epochPlan } from '../../lib/data/epoch-plan.js';
import type { Callback, Logs } from '../../lib/training/callback.js';
import { earlyStopping } from '../../lib/training/early-stopping.js';
import { fit as fitTrainer } from '../../lib/training/fit.js';
import type { FitOptions } from '../../lib/training/fit-options.js';
import { FakeTrainer, tinyDataset } from './training-fake-trainer.js';

const train = tinyDataset(10);
const validationData = tinyDataset(4);

function recordingStream() {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  }) as Writable & { isTTY?: boolean };
  return { stream, text: () => chunks.join('') };
}

describe('fit', () => {
  test('has the defaults of Keras: one epoch, batches of 32, shuffled samples, the seed of the model', async () => {
    const trainer = new FakeTrainer();
    const data = tinyDataset(70);
    const history = await fitTrainer(trainer, data);
    expect(history.epoch).toEqual([0]);
    const expected = epochPlan(data, { batchSize: 32, shuffle: 'samples', seed: 7, epoch: 0 });
    expect(trainer.plans).toEqual([expected]);
    expect([...expected.batchSizes].sort()).toEqual([32, 32, 6]);
  });

  test('plans each epoch by its number, so that training that goes on sees new orders', async () => {
    const trainer = new FakeTrainer();
    const history = await fitTrainer(trainer, train, {
      epochs: 5,
      initialEpoch: 3,
      batchSize: 2,
      shuffle: 'samples',
      seed: 1,
    });
    expect(history.epoch).toEqual([3, 4]);
    expect(trainer.plans).toEqual(
      [3, 4].map((epoch) => epochPlan(train, { batchSize: 2, shuffle: 'samples', seed: 1, epoch })),
    );
  });

  test('history has the logs in the order of Keras, and val_ ones only with validation data', async () => {
    const without = await fitTrainer(new FakeTrainer(), train, { epochs: 2 });
    expect(without.history).toEqual({ loss: [1, 0.5], accuracy: [0.5, 1 - 1 / 3] });
    const withIt = await fitTrainer(new FakeTrainer([3, 2]), train, { epochs: 2, validationData });
    expect(Object.keys(withIt.history)).toEqual(['loss', 'accuracy', 'val_loss', 'val_accuracy']);
    expect(withIt.history.val_loss).toEqual([3, 2]);
  });

  test('calls the callbacks in order and awaits each', async () => {
    const trainer = new FakeTrainer([3, 2]);
    const callback = (name: string): Callback => ({
      onTrainBegin: async () => void trainer.calls.push(`${name} train begin`),
      onEpochBegin: (epoch) => void trainer.calls.push(`${name} begin ${epoch}`),
      onEpochEnd: async (epoch, logs) => {
        await new Promise((resolve) => setImmediate(resolve));
        trainer.calls.push(`${name} end ${epoch} ${Object.keys(logs)}`);
      },
      onTrainEnd: async () => void trainer.calls.push(`${name} train end`),
    });
    await fitTrainer(trainer, train, {
      epochs: 1,
      validationData,
      callbacks: [callback('a'), callback('b')],
    });
    expect(trainer.calls).toEqual([
      'require train',
      'require validationData',
      'a train begin',
      'b train begin',
      'a begin 0',
      'b begin 0',
      'train',
      'evaluate',
      'a end 0 loss,accuracy,val_loss,val_accuracy',
      'b end 0 loss,accuracy,val_loss,val_accuracy',
      'a train end',
      'b train end',
    ]);
  });

  test('the epoch in which a callback stops training is in the history, and a second fit trains again', async () => {
    const trainer = new FakeTrainer([1, 2, 3, 4, 5]);
    const stop: Callback = {
      onTrainBegin: (model) => void Object.assign(stop, { model }),
      onEpochEnd(epoch: number, _logs: Logs) {
        if (epoch === 1) trainer.stopTraining = true;
      },
    };
    expect((await fitTrainer(trainer, train, { epochs: 4, callbacks: [stop] })).epoch).toEqual([0, 1]);
    expect((await fitTrainer(trainer, train, { epochs: 1 })).epoch).toEqual([0]);
  });

  test('an abort during an epoch stops the native call, rejects with ABORTED and calls no onTrainEnd', async () => {
    const trainer = new FakeTrainer();
    trainer.hangs = true;
    const controller = new AbortController();
    let ended = false;
    const running = fitTrainer(trainer, train, {
      signal: controller.signal,
      callbacks: [
        {
          onTrainEnd() {
            ended = true;
          },
        },
      ],
    });
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(running).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
    expect(trainer.calls.at(-1)).toBe('abort');
    expect(ended).toBe(false);
  });

  test('an abort between two calls of the engine is not missed', async () => {
    const controller = new AbortController();
    const trainer = new FakeTrainer();
    const callbacks: Callback[] = [{ onEpochEnd: () => controller.abort() }];
    await expect(
      fitTrainer(trainer, train, { epochs: 3, callbacks, signal: controller.signal }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(trainer.plans).toHaveLength(1);
  });

  test('a signal that is already aborted lets nothing start', async () => {
    const trainer = new FakeTrainer();
    await expect(fitTrainer(trainer, train, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(trainer.plans).toHaveLength(0);
  });

  test.each<[string, FitOptions | object, RegExp]>([
    ['an unknown option', { epoch: 3 }, /Unknown option epoch for fit; did you mean epochs\?/],
    ['no epochs', { epochs: 0 }, /Expected a positive integer for epochs but received 0/],
    ['a fractional batch', { batchSize: 1.5 }, /batchSize but received 1.5/],
    [
      'a boolean shuffle',
      { shuffle: true },
      /Expected "batches", "samples" or "none" for shuffle but received true/,
    ],
    ['another verbosity', { verbose: 3 }, /Expected "auto", 0, 1 or 2 for verbose but received 3/],
    ['a negative seed', { seed: -1 }, /seed but received -1/],
    ['one callback', { callbacks: earlyStopping() }, /an array of callbacks/],
    ['null for a callback', { callbacks: [{}, null] }, /a callback.* for callbacks\[1\] but received null/],
    ['a controller for its signal', { signal: new AbortController() }, /an AbortSignal for signal/],
    [
      'a monitor that will be missing',
      { callbacks: [earlyStopping()] },
      /watches val_loss, but fit was given no/,
    ],
  ])('refuses %s before anything runs', async (_what, options, message) => {
    const trainer = new FakeTrainer();
    await expect(fitTrainer(trainer, train, options as FitOptions)).rejects.toThrow(message);
    expect(trainer.calls).toEqual([]);
  });

  test('writes the output of Keras: header, bar before the callbacks, final line after them', async () => {
    const { stream, text } = recordingStream();
    const callbacks: Callback[] = [{ onEpochEnd: () => void stream.write('\ncallback\n') }];
    const trainer = new FakeTrainer([0.25, 0.0005]);
    await fitTrainer(trainer, train, {
      epochs: 2,
      batchSize: 5,
      validationData,
      callbacks,
      verbose: 1,
      output: stream,
    });
    const bar = '2/2 [==============================]';
    const lines = [
      'Epoch 1/2\n',
      `\r${bar} - ETA: 0s - loss: 1.0000 - accuracy: 0.5000`,
      '\ncallback\n',
      `(\\x08)+\r${bar} - \\d+s \\S+/step - loss: 1.0000 - accuracy: 0.5000 - val_loss: 0.2500 - val_accuracy: 0.5000\n`,
      'Epoch 2/2\n',
      `\r${bar} - ETA: 0s - loss: 0.5000 - accuracy: 0.6667`,
      '\ncallback\n',
      `(\\x08)+\r${bar} - \\d+s \\S+/step - loss: 0.5000 - accuracy: 0.6667 - val_loss: 5.0000e-04 - val_accuracy: 0.5000\n`,
    ];
    expect(text()).toMatch(new RegExp(`^${lines.join('').replace(/[[\]]/g, '\\$&')}$`));
  });

  test('is quiet where the output is no terminal, and shows the bar where it is one', async () => {
    const quiet = recordingStream();
    await fitTrainer(new FakeTrainer(), train, { output: quiet.stream });
    expect(quiet.text()).toBe('');
    const shown = recordingStream();
    shown.stream.isTTY = true;
    await fitTrainer(new FakeTrainer(), train, { output: shown.stream });
    expect(shown.text()).toMatch(/^\r1\/1 \[=+\] - ETA: 0s - loss/);
  });
});
