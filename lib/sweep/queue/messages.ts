import type { Logs } from '../../training/callback.js';
import type { SweepConfig } from '../config.js';
import type { TrialEngine } from '../engine.js';
import type { TrialRecord } from '../trial.js';

/** What a job asks for. */
export interface TrialJob {
  /** The sweep's name in the queue. */
  sweep: string;
  trial: number;
}

/** What workers must know of a sweep. */
export interface QueuedSweep {
  config: SweepConfig;
  /** Whether other engines may train its trials. */
  mixed: boolean;
  /** The name of its builder; undefined for the notebook's. */
  build?: string;
  /** Its folder, and a file there that no other has, for workers that see the same one. */
  folder: string;
  mark: string;
}

/** Where a worker has put a model: under a key of the queue, or in the sweep's folder, beside the records. */
export type ModelPlace = 'queue' | 'folder';

/** What a trial came to. */
export interface TrialResult {
  type: 'result';
  trial: number;
  engine: TrialEngine;
  record: TrialRecord;
  /** Undefined where it has no model. */
  model: ModelPlace | undefined;
  /** Whether the queue has taken the trial for lost meanwhile, so that others may train it, too. */
  late: boolean;
}

/** What a worker tells the sweep that it works for. */
export type OwnMessage =
  | { type: 'start'; trial: number }
  /** Epochs that have ended since the last message, from the number `first` on. */
  | { type: 'epochs'; trial: number; first: number; logs: readonly Logs[] }
  | TrialResult
  /** It trains no trials of this sweep. */
  | { type: 'refused'; reason: string }
  /** A trial failed, as often as it may. */
  | { type: 'failed'; trial: number; code: string; reason: string };

export type WorkerMessage = OwnMessage & { host: string };
