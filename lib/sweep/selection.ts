import type { TrialRecord } from './trial.js';

/**
 * The best trial as the notebook chooses it: going through the trials by number, whichever order they finished in, a
 * later one must be strictly more accurate.
 */
export function bestTrial(records: Iterable<TrialRecord>): TrialRecord | undefined {
  const ordered = [...records].sort((a, b) => a.trial - b.trial);
  return ordered.reduce<TrialRecord | undefined>(
    (best, record) => (best && !(record.accuracy > best.accuracy) ? best : record),
    undefined,
  );
}
