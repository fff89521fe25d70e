import { describe, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { ProgressCounter } from '../../lib/sweep/progress.js';
import type { FinishedTrial, Trial } from '../../lib/sweep/trial.js';

const dataset = (count: number) =>
  Dataset.from({ images: new Uint8Array(count), labels: new Uint8Array(count), height: 1, width: 1 });
const split = { name: 'half', train: dataset(100), validation: dataset(10) };
const larger = { ...split, train: dataset(200) };
const trial = (number: number, of = split): Trial => ({
  number,
  split: of,
  parameters: {},
  seed: 0,
  startFromEpoch: { epoch: 0, reason: 'given' },
});
const record = (number: number, epochs: number, accuracy: number) =>
  ({ status: 'finished', trial: number, epochs, accuracy }) as FinishedTrial;

describe('ProgressCounter', () => {
  test('counts trials, epochs, images and the best', () => {
    const trials = [trial(1), trial(2), trial(3, larger)];
    const counter = new ProgressCounter(trials, new Map());
    expect(counter.snapshot()).toMatchObject({
      done: 0,
      total: 3,
      running: 0,
      epochs: 0,
      images: 0,
      imagesPerSecond: 0,
    });
    expect(counter.snapshot()).not.toHaveProperty('best');
    expect(counter.snapshot()).not.toHaveProperty('secondsLeft');
    counter.start(trials[0]!);
    counter.start(trials[2]!);
    counter.epoch(trials[0]!);
    counter.epoch(trials[2]!);
    counter.epoch(trials[2]!);
    expect(counter.snapshot()).toMatchObject({ done: 0, running: 2, epochs: 3, images: 500 });
    counter.finish(record(1, 1, 0.5));
    expect(counter.snapshot()).toMatchObject({ done: 1, running: 1, best: { trial: 1 } });
  });

  test('the time left is that of the images that unfinished trials still need', () => {
    const trials = [trial(1), trial(2), trial(3, larger)];
    const counter = new ProgressCounter(trials, new Map([[1, record(1, 4, 0.5)]]));
    counter.start(trials[2]!);
    counter.epoch(trials[2]!);
    const { secondsLeft, imagesPerSecond } = counter.snapshot();
    expect(secondsLeft! * imagesPerSecond).toBeCloseTo(4 * 100 + (4 * 200 - 200), 6);
  });

  test('what an earlier run trained of a trial is not left, and was not trained in this run', () => {
    const trials = [trial(1), trial(2)];
    const counter = new ProgressCounter(trials, new Map([[1, record(1, 4, 0.5)]]));
    counter.start(trials[1]!, 2);
    counter.epoch(trials[1]!);
    const { epochs, images, secondsLeft, imagesPerSecond } = counter.snapshot();
    expect([epochs, images]).toEqual([1, 100]);
    expect(secondsLeft! * imagesPerSecond).toBeCloseTo(100, 6);
  });

  test('a trial that takes longer than the others counts as nearly done, not as negative work', () => {
    const trials = [trial(1), trial(2), trial(3)];
    const counter = new ProgressCounter(trials, new Map([[1, record(1, 1, 0.5)]]));
    counter.start(trials[1]!);
    for (let i = 0; i < 5; i++) counter.epoch(trials[1]!);
    const { secondsLeft, imagesPerSecond } = counter.snapshot();
    expect(secondsLeft! * imagesPerSecond).toBeCloseTo(100, 6);
  });
});
