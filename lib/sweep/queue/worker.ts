import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import type { Dataset } from '../../data/dataset.js';
import { loadDigits } from '../../data/digits.js';
import type { TrainTest } from '../../data/train-test.js';
import { ConvsweepError } from '../../errors.js';
import {
  type Precision,
  type ResolvedDevice,
  resolveDevices,
  type SweepDeviceName,
} from '../../native/devices.js';
import { type OptionTable, resolveOptions } from '../../option-table.js';
import { integer, requireSignal } from '../../validate.js';
import type { Builder } from '../builder.js';
import { trialEngine } from '../config.js';
import { checkpointFile, SweepFolder } from '../folder.js';
import { resolveSweepOptions, type SweepSettings } from '../options.js';
import { plannedOptions, plannedSplits, requirePlanned } from '../planned-options.js';
import { type PreparedSweep, prepareSweep } from '../prepare.js';

import { runTrial } from '../run-trial.js';
import { KEEPING_RULE } from '../state-keeper.js';
import { parseQueueAddress } from './address.js';
import type { ModelPlace, OwnMessage, QueuedSweep, TrialJob, WorkerMessage } from './messages.js';
import { LOCK, TrialQueue } from './trial-queue.js';

/** Milliseconds that a worker leaves others to take a trial that it does not train. */
const ASIDE = 5000;
/** Milliseconds between looks at whether to end. */
const POLL = 300;

/** Options of {@link worker}. */
export interface WorkerOptions {
  /** `redis://host:6379`; see `sweep`'s option of that name. */
  queue: string;
  /** The images of the sweeps to work for. Default: the embedded digits. */
  data?: Dataset | TrainTest;
  /** Builders of sweeps that have their own, by the names of their functions. */
  build?: Readonly<Record<string, Builder>>;
  /** Default `auto`. */
  device?: SweepDeviceName;
  /** Of sweeps that take any engine; others say theirs. Default `auto`. */
  precision?: Precision;
  /** Trials side by side. Default: as many as the device can use. */
  jobs?: number;
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
  once: { default: false },
  signal: { check: requireSignal },
  stop: { check: requireSignal },
  notify: {},
} as const satisfies OptionTable<WorkerOptions>;

/** A sweep as this worker trains it. */
interface KnownSweep {
  settings: SweepSettings;
  prepared: PreparedSweep;
  /** Of the sweep, where this machine sees it, else one of the worker's own. */
  folder: SweepFolder;
  shared: boolean;
}

/**
 * Trains trials of whatever sweeps publish theirs in the queue, until it is stopped. A worker whose data, version or
 * engine is another than a sweep's refuses its trials, which others take.
 * @returns how many trials were trained
 * @throws ConvsweepError `INVALID_ARGUMENT`, `DEVICE_UNAVAILABLE`, `QUEUE`
 */
export async function worker(options: WorkerOptions): Promise<number> {
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
    return await new TrialWorker(queue, { ...options, data }, devices, scratch).run();
  } finally {
    await queue.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

class TrialWorker {
  readonly #queue: TrialQueue;
  readonly #options: WorkerOptions & { data: Dataset | TrainTest };
  readonly #devices: readonly ResolvedDevice[];
  readonly #scratch: string;
  /** By name in the queue; a text says why its trials are refused. */
  readonly #sweeps = new Map<string, KnownSweep | string>();
  readonly #freeSlots: number[];
  readonly #stop: AbortSignal;
  #trained = 0;

  constructor(
    queue: TrialQueue,
    options: WorkerOptions & { data: Dataset | TrainTest },
    devices: readonly ResolvedDevice[],
    scratch: string,
  ) {
    this.#queue = queue;
    this.#options = options;
    this.#devices = devices;
    this.#scratch = scratch;
    const usual = devices.reduce((sum, { concurrency }) => sum + concurrency, 0);
    this.#freeSlots = Array.from({ length: options.jobs ?? usual }, (_, slot) => slot);
    this.#stop = options.stop ?? new AbortController().signal;
  }

  async run(): Promise<number> {
    const { once = false, signal } = this.#options;
    const slots = this.#freeSlots.length;
    const bull = this.#queue.work(slots, (job, token) => this.#process(job, token));
    const isIdle = async () => this.#freeSlots.length === slots && (await this.#queue.isDrained());
    while (!signal?.aborted && !this.#stop.aborted && !(once && (await isIdle()))) {
      await sleep(POLL, undefined, { signal: signal ?? this.#stop }).catch(() => {});
    }
    // Waits for the trials in training, which the other signal ends.
    await bull.close();
    return this.#trained;
  }

  async #process(job: Job<TrialJob>, token: string | undefined): Promise<void> {
    const { sweep, trial: number } = job.data;
    const known = await this.#know(sweep);
    if (!known) return;
    if (typeof known === 'string') {
      const given = await this.#queue.giveBack(job, token);
      await sleep(ASIDE, undefined, { signal: this.#options.signal ?? this.#stop }).catch(() => {});
      throw given;
    }
    const slot = this.#freeSlots.pop()!;
    try {
      await this.#train(job, token, known, slot);
    } catch (error) {
      if (this.#stop.aborted) throw await this.#queue.giveBack(job, token);
      if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) {
        const code = error instanceof ConvsweepError ? error.code : 'QUEUE';
        await this.#say(sweep, { type: 'failed', trial: number, code, reason: (error as Error).message });
      }
      throw error;
    } finally {
      this.#freeSlots.push(slot);
    }
  }

  async #train(
    job: Job<TrialJob>,
    token: string | undefined,
    known: KnownSweep,
    slot: number,
  ): Promise<void> {
    const { sweep, trial: number } = job.data;
    const { settings, prepared, folder, shared } = known;
    const trial = prepared.trials[number - 1]!;
    const device = prepared.devices[slot % prepared.devices.length]!;
    await this.#say(sweep, { type: 'start', trial: number });
    const record = await runTrial(trial, {
      settings,
      device,
      precision: prepared.config.precision,
      jobs: prepared.jobs,
      folder,
      signal: this.#stop,
      onEpoch: (epoch, logs) => {
        this.#say(sweep, { type: 'epoch', trial: number, epoch, logs }).catch(() => {});
      },
      state: undefined,
      keepingRule: { ...KEEPING_RULE, leastEpochSeconds: Number.POSITIVE_INFINITY },
      lastWrite: { seconds: 0 },
      writeState: async () => {},
    });
    this.#trained++;
    const stillOurs = await job.extendLock(token!, LOCK).catch(() => 0);
    let model: ModelPlace = 'folder';
    if (!stillOurs) model = 'nowhere';
    else if (!shared && record.status === 'finished') {
      model = 'queue';
      await this.#queue.putModel(sweep, number, (await folder.read(record.checkpoint.file))!);
    }
    await this.#say(sweep, {
      type: 'result',
      trial: number,
      engine: trialEngine(prepared.config),
      record,
      model,
    });
    if (!shared) await folder.remove(checkpointFile(number));
    this.#options.notify?.(
      stillOurs
        ? `Trained trial ${number} of sweep ${sweep} in ${Math.round(record.seconds)} s`
        : `Trained trial ${number} of sweep ${sweep} too late: another worker had it meanwhile`,
    );
  }

  /** The sweep of that name; a text where its trials are refused, undefined where it has ended. */
  async #know(name: string): Promise<KnownSweep | string | undefined> {
    const known = this.#sweeps.get(name);
    if (known) return known;
    const description = await this.#queue.sweep(name);
    if (!description) return undefined;
    let found: KnownSweep | string;
    try {
      found = await this.#prepare(name, description);
    } catch (error) {
      found = (error as Error).message;
      this.#options.notify?.(`Trains no trials of sweep ${name}: ${found}`);
      await this.#say(name, { type: 'refused', reason: found });
    }
    this.#sweeps.set(name, found);
    return found;
  }

  async #prepare(
    name: string,
    { config, mixed, build, folder: out, mark }: QueuedSweep,
  ): Promise<KnownSweep> {
    const { data, device = 'auto', precision = 'auto', jobs, build: builders = {} } = this.#options;
    const builder = build === undefined ? undefined : builders[build];
    if (build !== undefined && !builder) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `it has a builder of its own, ${build}, which this worker was not given`,
      );
    }
    const settings = resolveSweepOptions({
      ...plannedOptions(config, out, plannedSplits(config, data)),
      ...(builder && { build: builder }),
      device,
      precision: mixed ? precision : config.precision,
      ...(jobs !== undefined && { jobs }),
    });
    const prepared = prepareSweep(settings, this.#devices);
    requirePlanned(config, prepared.config, out, mixed);
    const shared = existsSync(mark);
    const folder = new SweepFolder(shared ? out : join(this.#scratch, name));
    if (!shared) await folder.repair();
    return { settings, prepared, folder, shared };
  }

  #say(sweep: string, message: OwnMessage): Promise<void> {
    return this.#queue.say(sweep, { host: `${hostname()} (${process.pid})`, ...message } as WorkerMessage);
  }
}
