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

/** What a worker tells the sweep that it works for. */
export type OwnMessage =
  | { type: 'start'; trial: number }
  | { type: 'epoch'; trial: number; epoch: number; logs: Logs }
  /** Without a place for its model where it has none. */
  | { type: 'result'; trial: number; engine: TrialEngine; record: TrialRecord; model?: ModelPlace }
  /** The same of a trial that another worker was given meanwhile, and that is told to be compared. */
  | { type: 'lateResult'; trial: number; engine: TrialEngine; record: TrialRecord }
  /** It trains no trials of this sweep. */
  | { type: 'refused'; reason: string }
  /** A trial failed, as often as it may. */
  | { type: 'failed'; trial: number; code: string; reason: string };

export type WorkerMessage = OwnMessage & { host: string };
