import type { Dataset } from '../../lib/data/dataset.js';
import { epochPlan } from '../../lib/data/epoch-plan.js';
import { type Model, type ModelOptions, trainerOf } from '../../lib/model/model.js';
import { notebookModel } from '../../lib/model/notebook.js';

export const BATCH_SIZE = 128;
/** The middle of the notebook's grid. */
export const WIDTHS = [80, 80, 80] as const;

export interface Split {
  train: Dataset;
  validation: Dataset;
}

/** A model in training, whose epochs can be timed one by one. */
export class Trial {
  readonly #model: Model;
  readonly #split: Split;
  readonly #seed: number;
  #epoch = 0;

  constructor(split: Split, options: Required<Pick<ModelOptions, 'device' | 'precision' | 'seed'>>) {
    this.#model = notebookModel(WIDTHS, options);
    this.#split = split;
    this.#seed = options.seed;
  }

  /** @returns seconds */
  train(): Promise<number> {
    const { train } = this.#split;
    const plan = epochPlan(train, {
      batchSize: BATCH_SIZE,
      shuffle: 'batches',
      seed: this.#seed,
      epoch: this.#epoch++,
    });
    return timed(() => trainerOf(this.#model).trainEpoch(train, plan));
  }

  /** @returns seconds */
  validate(): Promise<number> {
    return timed(() => trainerOf(this.#model).evaluate(this.#split.validation, BATCH_SIZE));
  }

  [Symbol.dispose](): void {
    this.#model.dispose();
  }
}

/** @returns seconds */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await run();
  return (performance.now() - begin) / 1e3;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor(sorted.length / 2)]! + sorted[Math.ceil(sorted.length / 2) - 1]!) / 2;
}
