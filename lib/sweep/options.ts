import { Dataset } from '../data/dataset.js';
import type { Shuffle } from '../data/epoch-plan.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import type { Precision, SweepDeviceName } from '../native.js';
import { rejectUnknownOptions, requireInteger } from '../validate.js';
import { type Builder, buildNotebookModel } from './builder.js';
import { type Grid, type GridPoint, gridPoints, notebookGrid } from './grid.js';
import { parseQueueAddress, type QueueAddress } from './queue/address.js';
import type { SweepSplit } from './trial.js';

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
  /** Train only the first trials. Default: all. */
  limit?: number;
  /**
   * Continue the sweep that `out` holds; all options that matter to the results must be the same, but `limit` may be
   * larger, or left out. Default false.
   */
  resume?: boolean;
  /**
   * `redis://host:6379`: a queue from which `worker`s on other machines take trials as well, with `rediss:`, user,
   * password, database (`/1`) and prefix (`?prefix=team`) where they are wanted. Needs the packages bullmq and ioredis. With
   * `jobs: 0` nothing is trained here. Default: none.
   */
  queue?: string;
  /**
   * Take trials that another engine trained (other processor instructions, another compiler, another GPU), whose results
   * differ in their last digits. Each such trial's record names its engine. Default false: they are refused.
   */
  mixed?: boolean;
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
  /** Number of trials. */
  total: number;
  resume: boolean;
  mixed: boolean;
  queue: QueueAddress | undefined;
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
    'limit',
    'resume',
    'mixed',
    'queue',
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
    limit,
    resume = false,
    mixed = false,
    queue,
    signal,
  } = options;
  if (typeof out !== 'string' || out === '') throw invalidArgument('out', 'the path of a folder', out);
  requireSplits(splits);
  const points = gridPoints<Grid>(grid);
  if (typeof build !== 'function') throw invalidArgument('build', 'a function that returns layers', build);
  if (!options.build && Object.keys(grid).join() !== 'neuron_counts') {
    throw invalidArgument('build', 'a function that returns layers for your grid', options.build);
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
  const address = queue === undefined ? undefined : parseQueueAddress(queue);
  if (jobs !== undefined) requireInteger('jobs', jobs, address ? 0 : 1);
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
    total: Math.min(limit ?? trials, trials),
    resume,
    mixed,
    queue: address,
    signal,
  };
}

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
