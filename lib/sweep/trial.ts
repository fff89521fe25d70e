import type { Dataset } from '../data/dataset.js';
import type { Split } from '../data/splits.js';
import { deriveSeed } from '../random.js';
import type { EpochHistory } from '../training/history.js';
import type { StartEpoch } from '../training/start-epoch.js';
import type { TrialEngine } from './engine.js';
import type { GridPoint } from './grid.js';
import { trialLabel } from './trial-label.js';

/** A division of the data that a sweep trains on, under the name that the reports give it. */
export interface SweepSplit extends Split {
  /** Such as `60%`; distinct. */
  name: string;
  /** Validation images that are not trained on, where {@link Split.validation} has others too; tested separately. */
  unseen?: Dataset;
  /** What reports must say about the split. */
  description?: string;
}

/** A model to train: a split and a combination of hyperparameters. */
export interface Trial {
  /** From 1; its checkpoint is `model_<number>.h5`. */
  number: number;
  split: SweepSplit;
  parameters: GridPoint;
  /** Of initial weights, dropout and order; from the sweep's seed and the number alone. */
  seed: number;
  startFromEpoch: StartEpoch;
}

/** What the records of all trials tell. */
interface RecordBase {
  trial: number;
  /** The split's name. */
  split: string;
  parameters: GridPoint;
  seed: number;
  /** Epochs trained. */
  epochs: number;
  /** Whether early stopping ended training. */
  stoppedEarly: boolean;
  /** The first epoch looked at, from 0. */
  startFromEpoch: number;
  history: EpochHistory;
  /** Wall time of the whole trial, and of its epochs with their validation. */
  seconds: number;
  fitSeconds: number;
  /** Images trained on per second of {@link fitSeconds}. */
  imagesPerSecond: number;
  /** Trials that ran side by side. */
  jobs: number;
  /** ISO 8601. */
  finished: string;
  /** What trained it, where that is not the sweep's own engine. */
  engine?: TrialEngine;
}

/** A trial that came to a result. */
export interface FinishedTrial extends RecordBase {
  status: 'finished';
  /** Of the reloaded best checkpoint on the validation images, a float32 value. */
  accuracy: number;
  /** On the split's unseen images, where it has them. */
  unseenAccuracy?: number;
  /** The epoch of the checkpoint, from 0. */
  bestEpoch: number;
  /** Relative to the sweep's folder. */
  checkpoint: { file: string; sha256: string };
}

/** A trial whose validation loss was a number in no epoch looked at: there is nothing of it to keep. */
export interface DivergedTrial extends RecordBase {
  status: 'diverged';
}

/** A trial that has ended: one line of the journal. */
export type TrialRecord = FinishedTrial | DivergedTrial;

/** How messages name a trial: `trial 3 (60%, neuron_counts (60, 60, 100))`. */
export function describeTrial({ number, split, parameters }: Trial): string {
  return `trial ${number} (${trialLabel({ split: split.name, parameters })})`;
}

/**
 * All trials in order, split by split. Numbers count from 1, as the notebook's checkpoints do: its best model,
 * widths (100, 60, 100), is the 21st of a split.
 */
export function planTrials(
  splits: readonly SweepSplit[],
  points: readonly GridPoint[],
  seed: number,
  startEpochs: ReadonlyMap<SweepSplit, StartEpoch>,
): Trial[] {
  return splits.flatMap((split, i) =>
    points.map((parameters, j) => {
      const number = i * points.length + j + 1;
      const startFromEpoch = startEpochs.get(split)!;
      return { number, split, parameters, seed: deriveSeed(seed, 'trial', number), startFromEpoch };
    }),
  );
}
