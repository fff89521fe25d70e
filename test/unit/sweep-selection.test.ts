import { describe, expect, test } from '@jest/globals';
import { accuracyOf, predictedClasses } from '../../lib/model/accuracy.js';
import { bestTrial, finishedOnly } from '../../lib/sweep/selection.js';
import type { FinishedTrial, TrialRecord } from '../../lib/sweep/trial.js';

const record = (trial: number, accuracy: number) =>
  ({ status: 'finished', trial, accuracy }) as FinishedTrial;
const diverged = (trial: number) => ({ status: 'diverged', trial }) as TrialRecord;

describe('bestTrial', () => {
  test('a tie keeps the lowest number, whatever finished first', () => {
    expect(bestTrial([record(3, 0.9), record(2, 0.9), record(1, 0.8)])?.trial).toBe(2);
  });

  test('a strictly better later one wins', () => {
    expect(bestTrial([record(1, 0.9), record(2, 0.95), record(3, 0.949)])?.trial).toBe(2);
  });

  test('there is none without trials, and with accuracy 0 it is the first', () => {
    expect(bestTrial([])).toBeUndefined();
    expect(bestTrial([record(2, 0), record(1, 0)])?.trial).toBe(1);
  });
});

test('a trial that diverged is never the best, nor among those with a result', () => {
  expect(bestTrial([diverged(1)])).toBeUndefined();
  expect(bestTrial([diverged(1), record(2, 0), diverged(3)])?.trial).toBe(2);
  expect(finishedOnly([diverged(1), record(3, 0.5), record(2, 0)]).map(({ trial }) => trial)).toEqual([3, 2]);
});

describe('accuracy', () => {
  test('the first of equal probabilities is predicted', () => {
    const probabilities = Float32Array.of(0.2, 0.4, 0.4, 0.5, 0.5, 0, 0, 0, 1);
    expect([...predictedClasses(probabilities, 3)]).toEqual([1, 0, 2]);
  });

  test('is the quotient of float32 values', () => {
    const labels = new Uint8Array(64000);
    const predictions = new Uint8Array(64000).fill(1, 0, 9);
    const accuracy = accuracyOf(labels, predictions);
    expect(accuracy).toBe(Math.fround(63991 / 64000));
    expect(accuracy).not.toBe(63991 / 64000);
  });
});
