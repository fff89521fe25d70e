import { ConvsweepError } from '../errors.js';
import { collectRecords } from './collect-records.js';
import { finishSweep, type SweepResult } from './finish-sweep.js';
import { SweepFolder } from './folder.js';
import { FolderLock } from './lock.js';
import { numberRanges } from './number-ranges.js';
import { finishedTrials, requireOneEngine } from './resume.js';

/** Options of {@link mergeSweep}. */
export interface MergeOptions {
  /** Take trials of other engines than the sweep was planned for. Default false. */
  mixed?: boolean;
  /** Told in words of what is not as it was left. */
  notify?: (message: string) => void;
}

/**
 * Puts together a sweep whose trials were trained by {@link trainPlanned}: checks every record and every model, and writes
 * what a sweep on one machine leaves, byte for byte, but for the times in the journal.
 * @param out the sweep's folder
 * @throws ConvsweepError `FILE` (no sweep there, in use, or trials that are not trained yet, with the command that trains
 * them), `INVALID_DATA` (a record that is damaged, or of another sweep), `INVALID_ARGUMENT` (a trial of another engine),
 * `DIVERGED` (all trials did)
 */
export async function mergeSweep(
  out: string,
  { mixed = false, notify = () => {} }: MergeOptions = {},
): Promise<SweepResult> {
  const folder = new SweepFolder(out);
  const remedy = 'give the folder of a sweep that was planned: convsweep sweep --plan --out DIR';
  const config = await folder.readConfig('sweep', remedy);
  const lock = await FolderLock.take(folder.lock);
  try {
    await collectRecords(folder, config, mixed, notify);
    const records = await finishedTrials(folder, config, notify);
    requireOneEngine(records.values(), out, mixed);
    const missing = Array.from({ length: config.trials }, (_, i) => i + 1).filter((n) => !records.has(n));
    if (missing.length > 0) {
      const ranges = numberRanges(missing);
      throw new ConvsweepError(
        'FILE',
        `${missing.length} of ${config.trials} trials are not trained yet: ${ranges}; train them: convsweep trial ${ranges} --out ${out}`,
      );
    }
    await lock.requireHeld();
    // Only now: what others of this folder's trials are still writing is no leftover.
    await folder.repair();
    await folder.removeRecords();
    return await finishSweep(folder, records.values(), config);
  } finally {
    await lock.release();
  }
}
