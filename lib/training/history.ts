import type { Callback, Logs, Monitor } from './callback.js';

/** One list per quantity of the logs, each with one entry per epoch that ran. */
export interface EpochHistory {
  loss: number[];
  accuracy: number[];
  val_loss?: number[];
  val_accuracy?: number[];
}

/** What `fit` returns: the logs of every epoch, in order. */
export class History implements Callback {
  /** The epochs that ran, from 0 (or `initialEpoch`). */
  readonly epoch: number[];
  /** The `val_` lists are there when there was validation data. */
  readonly history: EpochHistory;

  /** @param earlier of the epochs that came before, where training goes on */
  constructor(earlier: EpochHistory = { loss: [], accuracy: [] }) {
    this.epoch = Array.from(earlier.loss.keys());
    this.history = structuredClone(earlier);
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    this.epoch.push(epoch);
    for (const [name, value] of Object.entries(logs) as [Monitor, number][]) {
      this.history[name] ??= [];
      this.history[name].push(value);
    }
  }
}
