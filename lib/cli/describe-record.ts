import type { TrialRecord } from '../sweep/trial.js';

/** `60% (100, 60, 100)` */
export function describeRecord({ split, parameters }: Pick<TrialRecord, 'split' | 'parameters'>): string {
  const values = Object.values(parameters).map((value) =>
    Array.isArray(value) ? `(${value.join(', ')})` : String(value),
  );
  return [split, ...values].join(' ');
}
