import { type OptionTable, resolveOptions } from '../option-table.js';
import { integer, numberFrom } from '../validate.js';
import type { Callback, Logs, ModelSnapshot, Monitor, TrainingModel } from './callback.js';
import { MonitoredQuantity, type MonitorMode } from './monitor.js';

/** Options of {@link earlyStopping}. */
export interface EarlyStoppingOptions {
  /** Default `val_loss`. */
  monitor?: Monitor;
  /** An improvement must be larger than this. Default 0. */
  minDelta?: number;
  /** How many epochs without improvement end training. Default 0: the first one does. */
  patience?: number;
  /** Default `auto`: accuracies should rise, losses fall. */
  mode?: MonitorMode;
  /** Give the model the state of its best epoch when training ends. Default false. */
  restoreBestWeights?: boolean;
  /** Epochs (from 0) before this one are not looked at: they neither improve nor count as patience. Default 0. */
  startFromEpoch?: number;
}

const RULES = {
  monitor: { default: 'val_loss' },
  minDelta: { default: 0, check: numberFrom(0) },
  patience: { default: 0, check: integer(0) },
  mode: { default: 'auto' },
  restoreBestWeights: { default: false },
  startFromEpoch: { default: 0, check: integer(0) },
} as const satisfies OptionTable<EarlyStoppingOptions>;

/** What {@link EarlyStopping} has found so far. */
export interface EarlyStoppingState {
  best: number;
  bestEpoch?: number | undefined;
  wait: number;
  bestState?: ModelSnapshot | undefined;
}

/** Ends training when the watched quantity no longer improves; see {@link earlyStopping}. */
export class EarlyStopping implements Callback {
  readonly monitor: Monitor;
  readonly #quantity: MonitoredQuantity;
  readonly #minDelta: number;
  readonly #patience: number;
  readonly #restoreBestWeights: boolean;
  readonly #startFromEpoch: number;
  #model: TrainingModel | undefined;
  #bestState: ModelSnapshot | undefined;
  #wait = 0;
  #best: number;
  #bestEpoch: number | undefined;
  #stoppedEpoch: number | undefined;

  constructor(options: EarlyStoppingOptions) {
    const settings = resolveOptions('earlyStopping', options, RULES);
    const { monitor, mode } = settings;
    this.#quantity = new MonitoredQuantity(monitor, mode);
    this.monitor = monitor;
    this.#minDelta = settings.minDelta;
    this.#patience = settings.patience;
    this.#restoreBestWeights = settings.restoreBestWeights;
    this.#startFromEpoch = settings.startFromEpoch;
    this.#best = this.#quantity.worst;
  }

  /** The best value so far; infinite before the first. */
  get best(): number {
    return this.#best;
  }

  /** The epoch (from 0) of {@link best}; undefined while nothing improved. */
  get bestEpoch(): number | undefined {
    return this.#bestEpoch;
  }

  /** The epoch (from 0) after which training was ended; undefined if it ran to the end. */
  get stoppedEpoch(): number | undefined {
    return this.#stoppedEpoch;
  }

  onTrainBegin(model: TrainingModel): void {
    this.#model = model;
    this.#bestState = undefined;
    this.#wait = 0;
    this.#best = this.#quantity.worst;
    this.#bestEpoch = undefined;
    this.#stoppedEpoch = undefined;
  }

  /** @internal */
  state(): EarlyStoppingState {
    return { best: this.#best, bestEpoch: this.#bestEpoch, wait: this.#wait, bestState: this.#bestState };
  }

  /** Goes on from `state`; after {@link onTrainBegin}. @internal */
  restore({ best, bestEpoch, wait, bestState }: EarlyStoppingState): void {
    this.#best = best;
    this.#bestEpoch = bestEpoch;
    this.#wait = wait;
    this.#bestState = bestState;
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    const current = this.#quantity.read(logs);
    if (epoch < this.#startFromEpoch) return;
    if (this.#quantity.improves(current, this.#best, this.#minDelta)) {
      this.#best = current;
      this.#bestEpoch = epoch;
      this.#wait = 0;
      if (this.#restoreBestWeights) this.#bestState = this.#model!.snapshot();
      return;
    }
    if (this.#restoreBestWeights) this.#bestState ??= this.#model!.snapshot();
    this.#wait++;
    if (this.#wait >= this.#patience && epoch > 0) {
      this.#stoppedEpoch = epoch;
      this.#model!.stopTraining = true;
    }
  }

  onTrainEnd(): void {
    if (this.#bestState) this.#model!.restore(this.#bestState);
    this.#bestState = undefined;
  }
}

/**
 * Keras' `EarlyStopping`: counts the epochs in a row without a strict improvement and ends training when there are
 * `patience` of them; NaN never improves, and training never ends after epoch 0. The stopping epoch is in the history.
 *
 * Keras' versions differ in two points, where this follows the later ones: an epoch that improves never stops training
 * (2.8 with `patience: 0` did), and `restoreBestWeights` also acts when training ran to its last epoch (2.8 restored
 * only when it stopped early). What is restored is the whole state: weights, moving statistics and optimizer.
 *
 * @throws ConvsweepError `INVALID_ARGUMENT` for an unknown option or a value out of range
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): EarlyStopping {
  return new EarlyStopping(options);
}
