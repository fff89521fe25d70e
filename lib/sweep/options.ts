import { Dataset } from '../data/dataset.js';
import { SHUFFLES, type Shuffle } from '../data/epoch-plan.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import type { Precision, SweepDeviceName } from '../native/devices.js';
import { type OptionTable, type Resolved, resolveOptions } from '../option-table.js';
import { integer, oneOf, requireInteger } from '../validate.js';
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

const RULES = {
  out: { required: true, check: requireFolder },
  splits: { required: true, check: requireSplits },
  grid: { default: notebookGrid() as unknown as Grid },
  build: { default: buildNotebookModel, check: requireBuilder },
  epochs: { default: 30, check: integer() },
  patience: { default: 3, check: integer(0) },
  startFromEpoch: { check: integer(0) },
  batchSize: { default: 128, check: integer() },
  shuffle: { default: 'batches', check: oneOf(SHUFFLES) },
  seed: { default: 0, check: integer(0) },
  device: { default: 'auto' },
  precision: { default: 'auto' },
  jobs: { check: integer(0) },
  threads: { check: integer() },
  limit: { check: integer() },
  resume: { default: false },
  mixed: { default: false },
  queue: {},
  signal: {},
} as const satisfies OptionTable<SweepOptions>;

/** {@link SweepOptions} with defaults filled in, where they need no device. */
export interface SweepSettings extends Omit<Resolved<SweepOptions, typeof RULES>, 'queue'> {
  points: GridPoint[];
  /** Number of trials. */
  total: number;
  queue: QueueAddress | undefined;
}

/** @throws ConvsweepError `INVALID_ARGUMENT`, `SHAPE_MISMATCH` */
export function resolveSweepOptions<G extends Grid>(options: SweepOptions<G>): SweepSettings {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const settings = resolveOptions('sweep', options as unknown as SweepOptions, RULES);
  const { splits, grid, epochs, startFromEpoch, limit } = settings;
  const points = gridPoints(grid);
  if (!options.build && Object.keys(grid).join() !== 'neuron_counts') {
    throw invalidArgument('build', 'a function that returns layers for your grid', options.build);
  }
  if (startFromEpoch !== undefined && startFromEpoch >= epochs) {
    throw invalidArgument(
      'startFromEpoch',
      `an epoch below ${epochs} (the number of epochs)`,
      startFromEpoch,
    );
  }
  const address = settings.queue === undefined ? undefined : parseQueueAddress(settings.queue);
  if (settings.jobs !== undefined) requireInteger('jobs', settings.jobs, address ? 0 : 1);
  const trials = splits.length * points.length;
  return { ...settings, points, total: Math.min(limit ?? trials, trials), queue: address };
}

function requireFolder(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw invalidArgument(name, 'the path of a folder', value);
}

function requireBuilder(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidArgument(name, 'a function that returns layers', value);
}

function requireSplits(_: string, splits: unknown): void {
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
