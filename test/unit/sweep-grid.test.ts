import { describe, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { type Grid, gridPoints, notebookGrid } from '../../lib/sweep/grid.js';
import { describeTrial, planTrials } from '../../lib/sweep/trial.js';
import { SETTLING_STEPS, settledStartEpoch } from '../../lib/training/start-epoch.js';

const data = Dataset.from({ images: new Uint8Array(2), labels: new Uint8Array(2), height: 1, width: 1 });

function plan(seed = 0) {
  const splits = ['60%', '70%', '80%'].map((name) => ({ name, train: data, validation: data }));
  const startEpochs = new Map(splits.map((split) => [split, { epoch: 0, reason: 'given' }]));
  return planTrials(splits, gridPoints<Grid>(notebookGrid()), seed, startEpochs);
}

describe('gridPoints', () => {
  test('the last hyperparameter varies fastest', () => {
    expect(gridPoints({ a: [1, 2], b: ['x', 'y'] })).toEqual([
      { a: 1, b: 'x' },
      { a: 1, b: 'y' },
      { a: 2, b: 'x' },
      { a: 2, b: 'y' },
    ]);
  });

  test.each<[unknown, RegExp]>([
    [[], /Expected an object of value lists for grid/],
    [{}, /at least one hyperparameter/],
    [{ a: [] }, /Expected a non-empty array of values for grid.a/],
    [{ a: 3 }, /grid.a but received 3/],
    [{ a: [1, Number.NaN] }, /for grid.a\[1\] but received NaN/],
    [{ a: [[1, undefined]] }, /for grid.a\[0\]\[1\] but received undefined/],
    [{ accuracy: [1] }, /cannot be called accuracy/],
    [{ 7: [1] }, /cannot be called 7/],
  ])('refuses %j', (grid, message) => {
    expect(() => gridPoints(grid as Grid)).toThrow(message);
  });
});

describe('notebookGrid', () => {
  test('has the 27 triples in the order of itertools.product', () => {
    const { neuron_counts: triples } = notebookGrid();
    expect(triples).toHaveLength(27);
    expect(triples.slice(0, 4)).toEqual([
      [60, 60, 60],
      [60, 60, 80],
      [60, 60, 100],
      [60, 80, 60],
    ]);
    expect(triples.at(-1)).toEqual([100, 100, 100]);
  });

  test.each<[unknown, RegExp]>([
    [[60, 0], /Expected a positive integer for widths\[1\] but received 0/],
    [[1.5], /widths\[0\] but received 1.5/],
    [[60, 60], /distinct widths/],
    [[], /an array of widths/],
  ])('refuses widths %j', (widths, message) => {
    expect(() => notebookGrid(widths as number[])).toThrow(message);
  });
});

describe('a grid without measure', () => {
  test.each([
    [
      'of values that lie too deep',
      { a: [nested(200_000)] },
      /arrays within at most 16 others for grid\.a\[0\]/,
    ],
    ['of values that lie a little too deep', { a: [nested(17)] }, /within at most 16 others/],
    ['of too many combinations', millions(21), /at most 1000000 combinations for grid but received 2097152/],
  ])('%s is refused', (_what, grid, message) => {
    expect(() => gridPoints(grid as Grid)).toThrow(message);
  });

  test('is one only beyond its bounds', () => {
    expect(gridPoints({ a: [nested(16)] } as Grid)).toHaveLength(1);
    expect(gridPoints(millions(10))).toHaveLength(1024);
  });

  function nested(depth: number): unknown {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  }
  function millions(names: number): Grid {
    return Object.fromEntries(Array.from({ length: names }, (_, i) => [`p${i}`, [0, 1]]));
  }
});

describe('planTrials', () => {
  test('numbers the 81 trials of the notebook from 1, so that (100, 60, 100) is 21, 48 and 75', () => {
    const trials = plan();
    expect(trials.map(({ number }) => number)).toEqual(Array.from({ length: 81 }, (_, i) => i + 1));
    const best = trials.filter(({ parameters }) => String(parameters.neuron_counts) === '100,60,100');
    expect(best.map(({ number, split }) => [number, split.name])).toEqual([
      [21, '60%'],
      [48, '70%'],
      [75, '80%'],
    ]);
    expect(describeTrial(best[1]!)).toBe('trial 48 (70%, neuron_counts (100, 60, 100))');
  });

  test('gives every trial a seed of its own, from the seed of the sweep', () => {
    const seeds = plan(1).map(({ seed }) => seed);
    expect(new Set(seeds).size).toBe(81);
    expect(plan(1).map(({ seed }) => seed)).toEqual(seeds);
    expect(plan(2).map(({ seed }) => seed)).not.toEqual(seeds);
  });
});

describe('settledStartEpoch', () => {
  test.each([
    [6000, 6],
    [7000, 5],
    [8000, 5],
    [42_000, 0],
    [41_984, 1],
    [66_000, 0],
    [128, 328],
  ])('%i images in batches of 128 are looked at from epoch %i on', (images, epoch) => {
    expect(settledStartEpoch(images, 128, 1000).epoch).toBe(epoch);
    const steps = Math.ceil(images / 128);
    expect((epoch + 1) * steps).toBeGreaterThanOrEqual(SETTLING_STEPS);
    expect(epoch * steps).toBeLessThan(SETTLING_STEPS);
  });

  test('never passes the last epoch, and says so', () => {
    expect(settledStartEpoch(6000, 128, 7)).toEqual({
      epoch: 6,
      reason: 'first epoch by whose end 329 optimizer steps are done, at 47 steps an epoch',
    });
    expect(settledStartEpoch(6000, 128, 3)).toEqual({
      epoch: 2,
      reason: expect.stringMatching(/^last epoch, since the first .* at 47 steps an epoch, would be 7$/),
    });
  });
});
