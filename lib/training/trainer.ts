import type { Dataset } from '../data/dataset.js';
import type { EpochPlan } from '../data/epoch-plan.js';
import type { TrainingModel } from './callback.js';

/** Sample-weighted means over the images of an epoch or evaluation. */
export interface Metrics {
  loss: number;
  accuracy: number;
}

/** What `fit` does with a model. One call at a time. */
export interface Trainer {
  /** As the callbacks know it. */
  readonly model: TrainingModel;
  /** The default seed of the order of images. */
  readonly seed: number;
  /**
   * Throws unless the model can be trained on and evaluated on `data`.
   * @param argument what to call `data` in the error
   */
  requireFitting(argument: string, data: Dataset): void;
  /** One optimizer step per batch of `plan`, whose rows are those of `data.store`. */
  trainEpoch(data: Dataset, plan: EpochPlan): Promise<Metrics>;
  evaluate(data: Dataset, batchSize: number): Promise<Metrics>;
  /** What the call in flight has done so far. */
  progress(): Metrics & { images: number };
  /** Stops the call in flight, which then rejects; without one it does nothing. */
  abort(): void;
}
