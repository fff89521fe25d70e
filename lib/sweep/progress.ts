import { bestTrial } from './selection.js';
import type { FinishedTrial, Trial, TrialRecord } from './trial.js';

/** How far a sweep is; a snapshot that comes with every event. */
export interface SweepProgress {
  /** Trials that have ended, those of earlier runs included. */
  done: number;
  total: number;
  /** Trials in training. */
  running: number;
  /** Epochs trained in this run. */
  epochs: number;
  /** Images trained on in this run, each as often as it was used. */
  images: number;
  /** Since this run began. */
  seconds: number;
  imagesPerSecond: number;
  /** Seconds to go, from the images that finished trials needed; undefined before there is one. */
  secondsLeft?: number;
  /** The best finished trial so far. */
  best?: FinishedTrial;
}

/** Counts what the trials of a sweep do. */
export class ProgressCounter {
  readonly #trials: readonly Trial[];
  readonly #records: Map<number, TrialRecord>;
  /** Images that each trial in training has used. */
  readonly #running = new Map<number, number>();
  readonly #begin = performance.now();
  #epochs = 0;
  #images = 0;

  /** @param records of trials that are finished already; {@link finish} adds to them */
  constructor(trials: readonly Trial[], records: Map<number, TrialRecord>) {
    this.#trials = trials;
    this.#records = records;
  }

  /** @param epochs that an earlier run trained */
  start(trial: Trial, epochs = 0): void {
    this.#running.set(trial.number, epochs * trial.split.train.size);
  }

  /** The trial is to begin again; what it has used so far is not counted. */
  restart(trial: Trial): void {
    this.#running.delete(trial.number);
  }

  epoch(trial: Trial): void {
    const images = trial.split.train.size;
    this.#epochs++;
    this.#images += images;
    this.#running.set(trial.number, this.#running.get(trial.number)! + images);
  }

  finish(record: TrialRecord): void {
    this.#running.delete(record.trial);
    this.#records.set(record.trial, record);
  }

  snapshot(): SweepProgress {
    const seconds = (performance.now() - this.#begin) / 1000;
    const imagesPerSecond = seconds > 0 ? this.#images / seconds : 0;
    const secondsLeft = this.#imagesLeft() / imagesPerSecond;
    const best = bestTrial(this.#records.values());
    return {
      done: this.#records.size,
      total: this.#trials.length,
      running: this.#running.size,
      epochs: this.#epochs,
      images: this.#images,
      seconds,
      imagesPerSecond,
      ...(Number.isFinite(secondsLeft) && { secondsLeft }),
      ...(best && { best }),
    };
  }

  /** As if every unfinished trial took as many epochs as the finished ones on average; NaN without any. */
  #imagesLeft(): number {
    const records = [...this.#records.values()];
    const meanEpochs = records.reduce((sum, { epochs }) => sum + epochs, 0) / records.length;
    return this.#trials
      .filter(({ number }) => !this.#records.has(number))
      .map(({ number, split }) => meanEpochs * split.train.size - (this.#running.get(number) ?? 0))
      .reduce((sum, images) => sum + Math.max(0, images), 0);
  }
}
