import { describe, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { epochPlan, type Shuffle, stepsPerEpoch } from '../../lib/data/epoch-plan.js';

/** Ten images in the order 9, 8, ... 0 of their store. */
const dataset = Dataset.from({
  images: new Uint8Array(10),
  labels: new Uint8Array(10),
  height: 1,
  width: 1,
}).subset([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);

function batches(shuffle: Shuffle, epoch: number, { batchSize = 4, seed = 1 } = {}): number[][] {
  const { rows, batchSizes } = epochPlan(dataset, { batchSize, shuffle, seed, epoch });
  let start = 0;
  const result = [...batchSizes].map((size) => {
    start += size;
    return [...rows.subarray(start - size, start)];
  });
  expect(start).toBe(rows.length);
  return result;
}
const epochs = Array.from({ length: 40 }, (_, epoch) => epoch);

describe('epochPlan', () => {
  test('none: the order of the data set, the remainder last', () => {
    expect(batches('none', 3)).toEqual([
      [9, 8, 7, 6],
      [5, 4, 3, 2],
      [1, 0],
    ]);
  });

  test('batches: fixed batches in every order, the partial one anywhere', () => {
    const fixed = ['9,8,7,6', '5,4,3,2', '1,0'];
    const orders = epochs.map((epoch) => batches('batches', epoch).map(String));
    for (const order of orders) expect([...order].sort()).toEqual([...fixed].sort());
    expect(new Set(orders.map((order) => order.join('|'))).size).toBe(6);
    expect(new Set(orders.map((order) => order.indexOf('1,0')))).toEqual(new Set([0, 1, 2]));
  });

  test('samples: a new permutation each epoch, the partial batch last', () => {
    const plans = epochs.map((epoch) => batches('samples', epoch));
    for (const plan of plans) {
      expect(plan.map((batch) => batch.length)).toEqual([4, 4, 2]);
      expect(plan.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expect(new Set(plans.map(String)).size).toBe(epochs.length);
  });

  test('indexes the store, not the subset', () => {
    const subset = dataset.subset([0, 2]);
    for (const shuffle of ['batches', 'samples', 'none'] as const) {
      const { rows } = epochPlan(subset, { batchSize: 1, shuffle, seed: 1, epoch: 0 });
      expect([...rows].sort()).toEqual([7, 9]);
    }
  });

  test.each(['batches', 'samples'] as const)('%s: a function of seed and epoch', (shuffle) => {
    expect(epochs.map((epoch) => batches(shuffle, epoch))).toEqual(
      epochs.map((epoch) => batches(shuffle, epoch)),
    );
    const ofSeed = (seed: number) => epochs.map((epoch) => batches(shuffle, epoch, { seed }));
    expect(ofSeed(1)).not.toEqual(ofSeed(2));
  });

  test('whole batches, a remainder of one, and a batch larger than the data', () => {
    const sizes = (batchSize: number): number[] =>
      batches('samples', 0, { batchSize }).map((batch) => batch.length);
    expect(sizes(5)).toEqual([5, 5]);
    expect(sizes(3)).toEqual([3, 3, 3, 1]);
    expect(sizes(11)).toEqual([10]);
    expect(batches('batches', 0, { batchSize: 11 })).toEqual([[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]);
  });

  test('refuses what is no plan', () => {
    const plan =
      (options: object, data = dataset) =>
      () =>
        epochPlan(data, { batchSize: 4, shuffle: 'none', seed: 1, epoch: 0, ...options });
    expect(plan({ batchSize: 0 })).toThrow('Expected a positive integer for batchSize but received 0');
    expect(plan({ shuffle: 'all' })).toThrow('"batches", "samples" or "none" for shuffle but received "all"');
    expect(plan({ epoch: -1 })).toThrow('for epoch but received -1');
    expect(plan({ seed: 1.5 })).toThrow('for seed but received 1.5');
    expect(plan({}, dataset.subset([]))).toThrow('for the number of images but received 0');
  });
});

test('stepsPerEpoch counts the remainder as a step', () => {
  expect(stepsPerEpoch(66000, 128)).toBe(516);
  expect(stepsPerEpoch(128, 128)).toBe(1);
  expect(stepsPerEpoch(129, 128)).toBe(2);
});
