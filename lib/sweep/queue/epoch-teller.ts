import type { Logs } from '../../training/callback.js';

/** Milliseconds from one message to the next: those who follow look no more often, and epochs may take less than one. */
const PAUSE = 500;

/** Tells of a trial's epochs, several at a time where they are short. */
export class EpochTeller {
  readonly #say: (first: number, logs: readonly Logs[]) => Promise<unknown>;
  #told = performance.now();
  #first = 0;
  #logs: Logs[] = [];

  /** @param say told of epochs from the number `first` on */
  constructor(say: (first: number, logs: readonly Logs[]) => Promise<unknown>) {
    this.#say = say;
  }

  /** Of the next epoch. */
  add(logs: Logs): void {
    this.#logs.push(logs);
    // What cannot be told now is no reason to stop training.
    if (performance.now() - this.#told >= PAUSE) this.tell().catch(() => {});
  }

  /** Tells what is left to tell. */
  async tell(): Promise<void> {
    const logs = this.#logs;
    if (logs.length === 0) return;
    const first = this.#first;
    this.#first += logs.length;
    this.#logs = [];
    this.#told = performance.now();
    await this.#say(first, logs);
  }
}
