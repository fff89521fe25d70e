import { ConvsweepError } from '../errors.js';
import type { DeviceName } from '../native.js';
import type { Logs } from '../training/callback.js';
import type { SweepConfig } from './config.js';
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

/**
 * Trains trials, and keeps the record of each.
 * @throws ConvsweepError `ABORTED`, or what made a trial fail, with the trial's name
 */
export async function trainTrials(training: Training): Promise<void> {
  const { trials, settings, config, devices, jobs, folder, signal } = training;
  const { keepingRule, counter, keep, report } = training;
  const { precision } = config;
  const lastWrite: LastWrite = { seconds: 0 };
  let kept = 0;
  const train = async (trial: Trial, poolSignal: AbortSignal, slot: number): Promise<void> => {
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
    const shared = { settings, device, precision, jobs, folder, signal: poolSignal };
    const record = await runTrial(trial, { ...shared, onEpoch, state, keepingRule, lastWrite, writeState });
    await keep(record);
    kept++;
    await stateFile.remove();
    counter.finish(record);
    report({ type: 'trialEnd', trial, record });
  };
  const trainNamed = (trial: Trial, poolSignal: AbortSignal, slot: number): Promise<void> =>
    train(trial, poolSignal, slot).catch((error) => {
      throw trialFailure(error, trial);
    });
  const tooMany = (error: unknown, trial: Trial, left: number): boolean => {
    if (!(error instanceof ConvsweepError && error.code === 'OUT_OF_MEMORY')) return false;
    counter.restart(trial);
    report({
      type: 'notice',
      message: `${error.message}; it is trained again, with at most ${left} at a time`,
    });
    return true;
  };
  await runPool(trials, jobs, signal, trainNamed, tooMany);
  // The pool leaves what it has not begun when the signal comes.
  if (kept < trials.length) throw new ConvsweepError('ABORTED', 'Stopped', { cause: signal.reason });
}
