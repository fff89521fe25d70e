import type { Logs } from '../training/callback.js';
import type { EpochHistory } from '../training/history.js';
import type { SweepConfig } from './config.js';
import type { SweepProgress } from './progress.js';
import type { Trial, TrialRecord } from './trial.js';

/** What happened in a sweep. */
export type SweepStep =
  /** Something is not as it was left, such as a checkpoint that is missing and will be trained again. */
  | { type: 'notice'; message: string }
  /** Training begins. `resumed`: trials that ended in an earlier run. */
  | { type: 'start'; config: SweepConfig; jobs: number; resumed: readonly TrialRecord[] }
  /** `history`: of the epochs that an earlier run trained, and that are not trained again. */
  | { type: 'trialStart'; trial: Trial; history?: EpochHistory }
  /** `epoch` counts from 0. */
  | { type: 'epoch'; trial: Trial; epoch: number; logs: Logs }
  /** The trial's record is on the disk. */
  | { type: 'trialEnd'; trial: Trial; record: TrialRecord };

/** What a sweep reports while it runs: a step, and how far it is. */
export type SweepEvent = SweepStep & { progress: SweepProgress };
