import { describe, expect, test } from '@jest/globals';
import { Channel } from '../../lib/sweep/channel.js';
import { runPool } from '../../lib/sweep/pool.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('runPool', () => {
  test('begins items in order, never more than jobs at a time, and as many as that', async () => {
    let running = 0;
    let most = 0;
    const begun: number[] = [];
    await runPool([0, 1, 2, 3, 4, 5, 6], 3, undefined, async (item) => {
      begun.push(item);
      most = Math.max(most, ++running);
      for (let i = 0; i <= item % 3; i++) await tick();
      running--;
    });
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  test('has no more slots than items, however many are asked for', async () => {
    const slots: number[] = [];
    await runPool([0, 1, 2], Number.MAX_SAFE_INTEGER, undefined, async (_item, _signal, slot) => {
      slots.push(slot);
      await tick();
    });
    expect(slots).toEqual([0, 1, 2]);
  });

  test('a failure aborts the others, begins no more, and is thrown after all have ended', async () => {
    const ended: number[] = [];
    const begun: number[] = [];
    const running = runPool([0, 1, 2, 3], 2, undefined, async (item, signal) => {
      begun.push(item);
      if (item === 1) throw new Error('broken');
      await new Promise<void>((_, reject) => {
        signal.addEventListener('abort', async () => {
          await tick();
          ended.push(item);
          reject(new Error('aborted'));
        });
      });
    });
    await expect(running).rejects.toThrow('broken');
    expect([begun, ended]).toEqual([[0, 1], [0]]);
  });

  test('the signal of the caller reaches the items, and one that is aborted lets none begin', async () => {
    const controller = new AbortController();
    const begun: number[] = [];
    const run = async (item: number, signal: AbortSignal) => {
      begun.push(item);
      controller.abort();
      expect(signal.aborted).toBe(true);
    };
    await runPool([0, 1, 2], 1, controller.signal, run);
    expect(begun).toEqual([0]);
    await runPool([0, 1, 2], 1, controller.signal, run);
    expect(begun).toEqual([0]);
  });
});

describe('runPool where too many run at a time', () => {
  const tooMuch = new Error('too much');
  /** Items that fail while more than `room` run, each over a few turns. */
  function crowd(room: number) {
    let running = 0;
    const log = { done: [] as number[], slots: new Set<number>(), left: [] as number[] };
    const run = async (item: number, _: AbortSignal, slot: number): Promise<void> => {
      log.slots.add(slot);
      running++;
      try {
        await tick();
        if (running > room) throw tooMuch;
        await tick();
        log.done.push(item);
      } finally {
        running--;
      }
    };
    const tooMany = (error: unknown, _: number, left: number): boolean => {
      log.left.push(left);
      return error === tooMuch;
    };
    return { log, run, tooMany };
  }

  test('every item is run to its end, with ever fewer at a time', async () => {
    const { log, run, tooMany } = crowd(2);
    await runPool([0, 1, 2, 3, 4, 5, 6, 7], 4, undefined, run, tooMany);
    expect([...log.done].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(log.slots).toEqual(new Set([0, 1, 2, 3]));
    expect(log.left).toEqual([3, 2]);
  });

  test('an item for which one at a time is too many fails, and ends the others', async () => {
    const { log, run, tooMany } = crowd(0);
    await expect(runPool([0, 1, 2], 3, undefined, run, tooMany)).rejects.toThrow('too much');
    expect(log.done).toEqual([]);
  });

  test('another failure is not tried again', async () => {
    const begun: number[] = [];
    const run = async (item: number): Promise<void> => {
      begun.push(item);
      await tick();
      throw new Error(`broken ${item}`);
    };
    await expect(runPool([0, 1, 2], 2, undefined, run, () => false)).rejects.toThrow('broken 0');
    expect(begun).toEqual([0, 1]);
  });
});

describe('Channel', () => {
  test('every reader gets what is sent from when it begins, also what was sent faster than read', async () => {
    const channel = new Channel<number>();
    const read = async (): Promise<number[]> => {
      const values: number[] = [];
      for await (const value of channel) {
        values.push(value);
        await tick();
      }
      return values;
    };
    channel.send(0);
    const first = read();
    channel.send(1);
    channel.send(2);
    await tick();
    const second = read();
    await tick();
    channel.send(3);
    channel.end();
    expect([await first, await second, await read()]).toEqual([[1, 2, 3], [3], []]);
  });
});
