import { linkedController } from './linked-controller.js';

/**
 * Runs `run` on every item, in order, up to `jobs` at a time, each in a slot from 0 to `jobs` - 1. The first failure
 * aborts the signal that the others were given, and is thrown once they have ended.
 *
 * Items that failed because too many ran at a time run again, with a slot fewer; what fails alone has failed.
 * @param signal stops everything; items not yet begun are left
 * @param tooMany whether the failure of an item that ran beside others was due to them; `left` slots would remain
 */
export async function runPool<T>(
  items: readonly T[],
  jobs: number,
  signal: AbortSignal | undefined,
  run: (item: T, signal: AbortSignal, slot: number) => Promise<void>,
  tooMany: (error: unknown, item: T, left: number) => boolean = () => false,
): Promise<void> {
  const { controller, release } = linkedController(signal);
  const failures: unknown[] = [];
  const queue = [...items];
  const running = new Set<{ alone: boolean }>();
  // More could not find anything to do.
  let slots = Math.min(jobs, items.length);

  const work = async (slot: number): Promise<void> => {
    while (queue.length > 0 && !controller.signal.aborted) {
      const item = queue.shift()!;
      const state = { alone: running.size === 0 };
      for (const other of running) other.alone = false;
      running.add(state);
      try {
        await run(item, controller.signal, slot);
      } catch (error) {
        const left = Math.max(1, slots - 1);
        if (!controller.signal.aborted && !state.alone && tooMany(error, item, left)) {
          queue.unshift(item);
          const isLast = slots === left;
          slots = left;
          if (!isLast) return;
        } else {
          failures.push(error);
          controller.abort(error);
        }
      } finally {
        running.delete(state);
      }
    }
    slots--;
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => work(slot)));
  release();
  if (failures.length > 0) throw failures[0];
}
