import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { EpochTeller } from '../../lib/sweep/queue/epoch-teller.js';
import type { Logs } from '../../lib/training/callback.js';

const logs = (loss: number): Logs => ({ loss, accuracy: 0.5 });

describe('what a worker tells of epochs', () => {
  let told: [first: number, losses: number[]][];
  const say = async (first: number, all: readonly Logs[]): Promise<void> => {
    told.push([first, all.map(({ loss }) => loss)]);
  };

  beforeEach(() => {
    told = [];
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('is told together where they are short, and one by one where they are not', async () => {
    const teller = new EpochTeller(say);
    for (let epoch = 0; epoch < 7; epoch++) {
      jest.advanceTimersByTime(200);
      teller.add(logs(epoch));
    }
    expect(told).toEqual([
      [0, [0, 1, 2]],
      [3, [3, 4, 5]],
    ]);
    jest.advanceTimersByTime(1000);
    teller.add(logs(7));
    jest.advanceTimersByTime(1000);
    teller.add(logs(8));
    expect(told.slice(2)).toEqual([
      [6, [6, 7]],
      [8, [8]],
    ]);
  });

  test('is complete at the end, without empty messages', async () => {
    const teller = new EpochTeller(say);
    teller.add(logs(0));
    await teller.tell();
    await teller.tell();
    expect(told).toEqual([[0, [0]]]);
  });

  test('ends no training where it cannot be told', () => {
    const teller = new EpochTeller(() => Promise.reject(new Error('no connection')));
    jest.advanceTimersByTime(1000);
    expect(() => teller.add(logs(0))).not.toThrow();
  });
});
