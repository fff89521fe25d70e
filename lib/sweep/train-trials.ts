import { ConvsweepError } from '../errors.js';
import type { DeviceName } from '../native.js';
import type { Logs } from '../training/callback.js';
import type { SweepConfig } from './config.js';
import type { SweepStep } from './events.js';
import { sweepFailure, trialFailure } from './failure.js';
import type { SweepFolder } from './folder.js';
import { Journal } from './journal.js';
import type { FolderLock } from './lock.js';
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
  trials: readonly Trial[];
  settings: SweepSettings;
  config: SweepConfig;
  /** Each slot of the pool has one, in turn. */
  devices: readonly DeviceName[];
  jobs: number;
  folder: SweepFolder;
  lock: FolderLock;
  signal: AbortSignal;
  keepingRule: KeepingRule;
  /** Of trials that have ended; `counter` adds to it. */
  records: ReadonlyMap<number, TrialRecord>;
  counter: ProgressCounter;
  report: (step: SweepStep) => void;
}

/**
 * Trains the trials that have no record yet, and journals each.
 * @throws ConvsweepError that says what is kept and how to go on
 */
export async function trainTrials(training: Training): Promise<void> {
  const { trials, settings, config, devices, jobs, folder, lock, signal } = training;
  const { keepingRule, records, counter, report } = training;
  const { precision } = config;
  const remaining = trials.filter(({ number }) => !records.has(number));
  const journal = await Journal.open(folder.journal);
  const lastWrite: LastWrite = { seconds: 0 };
  try {
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
      await lock.requireHeld();
      await journal.append(record);
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
    await runPool(remaining, jobs, signal, trainNamed, tooMany);
    if (records.size < trials.length)
      throw new ConvsweepError('ABORTED', 'Stopped', { cause: signal.reason });
  } catch (error) {
    // What ended the sweep is what is told, not that the journal cannot be closed either.
    await journal.close().catch(() => {});
    const state = { done: records.size, total: trials.length, folder: folder.path };
    throw sweepFailure(lock.loss ?? error, state);
  }
  await journal.close();
}
