import { Dataset } from '../data/dataset.js';
import type { Shuffle } from '../data/epoch-plan.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import type { Model } from '../model/model.js';
import { notebookModel } from '../model/notebook.js';
import type { DeviceName, Precision, SweepDeviceName } from '../native.js';
import { rejectUnknownOptions, requireInteger } from '../validate.js';
import { type Grid, type GridPoint, gridPoints, notebookGrid } from './grid.js';
import type { SweepSplit } from './trial.js';

/** What a builder needs besides the hyperparameters. */
export interface BuildContext {
  /** To be given to the model. */
  seed: number;
  /** To be given to the model. */
  device: DeviceName;
  /** To be given to the model. */
  precision: Precision;
  /** To be given to the model. */
  threads?: number;
  /** `[height, width, channels]` of the images. */
  inputShape: [number, number, number];
  classes: number;
}

/**
 * Makes the untrained, compiled model of a trial; the same arguments must give the same model. It is also called once
 * for each combination before any training, to see that it can.
 */
export type Builder<G extends Grid = Grid> = (parameters: GridPoint<G>, context: BuildContext) => Model;

/** Options of `sweep`; all but `out` and `splits` have defaults. */
export interface SweepOptions<G extends Grid = Grid> {
  /** The folder that everything is written to; made if it is missing. */
  out: string;
  /** What to train and validate on; all of one image size and number of classes. */
  splits: readonly SweepSplit[];
  /** Default: the notebook's 27 triples of widths, {@link notebookGrid}. */
  grid?: G;
  /** Default: the notebook's model of the widths `neuron_counts`. */
  build?: Builder<G>;
  /** At most, per trial. Default 30. */
  epochs?: number;
  /** Of early stopping on the validation loss. Default 3. */
  patience?: number;
  /**
   * The first epoch, from 0, that early stopping and the checkpoint look at. Default, per split: the first by whose end
   * 329 optimizer steps are done, so that batch norm's moving averages have settled; 0 on full MNIST.
   */
  startFromEpoch?: number;
  /** Default 128. */
  batchSize?: number;
  /** Default `batches`. */
  shuffle?: Shuffle;
  /** An integer of at least 0 from which every trial's own is derived. Default 0. */
  seed?: number;
  /** Default `auto`. `cuda:all` spreads the trials over all GPUs, which must be of one kind. */
  device?: SweepDeviceName;
  /** Of convolutions and matrix products. Default `auto`: `tf32` on a GPU, as in Keras, `fp32` on the CPU. */
  precision?: Precision;
  /**
   * Trials that run side by side; the results do not depend on it. More than there are trials changes nothing. Default:
   * as many as the device can use.
   */
  jobs?: number;
  /**
   * On the CPU: the most threads that work on one trial; more than one do where fewer trials are left than cores. The
   * results do not depend on it. Default: as many as there are cores.
   */
  threads?: number;
  /** Train only the first trials. Default: all. */
  limit?: number;
  /**
   * Continue the sweep that `out` holds; all options that matter to the results must be the same, but `limit` may be
   * larger, or left out. Default false.
   */
  resume?: boolean;
  /**
   * Stops the sweep. For `resume` the finished trials are kept, and of those in progress, where epochs take a second or
   * more, what they had learnt by their last epoch.
   */
  signal?: AbortSignal;
}

/** {@link SweepOptions} with defaults filled in, where they need no device. */
export interface SweepSettings {
  out: string;
  splits: readonly SweepSplit[];
  grid: Grid;
  points: GridPoint[];
  build: Builder;
  epochs: number;
  patience: number;
  startFromEpoch: number | undefined;
  batchSize: number;
  shuffle: Shuffle;
  seed: number;
  device: SweepDeviceName;
  precision: Precision;
  jobs: number | undefined;
  threads: number | undefined;
  /** Number of trials. */
  total: number;
  resume: boolean;
  signal: AbortSignal | undefined;
}

/** @throws ConvsweepError `INVALID_ARGUMENT`, `SHAPE_MISMATCH` */
export function resolveSweepOptions<G extends Grid>(options: SweepOptions<G>): SweepSettings {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  rejectUnknownOptions('sweep', options, [
    'out',
    'splits',
    'grid',
    'build',
    'epochs',
    'patience',
    'startFromEpoch',
    'batchSize',
    'shuffle',
    'seed',
    'device',
    'precision',
    'jobs',
    'threads',
    'limit',
    'resume',
    'signal',
  ]);
  const {
    out,
    splits,
    grid = notebookGrid() as unknown as Grid,
    build = buildNotebookModel,
    epochs = 30,
    patience = 3,
    startFromEpoch,
    batchSize = 128,
    shuffle = 'batches',
    seed = 0,
    device = 'auto',
    precision = 'auto',
    jobs,
    threads,
    limit,
    resume = false,
    signal,
  } = options;
  if (typeof out !== 'string' || out === '') throw invalidArgument('out', 'the path of a folder', out);
  requireSplits(splits);
  const points = gridPoints<Grid>(grid);
  if (typeof build !== 'function') throw invalidArgument('build', 'a function that returns a model', build);
  if (!options.build && Object.keys(grid).join() !== 'neuron_counts') {
    throw invalidArgument('build', 'a function that makes a model of your grid', options.build);
  }
  requireInteger('epochs', epochs);
  requireInteger('patience', patience, 0);
  requireInteger('batchSize', batchSize);
  requireInteger('seed', seed, 0);
  if (startFromEpoch !== undefined) {
    requireInteger('startFromEpoch', startFromEpoch, 0);
    if (startFromEpoch >= epochs) {
      throw invalidArgument(
        'startFromEpoch',
        `an epoch below ${epochs} (the number of epochs)`,
        startFromEpoch,
      );
    }
  }
  if (!['batches', 'samples', 'none'].includes(shuffle)) {
    throw invalidArgument('shuffle', '"batches", "samples" or "none"', shuffle);
  }
  if (jobs !== undefined) requireInteger('jobs', jobs);
  if (threads !== undefined) requireInteger('threads', threads);
  if (limit !== undefined) requireInteger('limit', limit);
  const trials = splits.length * points.length;
  return {
    out,
    splits,
    grid,
    points,
    build: build as Builder,
    epochs,
    patience,
    startFromEpoch,
    batchSize,
    shuffle,
    seed,
    device,
    precision,
    jobs,
    threads,
    total: Math.min(limit ?? trials, trials),
    resume,
    signal,
  };
}

const buildNotebookModel: Builder = ({ neuron_counts: widths }, context) =>
  notebookModel(widths as readonly [number, number, number], context);

function requireSplits(splits: unknown): asserts splits is readonly SweepSplit[] {
  if (!Array.isArray(splits) || splits.length === 0) {
    throw invalidArgument('splits', 'a non-empty array of { name, train, validation }', splits);
  }
  const names = new Set<string>();
  const first: SweepSplit = splits[0];
  for (const [i, split] of (splits as SweepSplit[]).entries()) {
    if (typeof split !== 'object' || split === null) {
      throw invalidArgument(`splits[${i}]`, '{ name, train, validation }', split);
    }
    const { name, train, validation, unseen } = split;
    if (typeof name !== 'string' || name === '') throw invalidArgument(`splits[${i}].name`, 'a name', name);
    if (names.has(name)) throw invalidArgument(`splits[${i}].name`, 'distinct names', name);
    names.add(name);
    for (const [side, data] of Object.entries({ train, validation, ...(unseen && { unseen }) })) {
      const argument = `splits[${i}].${side}`;
      if (!(data instanceof Dataset)) throw invalidArgument(argument, 'a Dataset', data);
      if (data.size === 0) throw invalidArgument(argument, 'at least one image', data.size);
      const expected = [...first.train.imageShape, first.train.classes].join(' x ');
      const received = [...data.imageShape, data.classes].join(' x ');
      if (received === expected) continue;
      throw new ConvsweepError(
        'SHAPE_MISMATCH',
        `Expected images and classes of ${expected} (as in splits[0].train) for ${argument} but received ${received}`,
      );
    }
  }
}
