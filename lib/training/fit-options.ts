import type { Writable } from 'node:stream';
import type { Dataset } from '../data/dataset.js';
import { SHUFFLES, type Shuffle } from '../data/epoch-plan.js';
import { invalidArgument } from '../errors.js';
import { type OptionTable, type Resolved, resolveOptions } from '../option-table.js';
import { integer, oneOf, requireSignal } from '../validate.js';
import type { Callback } from './callback.js';
import { missingMonitor } from './monitor.js';
import type { Verbosity } from './progress-bar.js';

/** Options of `Model.fit`. */
export interface FitOptions {
  /** Train until this many epochs are done, counted from 0, not from `initialEpoch`. Default 1. */
  epochs?: number;
  /** Default 32; a remainder makes a smaller batch. */
  batchSize?: number;
  /** Default `samples`, a new permutation each epoch, as Keras has it for arrays. */
  shuffle?: Shuffle;
  /** Evaluated after every epoch, in batches of `batchSize`. */
  validationData?: Dataset;
  /** Called in this order. */
  callbacks?: readonly Callback[];
  /** Stops training at its next batch; `fit` then rejects with code `ABORTED`. */
  signal?: AbortSignal;
  /** 1 a bar, 2 a line per epoch, 0 nothing. Default `auto`: a bar if `output` is a terminal, else nothing. */
  verbose?: Verbosity | 'auto';
  /** Where the progress goes. Default: standard output. */
  output?: Writable & { isTTY?: boolean };
  /** Of the order of images, an integer of at least 0. Default: the model's. */
  seed?: number;
  /** The epoch to begin with, for training that goes on. Default 0. */
  initialEpoch?: number;
}

const RULES = {
  epochs: { default: 1, check: integer() },
  batchSize: { default: 32, check: integer() },
  shuffle: { default: 'samples', check: oneOf(SHUFFLES) },
  validationData: {},
  callbacks: { default: [], check: requireCallbacks },
  signal: { check: requireSignal },
  verbose: { default: 'auto', check: oneOf(['auto', 0, 1, 2]) },
  output: {},
  seed: { check: integer(0) },
  initialEpoch: { default: 0, check: integer(0) },
} as const satisfies OptionTable<FitOptions>;

/** {@link FitOptions} with defaults filled in. */
export type FitSettings = Resolved<FitOptions, typeof RULES> & {
  verbose: Verbosity;
  output: Writable;
  seed: number;
};

/** @throws ConvsweepError `INVALID_ARGUMENT` */
export function resolveFitOptions(options: FitOptions, modelSeed: number): FitSettings {
  const settings = resolveOptions('fit', options, RULES);
  const { callbacks, validationData, verbose, output = process.stdout, seed = modelSeed } = settings;
  for (const { monitor } of callbacks) {
    if (monitor?.startsWith('val_') && !validationData) throw missingMonitor(monitor);
  }
  return { ...settings, output, seed, verbose: verbose === 'auto' ? (output.isTTY ? 1 : 0) : verbose };
}

function requireCallbacks(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalidArgument(name, 'an array of callbacks', value);
  for (const [i, callback] of value.entries()) {
    if (typeof callback !== 'object' || callback === null) {
      throw invalidArgument(`${name}[${i}]`, 'a callback, e.g. earlyStopping()', callback);
    }
  }
}
