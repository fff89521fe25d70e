import type { Dataset } from '../data/dataset.js';
import type { SweepConfig } from '../sweep/config.js';
import { bestTrial } from '../sweep/selection.js';
import type { FinishedTrial, TrialRecord } from '../sweep/trial.js';
import { digitPng } from './digit-png.js';
import type { ModelEvaluation } from './evaluation/model-evaluation.js';

/** An image that the best model got wrong. */
export interface ReportMistake {
  /** The image as a `data:image/png` URL. */
  image: string;
  /** In the whole data set, from 0. */
  index: number;
  /** The true class. */
  label: number;
  predicted: number;
  /** Of the predicted class. */
  probability: number;
}

/** How the best model did on images that it was not trained on. */
export interface ReportEvaluation {
  /** The name of the images. */
  data: string;
  images: number;
  loss: number;
  accuracy: number;
  /** Counts by true class (row) and predicted class (column). */
  confusionMatrix: readonly (readonly number[])[];
  /** The most confident first; of many only the first. */
  mistakes: readonly ReportMistake[];
}

/** What the report tells beyond a sweep's configuration and journal; a sweep's folder keeps it in `report.json`. */
export interface ReportExtras {
  /** The command line that gives the same results. */
  command?: string;
  /** What the device is called, such as the processor's name. */
  device?: string;
  evaluation?: ReportEvaluation;
}

/** All that a report shows. */
export interface SweepReport extends ReportExtras {
  /** The name of the sweep's folder. */
  name: string;
  config: SweepConfig;
  /** The trials that have ended, by number. */
  trials: readonly TrialRecord[];
  /** The most accurate of them; undefined before there is one. */
  best?: FinishedTrial;
}

/** Images of mistakes in a report; the folder of the evaluation has all of them. */
const MISTAKES_SHOWN = 100;

/**
 * What the report shows of an evaluation.
 * @param images the ones that were evaluated
 */
export function reportEvaluation(evaluation: ModelEvaluation, images: Dataset): ReportEvaluation {
  const { data, loss, accuracy, confusionMatrix, misclassified } = evaluation;
  const mistakes = misclassified.slice(0, MISTAKES_SHOWN).map((mistake) => {
    const { position, index, label, predicted, probability } = mistake;
    const png = Buffer.from(digitPng(images, position, 1)).toString('base64');
    return { image: `data:image/png;base64,${png}`, index, label, predicted, probability };
  });
  return { data, images: evaluation.images, loss, accuracy, confusionMatrix, mistakes };
}

/** Puts a report together. */
export function sweepReport(
  name: string,
  config: SweepConfig,
  records: Iterable<TrialRecord>,
  extras: ReportExtras = {},
): SweepReport {
  const trials = [...records].sort((a, b) => a.trial - b.trial);
  const best = bestTrial(trials);
  return { ...extras, name, config, trials, ...(best && { best }) };
}
