import { describe, expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { sequential } from '../../lib/model/model.js';
import type { NativeState } from '../../lib/native/contract.js';
import { largestError, relativeError } from '../parity/compare.js';
import { device, onDevice, widened } from '../parity/device.js';
import { bits, quiet, smallModel, strokes } from './samples.js';

/** 4 batches, the last one of 7. */
const data = strokes(55);
const parts = (state: unknown) => state as NativeState;

test('a GPU, or its stand-in, is under test', () => {
  expect(device.addon.buildInfo().backend).toBe('cuda');
});

describe('repeated runs', () => {
  test('give identical bits', async () => {
    const run = async () => {
      using model = smallModel({ seed: 1 });
      await model.fit(data, quiet);
      return bits(model);
    };
    expect(await run()).toEqual(await run());
  });

  test('give identical bits for many networks at once and for each alone', async () => {
    const seeds = [1, 2, 3, 4, 5, 6];
    const train = async (seed: number) => {
      using model = smallModel({ seed });
      await model.fit(data, quiet);
      return bits(model);
    };
    const together = await Promise.all(seeds.map(train));
    const alone: Record<string, string>[] = [];
    for (const seed of seeds) alone.push(await train(seed));
    expect(together).toEqual(alone);
    expect(new Set(alone.map((state) => state.parameters)).size).toBe(seeds.length);
  });

  test('give identical bits after other work on the same network', async () => {
    using used = smallModel({ seed: 2 });
    using fresh = smallModel({ seed: 2 });
    const start = fresh.snapshot();
    await used.fit(strokes(80, 9), { ...quiet, batchSize: 40 });
    await used.evaluate(strokes(31, 8), { batchSize: 9 });
    used.restore(start);
    await used.fit(data, quiet);
    await fresh.fit(data, quiet);
    expect(bits(used)).toEqual(bits(fresh));
  });
});

describe('a recorded step', () => {
  test('does what the same step does when it runs for the first time', async () => {
    using replaying = smallModel({ seed: 3 });
    const start = replaying.snapshot();
    await replaying.fit(data, { ...quiet, epochs: 1 });
    let state = start;
    for (let first = 0; first < data.size; first += 16) {
      // A network of its own for each step: each is the first of its kind.
      using model = smallModel({ seed: 3 });
      model.restore(state);
      const rows = Array.from({ length: Math.min(16, data.size - first) }, (_, i) => first + i);
      await model.fit(data.subset(rows), { ...quiet, epochs: 1 });
      state = model.snapshot();
    }
    const { parameters, statistics, m, v, iterations } = parts(replaying.snapshot());
    expect(parts(state)).toMatchObject({ parameters, statistics, m, v, iterations });
    expect(iterations).toBe(4);
  });

  test('reads the rows of this call, not of the one it was recorded in', async () => {
    using used = smallModel({ seed: 4 });
    using fresh = smallModel({ seed: 4 });
    const start = fresh.snapshot();
    const later = strokes(55, 7);
    await used.fit(data, quiet);
    used.restore(start);
    const [a, b] = [await used.fit(later, quiet), await fresh.fit(later, quiet)];
    expect(bits(used)).toEqual(bits(fresh));
    expect(a.history).toEqual(b.history);
  });
});

describe('batches', () => {
  test('of any size give the same evaluation and predictions', async () => {
    using model = smallModel({ seed: 5 });
    await model.fit(data, quiet);
    const whole = await model.evaluate(data, { batchSize: 55 });
    const probabilities = await model.predict(data, { batchSize: 55 });
    for (const batchSize of [1, 7, 16, 54]) {
      const { loss, accuracy } = await model.evaluate(data, { batchSize });
      expect({ batchSize, accuracy }).toEqual({ batchSize, accuracy: whole.accuracy });
      expect(relativeError([loss], [whole.loss])).toBeLessThan(widened(1e-5));
      expect(largestError(await model.predict(data, { batchSize }), probabilities)).toBeLessThan(
        widened(1e-5),
      );
    }
  });

  test('take nothing from larger ones before them', async () => {
    const few = data.subset([3, 1, 4, 1, 5]);
    const pixels = Uint8Array.from(few.rows, () => 0);
    const images = new Uint8Array(few.size * 144);
    for (const [i, row] of few.rows.entries())
      images.set(data.store.images.subarray(row * 144, row * 144 + 144), i * 144);
    for (const [i, row] of few.rows.entries()) pixels[i] = data.store.labels[row]!;
    using used = smallModel({ seed: 6 });
    using fresh = smallModel({ seed: 6 });
    await used.evaluate(data, { batchSize: 55 });
    expect(await used.gradients(images, pixels)).toEqual(await fresh.gradients(images, pixels));
  });

  test('of one image train', async () => {
    using model = smallModel({ seed: 7 });
    const { loss } = await model.trainOnBatch(data.store.images.slice(0, 144), [0]);
    expect(Number.isFinite(loss)).toBe(true);
    expect([...parts(model.snapshot()).statistics].every(Number.isFinite)).toBe(true);
  });
});

describe('inference', () => {
  test('changes nothing', async () => {
    using model = smallModel({ seed: 8 });
    await model.fit(data, quiet);
    const before = bits(model);
    await model.evaluate(data, { batchSize: 10 });
    await model.predict(data);
    await model.gradients(data.store.images.slice(0, 288), [0, 1]);
    expect(bits(model)).toEqual(before);
  });
});

describe('the same network on the CPU', () => {
  test('starts from the same state and takes nearly the same steps', async () => {
    using model = smallModel({ seed: 9 });
    using cpu = smallModel({ seed: 9, device: 'cpu', precision: 'auto' });
    expect(bits(model)).toEqual(bits(cpu));
    const options = { ...quiet, epochs: 1, shuffle: 'batches' } as const;
    const [history, expected] = [await model.fit(data, options), await cpu.fit(data, options)];
    expect(relativeError(history.history.loss!, expected.history.loss!)).toBeLessThan(widened(1e-4));
    const { statistics, iterations } = parts(model.snapshot());
    expect(iterations).toBe(4);
    expect(largestError(statistics, parts(cpu.snapshot()).statistics)).toBeLessThan(widened(1e-5));
  });

  test('drops the same values', async () => {
    const specs = [
      layers.flatten(),
      layers.dense({ units: 40, activation: 'relu' }),
      layers.dropout({ rate: 0.5 }),
      layers.dense({ units: 4, activation: 'softmax' }),
    ];
    const gradients = async (options: object) => {
      using model = sequential(specs, { inputShape: [12, 12, 1], seed: 10, ...options });
      const { gradients } = await model.gradients(data.store.images.slice(0, 6 * 144), [0, 1, 2, 3, 0, 1]);
      return gradients.flatMap((weight) => [...weight.data]);
    };
    const [actual, expected] = [await gradients(onDevice), await gradients({ device: 'cpu' })];
    expect(relativeError(actual, expected)).toBeLessThan(widened(1e-5));
  });
});

describe('an abort', () => {
  test('ends an epoch between two batches, and the network goes on working', async () => {
    using model = smallModel({ seed: 11 });
    using fresh = smallModel({ seed: 11 });
    const start = fresh.snapshot();
    const controller = new AbortController();
    const training = model.fit(data, { ...quiet, epochs: 100_000, signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expect(training).rejects.toMatchObject({ code: 'ABORTED' });
    model.restore(start);
    const [a, b] = [await model.fit(data, quiet), await fresh.fit(data, quiet)];
    expect(bits(model)).toEqual(bits(fresh));
    expect(a.history).toEqual(b.history);
  });
});
