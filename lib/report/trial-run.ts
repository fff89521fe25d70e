import type { FinishedTrial } from '../sweep/trial.js';
import { trialLabel } from '../sweep/trial-label.js';
import { accuracyText } from './accuracy-text.js';
import type { TrainingRun } from './plots.js';

/** How many trials a sweep has, and how many of them are finished. */
export interface SweepExtent {
  finished: number;
  total: number;
}

/** The training of a sweep's best trial, as pictures name it: of the finished ones, if others are still to come. */
export function bestTrialRun(record: FinishedTrial, { finished, total }: SweepExtent): TrainingRun {
  const title = finished < total ? `the best of ${finished} models so far` : `the best of ${total} models`;
  return { ...trainingOf(record), title, description: `trial ${record.trial}: ${describe(record)}` };
}

/** The training of any trial, as pictures name it. */
export function trialRun(record: FinishedTrial): TrainingRun {
  return { ...trainingOf(record), title: `trial ${record.trial}`, description: describe(record) };
}

function trainingOf({ history, bestEpoch, startFromEpoch }: FinishedTrial) {
  return { history, bestEpoch, startFromEpoch };
}

/** `split 60%, neuron_counts (100, 60, 100), accuracy 0.9838` */
function describe(record: FinishedTrial): string {
  const { accuracy, unseenAccuracy } = record;
  const unseen = unseenAccuracy === undefined ? [] : [`on unseen images ${accuracyText(unseenAccuracy)}`];
  return [`split ${trialLabel(record)}`, `accuracy ${accuracyText(accuracy)}`, ...unseen].join(', ');
}
