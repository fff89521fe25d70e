import { ConvsweepError } from '../errors.js';
import { Model } from '../model/model.js';
import type { DeviceName, ResolvedDevice } from '../native.js';
import { type StartEpoch, settledStartEpoch } from '../training/start-epoch.js';
import { resolveConfig, type SweepConfig } from './config.js';
import type { SweepEvent, SweepStep } from './events.js';
import { SweepFolder } from './folder.js';
import { linkedController } from './linked-controller.js';
import { FolderLock } from './lock.js';
import { modelsCsv } from './models-csv.js';
import type { SweepSettings } from './options.js';
import { ProgressCounter } from './progress.js';
import { configToResume, finishedTrials, resumedConfig } from './resume.js';
import { bestTrial } from './selection.js';
import { KEEPING_RULE } from './state-keeper.js';
import { trainTrials } from './train-trials.js';
import { type FinishedTrial, planTrials, type SweepSplit, type TrialRecord } from './trial.js';

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

/**
 * Runs the sweep from checking its folder to writing its last file.
 * @param keepingRule when to write the state of a trial in training
 */
export async function runSweep(
  settings: SweepSettings,
  devices: readonly ResolvedDevice[],
  send: (event: SweepEvent) => void,
  keepingRule = KEEPING_RULE,
): Promise<SweepResult> {
  const { splits, points, seed, total, resume } = settings;
  const startEpochs = new Map(splits.map((split) => [split, startEpochOf(split, settings)]));
  const trials = planTrials(splits, points, seed, startEpochs).slice(0, total);
  const now = resolveConfig(settings, devices, startEpochs);
  const names = devices.map(({ name }) => name as DeviceName);
  const folder = new SweepFolder(settings.out);

  // Before the lock, which is to be put only into the folder of a sweep.
  if (resume) await configToResume(folder);
  else await folder.create();
  const { controller, release } = linkedController(settings.signal);
  const lock = await FolderLock.take(folder.lock, { onLost: (error) => controller.abort(error) });
  try {
    const config = resume ? await takeUp(folder, now) : now;
    if (!resume) await folder.begin(config);
    const notices: string[] = [];
    const records = await finishedTrials(folder, config, (message) => notices.push(message));
    const counter = new ProgressCounter(trials, records);
    const report = (step: SweepStep): void => send({ ...step, progress: counter.snapshot() });
    for (const message of notices) report({ type: 'notice', message });
    const usual = devices.reduce((sum, { concurrency }) => sum + concurrency, 0);
    const jobs = Math.min(settings.jobs ?? usual, trials.length);
    report({ type: 'start', config, jobs, resumed: [...records.values()] });
    await trainTrials({
      trials,
      settings,
      config,
      devices: names,
      jobs,
      folder,
      lock,
      signal: controller.signal,
      keepingRule,
      records,
      counter,
      report,
    });
    noticeDiverged(records, report);
    await lock.requireHeld();
    return await finish(folder, records, config, names[0]!);
  } finally {
    release();
    await lock.release();
  }
}

/** Makes the sweep in the folder one to go on with; returns its configuration. */
async function takeUp(folder: SweepFolder, now: SweepConfig): Promise<SweepConfig> {
  const there = await configToResume(folder);
  const resumed = resumedConfig(there, now, folder.path);
  await folder.repair();
  if (resumed.trials > there.trials) await folder.grow(resumed);
  return resumed;
}

function startEpochOf(split: SweepSplit, { startFromEpoch, batchSize, epochs }: SweepSettings): StartEpoch {
  if (startFromEpoch !== undefined) return { epoch: startFromEpoch, reason: 'given' };
  return settledStartEpoch(split.train.size, batchSize, epochs);
}

function noticeDiverged(records: ReadonlyMap<number, TrialRecord>, report: (step: SweepStep) => void): void {
  const diverged = [...records.values()].filter(({ status }) => status === 'diverged');
  if (diverged.length === 0) return;
  const message = `${diverged.length} of ${records.size} trials diverged: val_loss was not a finite number in any epoch looked at; a smaller learning rate may help`;
  report({ type: 'notice', message });
}

async function finish(
  folder: SweepFolder,
  records: ReadonlyMap<number, TrialRecord>,
  config: SweepConfig,
  device: DeviceName,
): Promise<SweepResult> {
  const trials = [...records.values()].sort((a, b) => a.trial - b.trial);
  const best = bestTrial(trials);
  if (!best) {
    throw new ConvsweepError(
      'DIVERGED',
      `All ${trials.length} trials diverged, so that there is no best model; what they did is in ${folder.journal}. Try a smaller learning rate or other layers, in another folder with --out (out)`,
    );
  }
  const model = await Model.load(folder.file(best.checkpoint.file), { device });
  const summary = model.summary();
  model.dispose();
  await folder.writeFinal({ csv: modelsCsv(trials), best: best.checkpoint.file, summary });
  const { path, csv, model: modelFile, summary: summaryFile, journal } = folder;
  return {
    trials,
    best,
    config,
    files: { folder: path, csv, model: modelFile, summary: summaryFile, journal },
  };
}
