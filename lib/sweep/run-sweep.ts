import type { ResolvedDevice } from '../native/devices.js';
import { collectRecords } from './collect-records.js';
import { type SweepConfig, trialEngine } from './config.js';
import { isSameEngine } from './engine.js';
import type { SweepEvent, SweepStep } from './events.js';
import { sweepFailure } from './failure.js';
import { finishSweep, type SweepResult } from './finish-sweep.js';
import { SweepFolder } from './folder.js';
import { Journal } from './journal.js';
import { linkedController } from './linked-controller.js';
import { FolderLock } from './lock.js';
import type { SweepSettings } from './options.js';
import { type PreparedSweep, prepareSweep } from './prepare.js';
import { ProgressCounter } from './progress.js';
import { trainQueued } from './queue/train-queued.js';
import { TrialQueue } from './queue/trial-queue.js';
import { configToResume, finishedTrials, requireOneEngine, resumedConfig } from './resume.js';
import { KEEPING_RULE, type KeepingRule } from './state-keeper.js';
import { type Training, trainTrials } from './train-trials.js';
import type { TrialRecord } from './trial.js';

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
  const prepared = prepareSweep(settings, devices);
  if (!settings.queue) return runPrepared(settings, prepared, send, keepingRule);
  const queue = await TrialQueue.open(settings.queue);
  try {
    return await runPrepared(settings, prepared, send, keepingRule, queue);
  } finally {
    await queue.close();
  }
}

async function runPrepared(
  settings: SweepSettings,
  prepared: PreparedSweep,
  send: (event: SweepEvent) => void,
  keepingRule: KeepingRule,
  queue?: TrialQueue,
): Promise<SweepResult> {
  const { resume, mixed } = settings;
  const { trials, config: now, devices } = prepared;
  const folder = new SweepFolder(settings.out);

  // Before the lock, which is to be put only into the folder of a sweep.
  if (resume) await configToResume(folder);
  else await folder.create();
  const { controller, release } = linkedController(settings.signal);
  const lock = await FolderLock.take(folder.lock, { onLost: (error) => controller.abort(error) });
  try {
    const config = resume ? await takeUp(folder, now, mixed) : now;
    if (!resume) await folder.begin(config);
    const notices: string[] = [...(queue?.warnings ?? [])];
    const records = await recordsSoFar(folder, config, mixed, (message) => notices.push(message));
    const counter = new ProgressCounter(trials, records);
    const report = (step: SweepStep): void => send({ ...step, progress: counter.snapshot() });
    for (const message of notices) report({ type: 'notice', message });
    const jobs = Math.min(prepared.jobs, trials.length);
    report({ type: 'start', config, jobs, resumed: [...records.values()] });
    const engine = trialEngine(now);
    await journalTrials(folder, lock, { done: records, total: trials.length }, (journal) => {
      const training: Training = {
        trials: trials.filter(({ number }) => !records.has(number)),
        settings,
        config: now,
        ...(!isSameEngine(engine, trialEngine(config)) && { engine }),
        devices,
        jobs,
        folder,
        signal: controller.signal,
        keepingRule,
        counter,
        keep: async (record) => {
          await lock.requireHeld();
          await journal.append(record);
        },
        report,
      };
      return queue ? trainQueued(training, queue, config, lock.file) : trainTrials(training);
    });
    noticeDiverged(records, report);
    await lock.requireHeld();
    await folder.removeRecords();
    return await finishSweep(folder, records.values(), config);
  } finally {
    release();
    await lock.release();
  }
}

/** The records of the trials that have ended, wherever those were trained. */
async function recordsSoFar(
  folder: SweepFolder,
  config: SweepConfig,
  mixed: boolean,
  notify: (message: string) => void,
): Promise<Map<number, TrialRecord>> {
  await collectRecords(folder, config, mixed, notify);
  const records = await finishedTrials(folder, config, notify);
  requireOneEngine(records.values(), folder.path, mixed);
  return records;
}

/**
 * Trains with the folder's journal open.
 * @throws ConvsweepError that says what is kept and how to go on
 */
async function journalTrials(
  folder: SweepFolder,
  lock: FolderLock,
  { done, total }: { done: ReadonlyMap<number, TrialRecord>; total: number },
  train: (journal: Journal) => Promise<void>,
): Promise<void> {
  const journal = await Journal.open(folder.journal);
  try {
    await train(journal);
  } catch (error) {
    // What ended the sweep is what is told, not that the journal cannot be closed either.
    await journal.close().catch(() => {});
    const goOn = 'continue with the same options and --resume (resume: true)';
    throw sweepFailure(lock.loss ?? error, { done: done.size, total, folder: folder.path, goOn });
  }
  await journal.close();
}

/** Makes the sweep in the folder one to go on with; returns its configuration. */
async function takeUp(folder: SweepFolder, now: SweepConfig, mixed: boolean): Promise<SweepConfig> {
  const there = await configToResume(folder);
  const resumed = resumedConfig(there, now, folder.path, mixed);
  await folder.repair();
  if (resumed.trials > there.trials) await folder.grow(resumed);
  return resumed;
}

function noticeDiverged(records: ReadonlyMap<number, TrialRecord>, report: (step: SweepStep) => void): void {
  const diverged = [...records.values()].filter(({ status }) => status === 'diverged');
  if (diverged.length === 0) return;
  const message = `${diverged.length} of ${records.size} trials diverged: val_loss was not a finite number in any epoch looked at; a smaller learning rate may help`;
  report({ type: 'notice', message });
}
