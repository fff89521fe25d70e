import type { Callback, Logs, TrainingModel } from '../training/callback.js';
import type { EarlyStopping } from '../training/early-stopping.js';
import { History } from '../training/history.js';
import type { ModelCheckpoint } from '../training/model-checkpoint.js';
import type { TrialState } from './trial-state.js';

/** When the state of a trial is worth writing. */
export interface KeepingRule {
  /** Epochs that take less are trained again sooner than their state is written. */
  leastEpochSeconds: number;
  /** The share of the time that may go into writing. */
  mostShare: number;
}

export const KEEPING_RULE: KeepingRule = { leastEpochSeconds: 1, mostShare: 0.02 };

/** What the trials of a sweep tell one another of writing: how dear the next will be, which a trial cannot know yet. */
export interface LastWrite {
  /** How long it took; 0 while none has been written. */
  seconds: number;
}

export interface StateKeeperOptions {
  stopping: EarlyStopping;
  checkpoint: ModelCheckpoint;
  /** Of an earlier run. */
  state: TrialState | undefined;
  /** The number of epochs. */
  epochs: number;
  rule: KeepingRule;
  /** Set by each write. */
  lastWrite: LastWrite;
  /** Of the whole trial so far. */
  times: () => Pick<TrialState, 'seconds' | 'fitSeconds'>;
  write: (state: TrialState) => Promise<void>;
}

/**
 * Writes after an epoch what the next ones need, and lets training go on from what an earlier run wrote. To be called
 * after the callbacks whose state it keeps.
 */
export class StateKeeper implements Callback {
  readonly #options: StateKeeperOptions;
  readonly #history: History;
  #model: TrainingModel | undefined;
  #epochBegin = 0;
  /** When writing ended, or else the trial began. */
  #lastEnd = now();

  constructor(options: StateKeeperOptions) {
    this.#options = options;
    this.#history = new History(options.state?.history);
  }

  /** The logs of all epochs, those of an earlier run included. */
  get history(): History['history'] {
    return this.#history.history;
  }

  onTrainBegin(model: TrainingModel): void {
    this.#model = model;
    const { stopping, checkpoint, state } = this.#options;
    if (!state) return;
    model.restore(state.model);
    stopping.restore(state.stopping);
    checkpoint.restore(state.checkpoint);
  }

  onEpochBegin(): void {
    this.#epochBegin = now();
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#history.onEpochEnd(epoch, logs);
    const { stopping, checkpoint, epochs, times, lastWrite, write } = this.#options;
    const model = this.#model!;
    if (model.stopTraining || epoch === epochs - 1 || !this.#isWorthwhile()) return;
    const begin = now();
    await write({
      model: model.snapshot(),
      stopping: stopping.state(),
      checkpoint: checkpoint.state(),
      history: this.history,
      ...times(),
    });
    this.#lastEnd = now();
    lastWrite.seconds = this.#lastEnd - begin;
  }

  #isWorthwhile(): boolean {
    const { rule, lastWrite } = this.#options;
    const { leastEpochSeconds, mostShare } = rule;
    const isLong = now() - this.#epochBegin >= leastEpochSeconds;
    return isLong && lastWrite.seconds <= mostShare * (now() - this.#lastEnd);
  }
}

function now(): number {
  return performance.now() / 1000;
}
