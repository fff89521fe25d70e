import { invalidArgument } from '../errors.js';
import { type ResolvedDevice, resolveDevices } from '../native/devices.js';
import { requireInteger } from '../validate.js';
import { trialEngine } from './config.js';
import type { SweepEvent, SweepStep } from './events.js';
import { sweepFailure } from './failure.js';
import { SweepFolder } from './folder.js';
import type { Grid } from './grid.js';
import { peekJournal } from './journal.js';
import { resolveSweepOptions, type SweepOptions, type SweepSettings } from './options.js';
import { requirePlanned } from './planned-options.js';
import { prepareSweep } from './prepare.js';
import { ProgressCounter } from './progress.js';
import { RecordFiles } from './record-file.js';
import { type Run, startRun } from './run.js';
import { KEEPING_RULE } from './state-keeper.js';
import { trainTrials } from './train-trials.js';
import type { TrialRecord } from './trial.js';

/**
 * Trains some trials of a sweep that {@link planSweep} planned. Each leaves its model and a record of its own in the
 * folder; those that have one already are not trained again. Any number of processes may do so at a time, on any
 * machines that see the folder: a trial depends on the sweep and its number alone, so that one trained twice comes to the
 * same. What a process that was stopped leaves of a trial is gone on with.
 * @param options those that the sweep was planned with; `out` is its folder
 * @param numbers of the trials, from 1
 * @returns at once, as `sweep` does; the result is the records of these trials, in order
 * @throws ConvsweepError `INVALID_ARGUMENT`, `SHAPE_MISMATCH`, `DEVICE_UNAVAILABLE` at once; the result rejects with `FILE`
 * (nothing is planned there), `INVALID_ARGUMENT` (other options, data or engine than planned), `INVALID_DATA`, `ABORTED`, or
 * what made a trial fail
 */
export function trainPlanned<G extends Grid>(
  options: SweepOptions<G>,
  numbers: readonly number[],
): Run<TrialRecord[]> {
  const settings = resolveSweepOptions(options);
  for (const [i, number] of numbers.entries()) requireInteger(`numbers[${i}]`, number);
  const devices = resolveDevices(settings.device);
  return startRun(settings.signal, (signal, send) => runPlanned(settings, devices, numbers, signal, send));
}

async function runPlanned(
  settings: SweepSettings,
  devices: readonly ResolvedDevice[],
  numbers: readonly number[],
  signal: AbortSignal,
  send: (event: SweepEvent) => void,
): Promise<TrialRecord[]> {
  const folder = new SweepFolder(settings.out);
  const config = await folder.readConfig('plan', 'make one with --plan: convsweep sweep --plan --out DIR');
  const { config: own, ...prepared } = prepareSweep({ ...settings, total: config.trials }, devices);
  requirePlanned(config, own, folder.path, settings.mixed);
  const beyond = numbers.find((number) => number > config.trials);
  if (beyond !== undefined)
    throw invalidArgument('numbers', `at most ${config.trials}, the last trial`, beyond);
  await folder.createRecords();
  const files = new RecordFiles(folder, config);
  const trials = prepared.trials.filter(({ number }) => numbers.includes(number));
  const { records: journaled } = await peekJournal(folder.journal, config);
  const records = new Map<number, TrialRecord>();
  for (const { number } of trials) {
    const record = journaled.get(number) ?? (await files.read(number))?.record;
    if (record) records.set(number, record);
  }
  const counter = new ProgressCounter(trials, records);
  const report = (step: SweepStep): void => send({ ...step, progress: counter.snapshot() });
  const jobs = Math.min(prepared.jobs, trials.length);
  report({ type: 'start', config, jobs, resumed: [...records.values()] });
  await trainTrials({
    trials: trials.filter(({ number }) => !records.has(number)),
    settings,
    config: own,
    devices: prepared.devices,
    jobs,
    folder,
    signal,
    keepingRule: KEEPING_RULE,
    counter,
    keep: (record) => files.add(trialEngine(own), record),
    report,
  }).catch((error) => {
    const goOn = 'run the same again to go on';
    throw sweepFailure(error, { done: records.size, total: trials.length, folder: folder.path, goOn });
  });
  return [...records.values()].sort((a, b) => a.trial - b.trial);
}
