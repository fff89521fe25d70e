import { ConvsweepError } from '../errors.js';
import { Model } from '../model/model.js';
import type { DeviceName, ResolvedDevice } from '../native.js';
import type { Logs } from '../training/callback.js';
import { resolveConfig, type SweepConfig } from './config.js';
import type { SweepEvent, SweepStep } from './events.js';
import { sweepFailure, trialFailure } from './failure.js';
import { SweepFolder } from './folder.js';
import { Journal } from './journal.js';
import { FolderLock } from './lock.js';
import { modelsCsv } from './models-csv.js';
import type { SweepSettings } from './options.js';
import { runPool } from './pool.js';
import { ProgressCounter } from './progress.js';
import { finishedTrials, resumedConfig } from './resume.js';
import { runTrial } from './run-trial.js';
import { bestTrial, finishedOnly } from './selection.js';
import { type StartEpoch, settledStartEpoch } from './start-epoch.js';
import { type FinishedTrial, planTrials, type SweepSplit, type Trial, type TrialRecord } from './trial.js';

/** What a finished sweep found. */
export interface SweepResult {
  /** Of all trials, in order. */
  trials: TrialRecord[];
  /** The most accurate, the first of equals. */
  best: FinishedTrial;
  config: SweepConfig;
  /** Paths of what was written. */
  files: { folder: string; csv: string; model: string; summary: string; journal: string };
}

/** Runs the sweep from checking its folder to writing its last file. */
export async function runSweep(
  settings: SweepSettings,
  devices: readonly ResolvedDevice[],
  send: (event: SweepEvent) => void,
): Promise<SweepResult> {
  const { splits, points, seed, total, resume } = settings;
  const startEpochs = new Map(splits.map((split) => [split, startEpochOf(split, settings)]));
  const trials = planTrials(splits, points, seed, startEpochs).slice(0, total);
  const config = resolveConfig(settings, devices, startEpochs);
  const names = devices.map(({ name }) => name as DeviceName);
  const folder = new SweepFolder(settings.out);

  const there = resume ? await folder.readConfig() : undefined;
  const resumed = there && resumedConfig(there, config, folder.path);
  if (!resumed) await folder.create();
  const lock = await FolderLock.take(folder.lock);
  try {
    if (resumed) await folder.repair();
    else await folder.begin(config);
    if (resumed && resumed.trials > there.trials) await folder.grow(resumed);
    const notices: string[] = [];
    const records = await finishedTrials(folder, (message) => notices.push(message));
    const counter = new ProgressCounter(trials, records);
    const report = (step: SweepStep): void => send({ ...step, progress: counter.snapshot() });
    for (const message of notices) report({ type: 'notice', message });
    const jobs = settings.jobs ?? devices.reduce((sum, { concurrency }) => sum + concurrency, 0);
    report({ type: 'start', config, jobs, resumed: [...records.values()] });
    await trainTrials({
      trials,
      settings,
      devices: names,
      precision: config.precision,
      jobs,
      folder,
      records,
      counter,
      report,
    });
    return await finish(folder, records, config, names[0]!);
  } finally {
    await lock.release();
  }
}

function startEpochOf(split: SweepSplit, { startFromEpoch, batchSize, epochs }: SweepSettings): StartEpoch {
  if (startFromEpoch !== undefined) return { epoch: startFromEpoch, reason: 'given' };
  return settledStartEpoch(split.train.size, batchSize, epochs);
}

interface Training {
  trials: readonly Trial[];
  settings: SweepSettings;
  /** Each slot of the pool has one, in turn. */
  devices: readonly DeviceName[];
  precision: 'fp32' | 'tf32';
  jobs: number;
  folder: SweepFolder;
  /** Of finished trials; `counter` adds to it. */
  records: ReadonlyMap<number, TrialRecord>;
  counter: ProgressCounter;
  report: (step: SweepStep) => void;
}

/** Trains the trials that have no record yet, and journals each. */
async function trainTrials(training: Training): Promise<void> {
  const { trials, settings, devices, precision, jobs, folder, records, counter, report } = training;
  const { signal } = settings;
  const remaining = trials.filter(({ number }) => !records.has(number));
  const journal = await Journal.open(folder.journal);
  try {
    const train = async (trial: Trial, poolSignal: AbortSignal, slot: number): Promise<void> => {
      counter.start(trial);
      report({ type: 'trialStart', trial });
      const onEpoch = (epoch: number, logs: Logs): void => {
        counter.epoch(trial);
        report({ type: 'epoch', trial, epoch, logs });
      };
      const device = devices[slot % devices.length]!;
      try {
        const context = { settings, device, precision, jobs, folder, signal: poolSignal, onEpoch };
        const record = await runTrial(trial, context);
        await journal.append(record);
        counter.finish(record);
        report({ type: 'trialEnd', trial, record });
      } catch (error) {
        throw trialFailure(error, trial);
      }
    };
    const tooMany = (error: unknown, trial: Trial, left: number): boolean => {
      if (!(error instanceof ConvsweepError && error.code === 'OUT_OF_MEMORY')) return false;
      counter.restart(trial);
      report({
        type: 'notice',
        message: `${error.message}; it is trained again, with at most ${left} at a time`,
      });
      return true;
    };
    await runPool(remaining, jobs, signal, train, tooMany);
    if (records.size < trials.length)
      throw new ConvsweepError('ABORTED', 'Stopped', { cause: signal?.reason });
  } catch (error) {
    throw sweepFailure(error, { done: records.size, total: trials.length, folder: folder.path });
  } finally {
    await journal.close();
  }
}

async function finish(
  folder: SweepFolder,
  records: ReadonlyMap<number, TrialRecord>,
  config: SweepConfig,
  device: DeviceName,
): Promise<SweepResult> {
  const trials = [...records.values()].sort((a, b) => a.trial - b.trial);
  const best = bestTrial(trials)!;
  const model = await Model.load(folder.file(best.checkpoint.file), { device });
  const summary = model.summary();
  model.dispose();
  await folder.writeFinal({ csv: modelsCsv(finishedOnly(trials)), best: best.checkpoint.file, summary });
  const { path, csv, model: modelFile, summary: summaryFile, journal } = folder;
  return {
    trials,
    best,
    config,
    files: { folder: path, csv, model: modelFile, summary: summaryFile, journal },
  };
}
