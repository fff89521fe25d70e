import { pythonText } from '../sweep/models-csv.js';
import type { TrialRecord } from '../sweep/trial.js';
import type { TrainingRun } from './plots.js';

/** How many trials a sweep has, and how many of them are finished. */
export interface SweepExtent {
  finished: number;
  total: number;
}

/** The training of a sweep's best trial, as pictures name it: of the finished ones, if others are still to come. */
export function bestTrialRun(record: TrialRecord, { finished, total }: SweepExtent): TrainingRun {
  const title = finished < total ? `the best of ${finished} models so far` : `the best of ${total} models`;
  return { ...trainingOf(record), title, description: `trial ${record.trial}: ${describe(record)}` };
}

/** The training of any trial, as pictures name it. */
export function trialRun(record: TrialRecord): TrainingRun {
  return { ...trainingOf(record), title: `trial ${record.trial}`, description: describe(record) };
}

function trainingOf({ history, bestEpoch, startFromEpoch }: TrialRecord) {
  return { history, bestEpoch, startFromEpoch };
}

/** `split 60%, neuron_counts (100, 60, 100), accuracy 0.9838` */
function describe({ split, parameters, accuracy, unseenAccuracy }: TrialRecord): string {
  const values = Object.entries(parameters).map(([name, value]) => `${name} ${pythonText(value)}`);
  const unseen = unseenAccuracy === undefined ? [] : [`on unseen images ${unseenAccuracy.toFixed(4)}`];
  return [`split ${split}`, ...values, `accuracy ${accuracy.toFixed(4)}`, ...unseen].join(', ');
}
