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

/** Counts what the trials of a sweep do; each step takes the same time, however many trials there are. */
export class ProgressCounter {
  readonly #trials: ReadonlyMap<number, Trial>;
  readonly #records: Map<number, TrialRecord>;
  /** Images that each trial in training has used. */
  readonly #running = new Map<Trial, number>();
  readonly #begin = performance.now();
  #epochs = 0;
  #images = 0;
  #best: FinishedTrial | undefined;
  /** Of the trials that have ended. */
  #epochsEnded = 0;
  /** Images of one epoch of each trial that has not. */
  #imagesPerEpochLeft = 0;

  /** @param records of trials that are finished already; {@link finish} adds to them */
  constructor(trials: readonly Trial[], records: Map<number, TrialRecord>) {
    this.#trials = new Map(trials.map((trial) => [trial.number, trial]));
    this.#records = records;
    for (const { number, split } of trials) {
      if (!records.has(number)) this.#imagesPerEpochLeft += split.train.size;
    }
    for (const { epochs } of records.values()) this.#epochsEnded += epochs;
    this.#best = bestTrial(records.values());
  }

  /** @param epochs that an earlier run trained */
  start(trial: Trial, epochs = 0): void {
    this.#running.set(trial, epochs * trial.split.train.size);
  }

  /** The trial is to begin again; what it has used so far is not counted. */
  restart(trial: Trial): void {
    this.#running.delete(trial);
  }

  epoch(trial: Trial): void {
    const images = trial.split.train.size;
    this.#epochs++;
    this.#images += images;
    this.#running.set(trial, (this.#running.get(trial) ?? 0) + images);
  }

  /** @param record of a trial that had none */
  finish(record: TrialRecord): void {
    const trial = this.#trials.get(record.trial)!;
    this.#running.delete(trial);
    this.#records.set(record.trial, record);
    this.#epochsEnded += record.epochs;
    this.#imagesPerEpochLeft -= trial.split.train.size;
    this.#best = bestTrial(this.#best ? [this.#best, record] : [record]);
  }

  snapshot(): SweepProgress {
    const seconds = (performance.now() - this.#begin) / 1000;
    const imagesPerSecond = seconds > 0 ? this.#images / seconds : 0;
    const secondsLeft = this.#imagesLeft() / imagesPerSecond;
    return {
      done: this.#records.size,
      total: this.#trials.size,
      running: this.#running.size,
      epochs: this.#epochs,
      images: this.#images,
      seconds,
      imagesPerSecond,
      ...(Number.isFinite(secondsLeft) && { secondsLeft }),
      ...(this.#best && { best: this.#best }),
    };
  }

  /** As if every unfinished trial took as many epochs as the finished ones on average; NaN without any. */
  #imagesLeft(): number {
    const meanEpochs = this.#epochsEnded / this.#records.size;
    let images = meanEpochs * this.#imagesPerEpochLeft;
    // One that takes longer than the average has none left, not less.
    for (const [{ split }, used] of this.#running) images -= Math.min(used, meanEpochs * split.train.size);
    return images;
  }
}
