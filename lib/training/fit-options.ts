import type { Writable } from 'node:stream';
import type { Dataset } from '../data/dataset.js';
import type { Shuffle } from '../data/epoch-plan.js';
import { invalidArgument } from '../errors.js';
import { rejectUnknownOptions, requireInteger } from '../validate.js';
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

/** {@link FitOptions} with defaults filled in. */
export interface FitSettings {
  epochs: number;
  batchSize: number;
  shuffle: Shuffle;
  validationData: Dataset | undefined;
  callbacks: readonly Callback[];
  signal: AbortSignal | undefined;
  verbose: Verbosity;
  output: Writable;
  seed: number;
  initialEpoch: number;
}

/** @throws ConvsweepError `INVALID_ARGUMENT` */
export function resolveFitOptions(options: FitOptions, modelSeed: number): FitSettings {
  rejectUnknownOptions('fit', options, [
    'epochs',
    'batchSize',
    'shuffle',
    'validationData',
    'callbacks',
    'signal',
    'verbose',
    'output',
    'seed',
    'initialEpoch',
  ]);
  const {
    epochs = 1,
    batchSize = 32,
    shuffle = 'samples',
    validationData,
    callbacks = [],
    signal,
    verbose = 'auto',
    output = process.stdout,
    seed = modelSeed,
    initialEpoch = 0,
  } = options;
  requireInteger('epochs', epochs);
  requireInteger('batchSize', batchSize);
  requireInteger('seed', seed, 0);
  requireInteger('initialEpoch', initialEpoch, 0);
  if (!['batches', 'samples', 'none'].includes(shuffle)) {
    throw invalidArgument('shuffle', '"batches", "samples" or "none"', shuffle);
  }
  if (!['auto', 0, 1, 2].includes(verbose)) throw invalidArgument('verbose', '"auto", 0, 1 or 2', verbose);
  if (!Array.isArray(callbacks)) throw invalidArgument('callbacks', 'an array of callbacks', callbacks);
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalidArgument('signal', 'an AbortSignal', signal);
  }
  for (const [i, callback] of callbacks.entries()) {
    if (typeof callback !== 'object' || callback === null) {
      throw invalidArgument(`callbacks[${i}]`, 'a callback, e.g. earlyStopping()', callback);
    }
    const { monitor } = callback;
    if (monitor?.startsWith('val_') && !validationData) throw missingMonitor(monitor);
  }
  return {
    epochs,
    batchSize,
    shuffle,
    validationData,
    callbacks,
    signal,
    verbose: verbose === 'auto' ? (output.isTTY ? 1 : 0) : verbose,
    output,
    seed,
    initialEpoch,
  };
}
