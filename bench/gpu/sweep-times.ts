import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from '../../lib/data/dataset.js';
import { holdout } from '../../lib/data/splits.js';
import type { SweepOptions } from '../../lib/sweep/options.js';
import { sweep } from '../../lib/sweep/sweep.js';
import { timed } from './trial.js';

/** The time of a whole sweep. */
export interface SweepTime {
  /** The process' first, or another. */
  run: 'cold' | 'warm';
  trials: number;
  /** Of all trials. */
  epochs: number;
  seconds: number;
  /** The best. */
  accuracy: number;
}

/** Sweeps the notebook's grid twice, into a folder that does not stay. */
export async function* sweepTimes(
  images: Dataset,
  options: Pick<SweepOptions, 'device' | 'limit' | 'epochs' | 'patience'>,
): AsyncGenerator<SweepTime> {
  const folder = await mkdtemp(join(tmpdir(), 'convsweep-bench-'));
  try {
    const splits = [60, 70, 80].map((percent) => ({
      name: `${percent}%`,
      ...holdout(images, { percent, seed: 0 }),
    }));
    for (const run of ['cold', 'warm'] as const) {
      const { result } = sweep({ ...options, out: join(folder, run), splits });
      const seconds = await timed(() => result);
      const { trials, best } = await result;
      const epochs = trials.reduce((sum, { history }) => sum + history.loss.length, 0);
      yield { run, trials: trials.length, epochs, seconds, accuracy: best.accuracy };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
