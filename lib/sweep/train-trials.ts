import { ConvsweepError } from '../errors.js';
import type { DeviceName } from '../native/devices.js';
import type { Logs } from '../training/callback.js';
import type { SweepConfig } from './config.js';
import type { TrialEngine } from './engine.js';
import type { SweepStep } from './events.js';
import { trialFailure } from './failure.js';
import type { SweepFolder } from './folder.js';
import type { SweepSettings } from './options.js';
import { runPool } from './pool.js';
import type { ProgressCounter } from './progress.js';
import { runTrial } from './run-trial.js';
import { StateFile } from './state-file.js';
import type { KeepingRule, LastWrite } from './state-keeper.js';
import type { Trial, TrialRecord } from './trial.js';
import type { TrialState } from './trial-state.js';

/** What the trials of a sweep are trained with. */
export interface Training {
  /** Those to train. */
  trials: readonly Trial[];
  settings: SweepSettings;
  /** Of the sweep on this machine. */
  config: SweepConfig;
  /** Its engine, where that is not the sweep's own: the records are to name it. */
  engine?: TrialEngine;
  /** Each slot of the pool has one, in turn. */
  devices: readonly DeviceName[];
  jobs: number;
  folder: SweepFolder;
  signal: AbortSignal;
  keepingRule: KeepingRule;
  counter: ProgressCounter;
  /** Puts a trial's record on the disk. */
  keep: (record: TrialRecord) => Promise<void>;
  report: (step: SweepStep) => void;
}

/** Trains one trial, in a slot of the pool, and keeps its record; throws what made it fail, with its name. */
export type TrainOne = (trial: Trial, signal: AbortSignal, slot: number) => Promise<TrialRecord>;

export function trainerOf(training: Omit<Training, 'trials' | 'signal'>): TrainOne {
  const { settings, config, engine, devices, jobs, folder, keepingRule, counter, keep, report } = training;
  const { precision } = config;
  const lastWrite: LastWrite = { seconds: 0 };
  const train: TrainOne = async (trial, signal, slot) => {
    const stateFile = new StateFile(folder, trial, config);
    const state = await stateFile.read((message) => report({ type: 'notice', message }));
    counter.start(trial, state?.history.loss.length);
    report({ type: 'trialStart', trial, ...(state && { history: state.history }) });
    const onEpoch = (epoch: number, logs: Logs): void => {
      counter.epoch(trial);
      report({ type: 'epoch', trial, epoch, logs });
    };
    const writeState = (current: TrialState): Promise<void> => stateFile.write(current);
    const device = devices[slot % devices.length]!;
    const shared = { settings, device, precision, jobs, folder, signal };
    const trained = await runTrial(trial, { ...shared, onEpoch, state, keepingRule, lastWrite, writeState });
    const record = engine ? { ...trained, engine } : trained;
    await keep(record);
    await stateFile.remove();
    counter.finish(record);
    report({ type: 'trialEnd', trial, record });
    return record;
  };
  return (trial, signal, slot) =>
    train(trial, signal, slot).catch((error) => {
      throw trialFailure(error, trial);
    });
}

/**
 * Trains trials, and keeps the record of each.
 * @throws ConvsweepError `ABORTED`, or what made a trial fail, with the trial's name
 */
export async function trainTrials(training: Training): Promise<void> {
  const { trials, jobs, signal, counter, report } = training;
  const train = trainerOf(training);
  let kept = 0;
  const count = async (trial: Trial, poolSignal: AbortSignal, slot: number): Promise<void> => {
    await train(trial, poolSignal, slot);
    kept++;
  };
  const tooMany = (error: unknown, trial: Trial, left: number): boolean => {
    if (!isOutOfMemory(error)) return false;
    counter.restart(trial);
    report({
      type: 'notice',
      message: `${(error as Error).message}; it is trained again, with at most ${left} at a time`,
    });
    return true;
  };
  await runPool(trials, jobs, signal, count, tooMany);
  // The pool leaves what it has not begun when the signal comes.
  if (kept < trials.length) throw new ConvsweepError('ABORTED', 'Stopped', { cause: signal.reason });
}

export function isOutOfMemory(error: unknown): boolean {
  return error instanceof ConvsweepError && error.code === 'OUT_OF_MEMORY';
}
