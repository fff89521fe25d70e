import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import { loadDigits } from '../../data/digits.js';
import type { TrainTest } from '../../data/train-test.js';
import { type Precision, resolveDevices, type SweepDeviceName } from '../../native/devices.js';
import { type OptionTable, resolveOptions } from '../../option-table.js';
import { integer, requireSignal } from '../../validate.js';
import type { Builder } from '../builder.js';
import { engineOf } from '../engine.js';
import { runTrial } from '../run-trial.js';
import { parseQueueAddress } from './address.js';
import { LEASE } from './lease.js';
import { TrialQueue } from './trial-queue.js';
import { TrialWorker } from './trial-worker.js';

/** Options of {@link worker}. */
export interface WorkerOptions {
  /** `redis://host:6379`; see `sweep`'s option of that name. */
  queue: string;
  /** The images of the sweeps to work for. Default: the embedded digits. */
  data?: Dataset | TrainTest;
  /** Builders of sweeps that have their own, by the names of their functions. */
  build?: Readonly<Record<string, Builder<never>>>;
  /** Default `auto`. */
  device?: SweepDeviceName;
  /** Of sweeps that take any engine; others say theirs. Default `auto`. */
  precision?: Precision;
  /** Trials side by side. Default: as many as the device can use. */
  jobs?: number;
  /** On the CPU: the most threads that work on one trial. Default: as many as there are cores. */
  threads?: number;
  /** End when nothing waits. Default false: wait for more. */
  once?: boolean;
  /** Ends the worker after its current trials. */
  signal?: AbortSignal;
  /** Gives the current trials back to other workers. */
  stop?: AbortSignal;
  /** Told in words what the worker does. */
  notify?: (message: string) => void;
}

const RULES = {
  queue: { required: true },
  data: {},
  build: { default: {} },
  device: { default: 'auto' },
  precision: { default: 'auto' },
  jobs: { check: integer() },
  threads: { check: integer() },
  once: { default: false },
  signal: { check: requireSignal },
  stop: { check: requireSignal },
  notify: {},
} as const satisfies OptionTable<WorkerOptions>;

/**
 * Trains trials of whatever sweeps publish theirs in the queue, until it is stopped. A worker whose data, version or
 * engine is another than a sweep's refuses its trials, which others take.
 * @returns how many trials were trained
 * @throws ConvsweepError `INVALID_ARGUMENT`, `DEVICE_UNAVAILABLE`, `QUEUE`
 */
export function worker(options: WorkerOptions): Promise<number> {
  return runWorker(options);
}

/**
 * As {@link worker}.
 * @param lease when others take over what it says nothing of
 * @param train trains a trial
 */
export async function runWorker(
  options: WorkerOptions,
  { lease = LEASE, train = runTrial } = {},
): Promise<number> {
  const { device, ...given } = resolveOptions('worker', options, RULES);
  const address = parseQueueAddress(given.queue);
  const devices = resolveDevices(device);
  const data = given.data ?? (await loadDigits());
  const queue = await TrialQueue.open(address);
  const notify = given.notify ?? (() => {});
  for (const warning of queue.warnings) notify(warning);
  queue.onLoss(notify);
  const scratch = await mkdtemp(join(tmpdir(), 'convsweep-worker-'));
  try {
    const { signal, stop } = given;
    const jobs = given.jobs ?? devices.reduce((sum, { concurrency }) => sum + concurrency, 0);
    const { backend, instructionSet } = engineOf(devices[0]!);
    const engine = instructionSet === undefined ? backend : `${backend} (${instructionSet})`;
    notify(`Waits for trials at ${address.shown}, to train ${jobs} at a time on ${engine}`);
    return await new TrialWorker(queue, {
      ...given,
      signal: signal ?? new AbortController().signal,
      stop: stop ?? new AbortController().signal,
      notify,
      data,
      jobs,
      devices,
      scratch,
      lease,
      train,
    }).run();
  } finally {
    await queue.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
