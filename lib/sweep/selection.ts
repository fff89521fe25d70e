import type { FinishedTrial, TrialRecord } from './trial.js';

/**
 * The best trial as the notebook chooses it: going through the trials by number, whichever order they finished in, a
 * later one must be strictly more accurate.
 */
export function bestTrial(records: Iterable<TrialRecord>): FinishedTrial | undefined {
  const ordered = finishedOnly(records).sort((a, b) => a.trial - b.trial);
  return ordered.reduce<FinishedTrial | undefined>(
    (best, record) => (best && !(record.accuracy > best.accuracy) ? best : record),
    undefined,
  );
}

/** Those that came to a result, as they come. */
export function finishedOnly(records: Iterable<TrialRecord>): FinishedTrial[] {
  return [...records].filter((record) => record.status === 'finished');
}
