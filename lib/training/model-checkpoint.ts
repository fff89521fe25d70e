import { access, constants } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { formatFixed } from '../python/format.js';
import { integer, oneOf } from '../validate.js';
import type { Callback, Logs, ModelSnapshot, Monitor, TrainingModel } from './callback.js';
import { MonitoredQuantity, type MonitorMode } from './monitor.js';

/** Options of {@link modelCheckpoint}. */
export interface ModelCheckpointOptions {
  /** Default `val_loss`. */
  monitor?: Monitor;
  /** Default `auto`: accuracies should rise, losses fall. */
  mode?: MonitorMode;
  /** Save only when the watched quantity strictly improves. Default true (in Keras: false). */
  saveBestOnly?: boolean;
  /**
   * Epochs (from 0) before this one are not looked at. Give it the value that `earlyStopping` has: otherwise an early
   * epoch that early stopping skips could be the one that the file keeps. Default 0.
   */
  startFromEpoch?: number;
  /** 1 reports every epoch in Keras' words. Default 0. */
  verbose?: 0 | 1;
  /** Receives the report of `verbose: 1`, one line without line ends. Default: standard output. */
  log?: (line: string) => void;
  /**
   * Keep the state to save in memory and write the file once, when training ends. The file is the same; a training
   * that fails or is aborted leaves none. Default false.
   */
  deferred?: boolean;
}

const RULES = {
  monitor: { default: 'val_loss' },
  mode: { default: 'auto' },
  saveBestOnly: { default: true },
  startFromEpoch: { default: 0, check: integer(0) },
  verbose: { default: 0, check: oneOf([0, 1]) },
  log: { default: printLine },
  deferred: { default: false },
} as const satisfies OptionTable<ModelCheckpointOptions>;

/** What {@link ModelCheckpoint} has found so far. */
export interface ModelCheckpointState {
  best: number;
  bestEpoch?: number | undefined;
  /** Of a deferred one: what it will save. */
  pending?: ModelSnapshot | undefined;
}

/** Saves the model while it trains; see {@link modelCheckpoint}. */
export class ModelCheckpoint implements Callback {
  readonly path: string;
  readonly monitor: Monitor;
  readonly #quantity: MonitoredQuantity;
  readonly #saveBestOnly: boolean;
  readonly #startFromEpoch: number;
  readonly #log: ((line: string) => void) | undefined;
  readonly #deferred: boolean;
  #model: TrainingModel | undefined;
  #pending: ModelSnapshot | undefined;
  #best: number;
  #bestEpoch: number | undefined;

  constructor(path: string, options: ModelCheckpointOptions) {
    if (typeof path !== 'string' || !['.h5', '.hdf5'].includes(extname(path))) {
      throw invalidArgument('path', 'a file name ending in .h5 or .hdf5', path);
    }
    const settings = resolveOptions('modelCheckpoint', options, RULES);
    const { monitor, mode, verbose, log } = settings;
    this.#quantity = new MonitoredQuantity(monitor, mode);
    this.path = path;
    this.monitor = monitor;
    this.#saveBestOnly = settings.saveBestOnly;
    this.#startFromEpoch = settings.startFromEpoch;
    this.#log = verbose === 1 ? log : undefined;
    this.#deferred = settings.deferred;
    this.#best = this.#quantity.worst;
  }

  /** The best value so far; infinite before the first. */
  get best(): number {
    return this.#best;
  }

  /** The epoch (from 0) of {@link best}; undefined while nothing improved, and then there is no file. */
  get bestEpoch(): number | undefined {
    return this.#bestEpoch;
  }

  async onTrainBegin(model: TrainingModel): Promise<void> {
    const folder = dirname(resolve(this.path));
    try {
      await access(folder, constants.W_OK);
    } catch (cause) {
      throw new ConvsweepError(
        'FILE',
        `Expected a writable folder for ${this.path}; create it: mkdir -p ${folder}`,
        {
          cause,
        },
      );
    }
    this.#model = model;
    this.#pending = undefined;
    this.#best = this.#quantity.worst;
    this.#bestEpoch = undefined;
  }

  /** @internal */
  state(): ModelCheckpointState {
    return { best: this.#best, bestEpoch: this.#bestEpoch, pending: this.#pending };
  }

  /** Goes on from `state`; after {@link onTrainBegin}. @internal */
  restore({ best, bestEpoch, pending }: ModelCheckpointState): void {
    this.#best = best;
    this.#bestEpoch = bestEpoch;
    this.#pending = pending;
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const current = this.#quantity.read(logs);
    if (epoch < this.#startFromEpoch) return;
    const previous = this.#best;
    const improved = this.#quantity.improves(current, previous);
    if (improved) {
      this.#best = current;
      this.#bestEpoch = epoch;
    }
    const label = `Epoch ${epoch + 1}:`;
    if (!this.#saveBestOnly) {
      this.#log?.(`${label} saving model to ${this.path}`);
    } else if (improved) {
      const change = `improved from ${formatFixed(previous, 5)} to ${formatFixed(current, 5)}`;
      this.#log?.(`${label} ${this.monitor} ${change}, saving model to ${this.path}`);
    } else {
      this.#log?.(`${label} ${this.monitor} did not improve from ${formatFixed(previous, 5)}`);
      return;
    }
    if (this.#deferred) this.#pending = this.#model!.snapshot();
    else await this.#model!.save(this.path);
  }

  async onTrainEnd(): Promise<void> {
    if (!this.#pending) return;
    const model = this.#model!;
    const last = model.snapshot();
    model.restore(this.#pending);
    this.#pending = undefined;
    try {
      await model.save(this.path);
    } finally {
      model.restore(last);
    }
  }
}

function printLine(line: string): void {
  process.stdout.write(`\n${line}\n`);
}

/**
 * Keras' `ModelCheckpoint`: writes the whole model (architecture, weights, optimizer) to `path` whenever the watched
 * quantity strictly improves; NaN never does.
 *
 * @param path a Keras HDF5 file, `.h5` or `.hdf5`; replaced at each improvement, never half-written
 * @throws ConvsweepError `INVALID_ARGUMENT` for an unknown option or a value out of range; `FILE`, before training
 * starts, when the folder of `path` is missing or read-only
 */
export function modelCheckpoint(path: string, options: ModelCheckpointOptions = {}): ModelCheckpoint {
  return new ModelCheckpoint(path, options);
}
