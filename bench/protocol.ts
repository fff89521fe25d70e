/**
 * How the benchmark talks to the processes that do the work, those in Python included: one JSON object per line. A
 * worker announces {@link Ready}, then answers requests in order until its standard input ends. What else it prints is
 * ignored.
 */

export interface Ready {
  ready: true;
  /** Of the library and what it stands on. */
  version: string;
}

/** Of the notebook's job. */
export type JobRequest =
  /** `count` epochs from the initial weights, of `models` models at the same time. */
  | { run: 'epochs'; count: number; models: number }
  /** One whole trial, or `models` of them at the same time. */
  | { run: 'trial'; models: number }
  | { run: 'memory'; models: number };

/** Of the suite: a network trains or infers for so long, after it has been built and has warmed up. */
export interface SliceRequest {
  run: 'slice';
  network: string;
  mode: 'training' | 'inference';
  seconds: number;
}

export type Request = JobRequest | SliceRequest;

/** Seconds of each epoch of one model, and where its first epoch got to. */
export interface EpochTimes {
  train: number[];
  validation: number[];
  loss: number;
  valLoss: number;
}

/** A whole trial: build, train with early stopping, keep the best state as a file, reload it, predict. */
export interface TrialTime {
  seconds: number;
  epochs: number;
  accuracy: number;
}

export interface Memory {
  /** Resident bytes of the process, with all models trained. */
  process: number;
  /** Bytes of each trial in flight after the first, where the worker can tell. */
  perTrial?: number;
}

export interface Answers {
  epochs: { models: EpochTimes[] };
  trial: { models: TrialTime[] };
  memory: Memory;
  slice: { imagesPerSecond: number };
}
