import type { FinishedTrial, TrialRecord } from './trial.js';

/**
 * The best trial as the notebook chooses it: going through the trials by number, whichever order they finished in, a
 * later one must be strictly more accurate.
 */
export function bestTrial(records: Iterable<TrialRecord>): FinishedTrial | undefined {
  return rankTrials(records)[0];
}

/** Those that came to a result, the most accurate first, equals in the order of their numbers. */
export function rankTrials(records: Iterable<TrialRecord>): FinishedTrial[] {
  return finishedOnly(records).sort((a, b) => b.accuracy - a.accuracy || a.trial - b.trial);
}

/** Those that came to a result, as they come. */
export function finishedOnly(records: Iterable<TrialRecord>): FinishedTrial[] {
  return [...records].filter((record) => record.status === 'finished');
}
