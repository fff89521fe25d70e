import { stepsPerEpoch } from '../data/epoch-plan.js';

/** The steps of the notebook's shortest epoch: 42,000 images in batches of 128. */
export const SETTLING_STEPS = 329;

/** The first epoch that early stopping and the checkpoint look at, and why. */
export interface StartEpoch {
  /** From 0. */
  epoch: number;
  reason: string;
}

/**
 * Validation measures batch norm's moving averages, which lag behind the weights: on a small data set, whose epochs
 * have few steps, the validation loss first rises and patience would end training on a useless model. So the first
 * epoch looked at is the first by whose end {@link SETTLING_STEPS} optimizer steps are done. On full MNIST that is
 * epoch 0, which is the notebook exactly.
 *
 * @param images of the training side
 * @param epochs the number of epochs; the last one is looked at in any case
 */
export function settledStartEpoch(images: number, batchSize: number, epochs: number): StartEpoch {
  const steps = stepsPerEpoch(images, batchSize);
  const settled = Math.ceil(SETTLING_STEPS / steps) - 1;
  const rule = `first epoch by whose end ${SETTLING_STEPS} optimizer steps are done, at ${steps} steps an epoch`;
  if (settled < epochs) return { epoch: settled, reason: rule };
  return { epoch: epochs - 1, reason: `last epoch, since the ${rule}, would be ${settled + 1}` };
}
