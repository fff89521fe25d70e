import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { stepsPerEpoch } from '../../lib/data/epoch-plan.js';
import { holdout, notebookSplit } from '../../lib/data/splits.js';
import { tfdsOrder } from '../../lib/data/tfds-order.js';
import { divideSixToOne, type TrainTest } from '../../lib/data/train-test.js';
import { protocolSplits } from '../../lib/sweep/protocol.js';

const sorted = (rows: Iterable<number>): number[] => [...rows].sort((a, b) => a - b);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** One-pixel images; `train` of them to learn from, then `test` to test on. */
function trainTest(train: number, test: number): TrainTest {
  const count = train + test;
  const all = Dataset.from({
    images: new Uint8Array(count),
    labels: new Uint8Array(count),
    height: 1,
    width: 1,
    name: 'made-up',
  });
  return { all, train: all.subset(range(train)), test: all.subset(range(test).map((i) => train + i)) };
}

describe('tfdsOrder', () => {
  const digest = (order: Uint32Array): string =>
    createHash('sha256')
      .update(new Uint8Array(order.buffer, order.byteOffset, order.byteLength))
      .digest('hex');

  test('is the record order of MNIST 3.0.1, train', () => {
    const order = tfdsOrder('train', 60000);
    expect([...order.subarray(0, 10)]).toEqual([
      16399, 1680, 47917, 17307, 27051, 54784, 50543, 48736, 26263, 1456,
    ]);
    expect([...order.subarray(-3)]).toEqual([39601, 32842, 50006]);
    expect(digest(order)).toBe('315c8c89b50bb1ce8d319f8bd1fbbc1777251e85f1b3a3a321e0cf10dff0934a');
  });

  test('is the record order of MNIST 3.0.1, test', () => {
    const order = tfdsOrder('test', 10000);
    expect([...order.subarray(0, 10)]).toEqual([9933, 5669, 163, 6686, 4747, 131, 9167, 1579, 6174, 8443]);
    expect([...order.subarray(-3)]).toEqual([3829, 8858, 4202]);
    expect(digest(order)).toBe('e4c415d3fc4e9b2c67d4d493a2e430a14a85f229e54874ece0e24133a0cda518');
  });

  test('of nothing is empty', () => {
    expect(tfdsOrder('train', 0)).toEqual(new Uint32Array(0));
    expect(() => tfdsOrder('train', 1.5)).toThrow('count');
  });
});

describe('holdout', () => {
  const { all } = trainTest(701, 300);

  test.each([
    [60, 601],
    [70, 701],
    [80, 801],
    [99.9, 1000],
  ])('cuts at round(p x n): %p %% of 1001', (percent, size) => {
    const { train, validation } = holdout(all, { percent, seed: 1 });
    expect([train.size, validation.size]).toEqual([size, 1001 - size]);
    expect(sorted([...train.rows, ...validation.rows])).toEqual(range(1001));
    expect(train.store).toBe(all.store);
  });

  test('uses one permutation for all percentages of a seed', () => {
    const order = (percent: number, seed: number): number[] => {
      const { train, validation } = holdout(all, { percent, seed });
      return [...train.rows, ...validation.rows];
    };
    expect(order(60, 1)).toEqual(order(80, 1));
    expect(order(60, 1)).not.toEqual(order(60, 2));
    expect(order(60, 1)).not.toEqual(range(1001));
  });

  test('splits the images of a subset, not of its store', () => {
    const { train, validation } = holdout(all.subset([900, 5, 17, 300]), { percent: 50, seed: 3 });
    expect(sorted([...train.rows, ...validation.rows])).toEqual([5, 17, 300, 900]);
    expect(train.size).toBe(2);
  });

  test.each([0, 100, -1, 101, Number.NaN, Number.POSITIVE_INFINITY])('refuses %p percent', (percent) => {
    expect(() => holdout(all, { percent, seed: 1 })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `Expected a number strictly between 0 and 100 for percent but received ${percent}`,
      }),
    );
  });

  test('refuses a cut that leaves a side empty', () => {
    const three = all.subset([0, 1, 2]);
    expect(() => holdout(three, { percent: 1, seed: 1 })).toThrow('puts 0 of the 3 images');
    expect(() => holdout(three, { percent: 99, seed: 1 })).toThrow('puts 3 of the 3 images');
  });

  test('refuses a misspelled option', () => {
    const options = { percent: 60, seed: 1, sede: 2 };
    expect(() => holdout(all, options)).toThrow('Unknown option sede for holdout; did you mean seed?');
    expect(() => notebookSplit(trainTest(10, 5), options)).toThrow('Unknown option sede for notebookSplit');
  });

  test('refuses a seed that is no integer', () => {
    expect(() => holdout(all, { percent: 60, seed: 0.5 })).toThrow('for seed but received 0.5');
  });
});

describe('notebookSplit', () => {
  const mnist = trainTest(60000, 10000);
  const trainOrder = [...tfdsOrder('train', 60000)];
  const testOrder = [...tfdsOrder('test', 10000)].map((i) => 60000 + i);

  test.each([
    [60, 66000, 516, 80, 64000, 500, 128, 4000, '93.75 %'],
    [70, 67000, 524, 56, 63000, 493, 24, 3000, '95.24 %'],
    [80, 68000, 532, 32, 62000, 485, 48, 2000, '96.77 %'],
  ])(
    'selects what tfds selects at %p %%',
    (percent, trainSize, steps, last, validationSize, validationSteps, validationLast, unseenSize, leak) => {
      const { train, validation, unseen, leaked, description } = notebookSplit(mnist, { percent, seed: 1 });
      expect(train.size).toBe(trainSize);
      expect(stepsPerEpoch(train.size, 128)).toBe(steps);
      expect(train.size - (steps - 1) * 128).toBe(last);
      expect(validation.size).toBe(validationSize);
      expect(stepsPerEpoch(validation.size, 128)).toBe(validationSteps);
      expect(validation.size - (validationSteps - 1) * 128).toBe(validationLast);
      expect(leaked).toBe(60000);
      expect(unseen.size).toBe(unseenSize);
      expect([...unseen.rows]).toEqual(testOrder.slice(10000 - unseenSize));
      expect(sorted(train.rows)).toEqual(sorted([...trainOrder, ...testOrder.slice(0, 10000 - unseenSize)]));
      expect(sorted(validation.rows)).toEqual(
        sorted([...trainOrder, ...testOrder.slice(10000 - unseenSize)]),
      );
      expect(description).toContain('LEAKS');
      expect(description).toContain(leak);
      expect(description).toContain(`'train+test[:${percent}%]' trains on ${trainSize} images`);
    },
  );

  test('reads blocks of 16 of both files in turn, each file in record order', () => {
    const { train, validation } = notebookSplit(mnist, { percent: 70, seed: 1 });
    const runs = (rows: Uint32Array): number[] => {
      const lengths: number[] = [];
      rows.forEach((row, i) => {
        if (i > 0 && row < 60000 === rows[i - 1]! < 60000) lengths[lengths.length - 1]!++;
        else lengths.push(1);
      });
      return lengths;
    };
    // 7000 = 437 blocks of 16 and 8 over.
    const trainRuns = runs(train.rows);
    const startsWithTest = train.rows[0]! >= 60000;
    expect(trainRuns.slice(0, startsWithTest ? 874 : 875)).toEqual(
      new Array(startsWithTest ? 874 : 875).fill(16),
    );
    expect(trainRuns.slice(startsWithTest ? 874 : 875)).toEqual([
      8,
      60000 - (startsWithTest ? 437 : 438) * 16,
    ]);
    expect([...train.rows].filter((row) => row < 60000)).toEqual(trainOrder);
    expect([...train.rows].filter((row) => row >= 60000)).toEqual(testOrder.slice(0, 7000));
    expect([...validation.rows].filter((row) => row >= 60000)).toEqual(testOrder.slice(7000));
    expect(runs(validation.rows).slice(0, 300)).toEqual(new Array(300).fill(16));
  });

  test('lets the seed say which file comes first', () => {
    const small = trainTest(40, 20);
    const first = (seed: number): boolean => notebookSplit(small, { percent: 50, seed }).train.rows[0]! < 40;
    const firsts = range(20).map(first);
    expect(new Set(firsts)).toEqual(new Set([true, false]));
    expect(range(20).map(first)).toEqual(firsts);
  });

  test('rounds a half to even, as Python does', () => {
    // 50 % of 5 is 2.5, of 7 is 3.5.
    expect(notebookSplit(trainTest(10, 5), { percent: 50, seed: 1 }).unseen.size).toBe(3);
    expect(notebookSplit(trainTest(10, 7), { percent: 50, seed: 1 }).unseen.size).toBe(3);
  });

  test('refuses a slice of test that is empty', () => {
    expect(() => notebookSplit(trainTest(10, 5), { percent: 5, seed: 1 })).toThrow('puts 0 of the 5 images');
    expect(() => notebookSplit(trainTest(10, 5), { percent: 100, seed: 1 })).toThrow(
      'strictly between 0 and 100',
    );
  });

  test('refuses parts that are not the whole', () => {
    const { all, train } = trainTest(10, 5);
    expect(() => notebookSplit({ all, train, test: train }, { percent: 50, seed: 1 })).toThrow(
      'train and test of 15 images together for data but received 20',
    );
  });
});

test('the seed is 0 by default', () => {
  const data = trainTest(70, 30);
  expect(holdout(data.all, { percent: 60 })).toEqual(holdout(data.all, { percent: 60, seed: 0 }));
  expect(notebookSplit(data, { percent: 60 })).toEqual(notebookSplit(data, { percent: 60, seed: 0 }));
  expect(protocolSplits(data, 'holdout', [60])).toEqual(protocolSplits(data, 'holdout', [60], 0));
});

test('no source is no data set', () => {
  expect(() => Dataset.from(undefined as never)).toThrow('for source but received undefined');
  expect(() => Dataset.from({} as never)).toThrow('for images but received undefined');
});

describe('divideSixToOne', () => {
  const { all } = trainTest(8000, 2000);

  test('divides as MNIST is divided, seeded, and says so', () => {
    const divided = divideSixToOne(all, 7);
    expect([divided.train.size, divided.test.size]).toEqual([8571, 1429]);
    expect([...divided.all.rows]).toEqual([...divided.train.rows, ...divided.test.rows]);
    expect(sorted(divided.all.rows)).toEqual(range(10000));
    expect([...divideSixToOne(all, 8).all.rows]).not.toEqual([...divided.all.rows]);
    const { description, unseen, train } = notebookSplit(divided, { percent: 60, seed: 7 });
    expect(description).toContain(
      'made-up has no test set of its own: a division 6:1 with seed 7 stands in for it (8571 train, 1429 test)',
    );
    expect(unseen.size).toBe(1429 - 857);
    const trained = new Set(train.rows);
    expect([...unseen.rows].filter((row) => trained.has(row))).toEqual([]);
  });

  test('leaves at least one image to test on', () => {
    expect(divideSixToOne(all.subset([4, 5]), 1).test.size).toBe(1);
    expect(() => divideSixToOne(all.subset([4]), 1)).toThrow('the number of images');
  });
});
