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

/**
 * Where a trial's model is: under a key of the queue, in the sweep's folder, which the worker sees, or nowhere, when another
 * worker was given the trial meanwhile.
 */
export type ModelPlace = 'queue' | 'folder' | 'nowhere';

/** What a worker tells the sweep that it works for. */
export type OwnMessage =
  | { type: 'start'; trial: number }
  | { type: 'epoch'; trial: number; epoch: number; logs: Logs }
  | { type: 'result'; trial: number; engine: TrialEngine; record: TrialRecord; model: ModelPlace }
  /** It trains no trials of this sweep. */
  | { type: 'refused'; reason: string }
  /** A trial failed, as often as it may. */
  | { type: 'failed'; trial: number; code: string; reason: string };

export type WorkerMessage = OwnMessage & { host: string };
