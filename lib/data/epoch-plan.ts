import { invalidArgument } from '../errors.js';
import { Random } from '../random.js';
import { requireInteger } from '../validate.js';
import type { Dataset } from './dataset.js';

/**
 * How an epoch orders its images.
 * `batches`: the batches are fixed, cut from the data set's order, and shuffled whole; the partial batch may land
 * anywhere. It is what `batch().cache().shuffle()` of tf.data does.
 * `samples`: a new permutation of the images each epoch, the partial batch last.
 * `none`: the data set's order.
 */
export type Shuffle = (typeof SHUFFLES)[number];

export const SHUFFLES = ['batches', 'samples', 'none'] as const;

/** The optimizer steps of one epoch. */
export interface EpochPlan {
  /** Rows of the data set's store in the order of their use; each image once. Not to be changed: may be the data set's own. */
  rows: Uint32Array;
  /** How many of {@link rows} each step takes; their sum is `rows.length`. A remainder is kept as a smaller batch. */
  batchSizes: Uint32Array;
}

export interface EpochPlanOptions {
  batchSize: number;
  shuffle: Shuffle;
  /** An integer of at least 0. */
  seed: number;
  /** Counted from 0. */
  epoch: number;
}

/** Optimizer steps in one epoch over `images` images. */
export function stepsPerEpoch(images: number, batchSize: number): number {
  requireInteger('batchSize', batchSize);
  return Math.ceil(images / batchSize);
}

/**
 * The plan of one epoch, a function of its arguments alone: an epoch can be planned again, or skipped, without those
 * before it.
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function epochPlan(dataset: Dataset, options: EpochPlanOptions): EpochPlan {
  const { batchSize, shuffle, seed, epoch } = options;
  requireInteger('the number of images', dataset.size);
  const steps = stepsPerEpoch(dataset.size, batchSize);
  requireInteger('seed', seed, 0);
  requireInteger('epoch', epoch, 0);
  const lastSize = dataset.size - (steps - 1) * batchSize;
  const random = new Random(seed, 'order', epoch);
  const batchSizes = new Uint32Array(steps).fill(batchSize);
  switch (shuffle) {
    case 'batches': {
      const rows = new Uint32Array(dataset.size);
      let length = 0;
      for (const [step, batch] of random.permutation(steps).entries()) {
        const rowsOfBatch = dataset.rows.subarray(batch * batchSize, (batch + 1) * batchSize);
        rows.set(rowsOfBatch, length);
        batchSizes[step] = rowsOfBatch.length;
        length += rowsOfBatch.length;
      }
      return { rows, batchSizes };
    }
    case 'samples': {
      batchSizes[steps - 1] = lastSize;
      return {
        rows: random.permutation(dataset.size).map((position) => dataset.rows[position]!),
        batchSizes,
      };
    }
    case 'none':
      batchSizes[steps - 1] = lastSize;
      return { rows: dataset.rows, batchSizes };
    default:
      throw invalidArgument('shuffle', '"batches", "samples" or "none"', shuffle);
  }
}
