import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { ProgressBar } from '../../lib/training/progress-bar.js';

type Update = [step: number, seconds: number, values: Record<string, number>];

/** The output of a bar that is updated at the given times after its start and finished by the last update. */
function draw(target: number, verbose: 1 | 2, updates: Update[], finished = true, columns?: number): string {
  let text = '';
  let now = 1000;
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  if (columns !== undefined) Object.assign(stream, { columns });
  const bar = new ProgressBar({ target, verbose, stream, clock: () => now });
  for (const [index, [step, seconds, values]] of updates.entries()) {
    now = 1000 + seconds;
    if (finished && index === updates.length - 1) bar.finish(values);
    else bar.update(step, values);
  }
  return text;
}

const back = (count: number): string => `${'\b'.repeat(count)}\r`;

// Every expected text is what Keras' Progbar writes for the same calls at the same times.
describe('ProgressBar', () => {
  test('an epoch: at most one drawing in 0.05 s, padding where the line got shorter, the final line', () => {
    const text = draw(516, 1, [
      [1, 0.5, { loss: 2.25, accuracy: 0.09375 }],
      [2, 0.52, { loss: 2.25, accuracy: 0.09375 }],
      [100, 1.5, { loss: 0.5, accuracy: 0.875 }],
      [516, 5.25, { loss: 0.0001234, accuracy: 0.96875 }],
      [516, 6.5, { loss: 0.0001234, accuracy: 0.96875, val_loss: 0.0346, val_accuracy: 0.9893 }],
    ]);
    expect(text).toBe(
      '\r  1/516 [..............................] - ETA: 4:17 - loss: 2.2500 - accuracy: 0.0938' +
        `${back(86)}100/516 [====>.........................] - ETA: 4s - loss: 0.5000 - accuracy: 0.8750  ` +
        `${back(84)}516/516 [==============================] - ETA: 0s - loss: 1.2340e-04 - accuracy: 0.9688` +
        `${back(88)}516/516 [==============================] - 6s 12ms/step - loss: 1.2340e-04 - accuracy: 0.9688` +
        ' - val_loss: 0.0346 - val_accuracy: 0.9893\n',
    );
  });

  test('is whole on a terminal that says it has no columns', () => {
    expect(draw(100, 1, [[50, 1, {}]], false, 0)).toContain(
      ' 50/100 [==============>...............] - ETA: 1s',
    );
  });

  test.each([
    [60, ' 50/100 [=>...] - ETA: 1s - loss: 0.5000 - accuracy: 0.8750'],
    [20, ' 50/100 [] - ETA: 1'],
  ])('in %i columns the bar is shorter until the epoch is done', (columns, redrawn) => {
    const values = { loss: 0.5, accuracy: 0.875 };
    const updates: Update[] = [
      [50, 1, values],
      [100, 2, values],
    ];
    const [first, second] = draw(100, 1, updates, true, columns).split('\r').slice(1);
    expect(first!.replaceAll('\b', '')).toBe(redrawn);
    expect(redrawn.length).toBeLessThan(columns);
    expect(second).toBe(
      '100/100 [==============================] - 2s 20ms/step - loss: 0.5000 - accuracy: 0.8750\n',
    );
  });

  test('minutes to go, and seconds for a step', () => {
    const loss = { loss: 1 };
    const text = draw(10, 1, [
      [1, 100, loss],
      [2, 200, loss],
      [9, 1000, loss],
      [10, 1000.5, loss],
    ]);
    expect(text).toBe(
      '\r 1/10 [==>...........................] - ETA: 15:00 - loss: 1.0000' +
        `${back(66)} 2/10 [=====>........................] - ETA: 13:20 - loss: 1.0000` +
        `${back(66)} 9/10 [==========================>...] - ETA: 1:52 - loss: 1.0000 ` +
        `${back(65)}10/10 [==============================] - 1000s 100s/step - loss: 1.0000\n`,
    );
  });

  test('hours to go', () => {
    expect(draw(516, 1, [[1, 100, { loss: 1 }]], false)).toBe(
      '\r  1/516 [..............................] - ETA: 14:18:20 - loss: 1.0000',
    );
  });

  test('microseconds for a step, and a loss that is no number', () => {
    expect(draw(1000, 1, [[1000, 0.0004, { loss: Number.NaN }]])).toBe(
      '\r1000/1000 [==============================] - 0s 0us/step - loss: nan\n',
    );
  });

  test('verbose 2 writes one line per epoch', () => {
    const text = draw(3, 2, [
      [1, 1, { loss: 2.25, accuracy: 0.09375 }],
      [3, 2.319, { loss: 3.0142, accuracy: 0.11 }],
    ]);
    expect(text).toBe('3/3 - 2s - loss: 3.0142 - accuracy: 0.1100 - 2s/epoch - 773ms/step\n');
    expect(draw(10, 2, [[10, 0.0625, { loss: 0.5 }]])).toBe(
      '10/10 - 0s - loss: 0.5000 - 62ms/epoch - 6ms/step\n',
    );
  });
});
