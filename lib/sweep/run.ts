import { Channel } from './channel.js';
import type { SweepEvent } from './events.js';
import { linkedController } from './linked-controller.js';

/**
 * A sweep that runs: its events, to be iterated over, and its result.
 *
 * Leaving the iteration early, by `break`, `return` or an error, stops the sweep, unless somebody else still iterates
 * over it; the result then rejects with `ABORTED`. What follows runs when it has stopped, and may resume it.
 */
export interface Run<Result> extends AsyncIterable<SweepEvent> {
  /** Rejects with what ended the sweep; so does the iteration, where there is one. */
  readonly result: Promise<Result>;
}

/**
 * Starts `work`, in a later microtask, so that the caller can iterate first.
 * @param signal stops it, as does leaving the iteration
 */
export function startRun<Result>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal, send: (event: SweepEvent) => void) => Promise<Result>,
): Run<Result> {
  const events = new Channel<SweepEvent>();
  const { controller, release } = linkedController(signal);
  const result = Promise.resolve()
    .then(() => work(controller.signal, (event) => events.send(event)))
    .finally(() => {
      release();
      events.end();
    });
  let readers = 0;
  return {
    result,
    async *[Symbol.asyncIterator]() {
      // Iterating reports a failure; that nobody awaits the result as well is then no unhandled rejection.
      result.catch(() => {});
      readers++;
      let isLeaving = true;
      try {
        yield* events;
        isLeaving = false;
      } finally {
        readers--;
        if (isLeaving && readers === 0) {
          controller.abort(new Error('nobody iterates over the sweep any more'));
          await result.catch(() => {});
        }
      }
      await result;
    },
  };
}
