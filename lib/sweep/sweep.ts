import { resolveDevices } from '../native/devices.js';
import type { SweepResult } from './finish-sweep.js';
import type { Grid } from './grid.js';
import { resolveSweepOptions, type SweepOptions } from './options.js';
import { type Run, startRun } from './run.js';
import { runSweep } from './run-sweep.js';

/** A sweep that runs; see {@link Run}. */
export type SweepRun = Run<SweepResult>;

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
  return startRun(settings.signal, (signal, send) => runSweep({ ...settings, signal }, devices, send));
}
