/**
 * The one job that every contestant does, and the files that hand it to those written in Python: train the notebook's
 * model on 7,000 embedded digits in batches of 128, validating on the other 3,000 after each epoch.
 */
import { loadDigits } from '../lib/data/digits.js';
import { type EpochPlan, epochPlan } from '../lib/data/epoch-plan.js';
import { holdout, type Split } from '../lib/data/splits.js';
import { notebookModel } from '../lib/model/notebook.js';
import { settledStartEpoch } from '../lib/training/start-epoch.js';
import { Arrays } from './arrays.js';

export const WIDTHS: [number, number, number] = [60, 60, 60];
export const BATCH_SIZE = 128;
export const SEED = 1;
/** Of a whole trial, as the sweep trains it. */
export const EPOCHS = 30;
export const PATIENCE = 3;

export interface Job extends Split {
  startFromEpoch: number;
}

export async function loadJob(): Promise<Job> {
  const split = holdout(await loadDigits(), { percent: 70, seed: SEED });
  return { ...split, startFromEpoch: settledStartEpoch(split.train.size, BATCH_SIZE, EPOCHS).epoch };
}

/** The order of images in an epoch, the same for every contestant. */
export function planOf(job: Job, epoch: number): EpochPlan {
  return epochPlan(job.train, { batchSize: BATCH_SIZE, shuffle: 'batches', seed: SEED, epoch });
}

/** Multiply-adds counted as two, without regard to what a clever kernel can skip. Per image. */
export function denseFlops(): { inference: number; training: number } {
  const [a, b, c] = WIDTHS;
  const convolution1 = 26 * 26 * 9 * 28;
  const rest = 11 * 11 * 9 * 28 * 28 + 700 * a + a * b + b * c + c * 10;
  // Backward costs the forward pass twice, less the gradient of the pixels, which nobody needs.
  return { inference: 2 * (convolution1 + rest), training: 2 * (2 * convolution1 + 3 * rest) };
}

/**
 * Writes the sizes and, as {@link Arrays}, both sides' images and labels in their order, every epoch's order as positions in the training images, the initial weights.
 */
export async function writeJob(folder: string, job: Job): Promise<void> {
  const { train, validation, startFromEpoch } = job;
  const arrays = new Arrays();
  for (const [side, data] of Object.entries({ train, validation })) {
    const images = Buffer.concat(Array.from(data.rows, (_, position) => data.image(position)));
    arrays.add(`${side}/images`, [data.size, ...data.imageShape], images);
    arrays.add(`${side}/labels`, [data.size], data.labels());
  }

  const positionOf = new Map(Array.from(train.rows, (row, position) => [row, position]));
  const plans = Array.from({ length: EPOCHS }, (_, epoch) => planOf(job, epoch));
  const flat = (lists: Uint32Array[]) => Uint32Array.from(lists.flatMap((list) => [...list]));
  const orders = plans.map((plan) => plan.rows.map((row) => positionOf.get(row)!));
  arrays.add('order', [EPOCHS, train.size], flat(orders));
  arrays.add('batchSizes', [EPOCHS, plans[0]!.batchSizes.length], flat(plans.map((plan) => plan.batchSizes)));

  using model = notebookModel(WIDTHS, { seed: SEED, device: 'cpu' });
  const weights = model.getWeights();
  for (const { name, shape, data } of weights) arrays.add(`weights/${name}`, [...shape], data);

  await arrays.write(folder, {
    widths: WIDTHS,
    batchSize: BATCH_SIZE,
    epochs: EPOCHS,
    patience: PATIENCE,
    startFromEpoch,
    weights: weights.map(({ name }) => name),
  });
}
