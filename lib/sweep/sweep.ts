import { resolveDevices } from '../native.js';
import { Channel } from './channel.js';
import type { SweepEvent } from './events.js';
import type { Grid } from './grid.js';
import { linkedController } from './linked-controller.js';
import { resolveSweepOptions, type SweepOptions } from './options.js';
import { runSweep, type SweepResult } from './run-sweep.js';

/**
 * A sweep that runs: its events, to be iterated over, and its result.
 *
 * Leaving the iteration early, by `break`, `return` or an error, stops the sweep, unless somebody else still iterates
 * over it; the result then rejects with `ABORTED`. What follows runs when it has stopped, and may resume it.
 */
export interface SweepRun extends AsyncIterable<SweepEvent> {
  /** Rejects with what ended the sweep; so does the iteration, where there is one. */
  readonly result: Promise<SweepResult>;
}

/**
 * Trains a model for every split and every combination of a grid, side by side, and keeps everything in a folder:
 * `models/model_<i>.h5`, each trial's best state; `models.csv`; `model.h5`, the best of all; `summary.txt`, its layers;
 * `config.json`; and `journal.jsonl`, one line per trial that ended with its history and times, in the order of ending.
 *
 * Each trial stops early on the validation loss, and its accuracy is that of the reloaded checkpoint on the validation
 * images. A trial depends on the seed and its number alone, so all files but the journal are the same, byte for byte,
 * for any `jobs`, and whether or not the sweep was interrupted and resumed.
 *
 * A trial that fails ends the sweep after aborting those in progress; finished trials are kept for `resume`, and of
 * one in progress whose epochs take a second or more what it had learnt but for its last epochs: as many as let writing
 * take at most 2 % of the time, usually one. A trial whose validation loss is never a number is no failure: its record
 * says that it diverged, and it has no checkpoint.
 *
 * @example
 * const digits = await loadDigits();
 * const splits = [60, 70, 80].map((percent) => ({ name: `${percent}%`, ...holdout(digits, { percent, seed: 1 }) }));
 * const run = sweep({ out: 'runs/digits', splits, seed: 1 });
 * for await (const event of run) if (event.type === 'trialEnd') console.log(event.record);
 * const { best } = await run.result;
 *
 * @returns at once; iterate over it in the same turn of the event loop to miss no event
 * @throws ConvsweepError `INVALID_ARGUMENT`, `SHAPE_MISMATCH`, `DEVICE_UNAVAILABLE` at once; the result rejects with
 * `FILE` (the folder holds another sweep, or none to resume, or is in use), `INVALID_ARGUMENT` (a model that cannot be
 * built, or resumed with other options), `INVALID_DATA` (a folder to resume that is damaged), `DIVERGED` (all trials did),
 * `ABORTED`, or what made a trial fail
 */
export function sweep<G extends Grid>(options: SweepOptions<G>): SweepRun {
  const settings = resolveSweepOptions(options);
  const devices = resolveDevices(settings.device);
  const events = new Channel<SweepEvent>();
  const { controller, release } = linkedController(settings.signal);
  // Begins in a later microtask, so that the caller can iterate first.
  const result = Promise.resolve()
    .then(() => runSweep({ ...settings, signal: controller.signal }, devices, (event) => events.send(event)))
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
