import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import type { Dataset } from '../../data/dataset.js';
import type { TrainTest } from '../../data/train-test.js';
import { ConvsweepError } from '../../errors.js';
import { writeWhole } from '../../files.js';
import type { Precision, ResolvedDevice } from '../../native/devices.js';
import type { Builder } from '../builder.js';
import { trialEngine } from '../config.js';
import { checkpointFile, SweepFolder } from '../folder.js';
import { resolveSweepOptions, type SweepSettings } from '../options.js';
import { plannedOptions, plannedSplits, requirePlanned } from '../planned-options.js';
import { type PreparedSweep, prepareSweep } from '../prepare.js';
import type { runTrial } from '../run-trial.js';
import { KEEPING_RULE } from '../state-keeper.js';
import type { Trial, TrialRecord } from '../trial.js';
import { EpochTeller } from './epoch-teller.js';
import type { Lease } from './lease.js';
import type { ModelPlace, OwnMessage, QueuedSweep, TrialJob } from './messages.js';
import type { TrialQueue } from './trial-queue.js';

/** Milliseconds that a worker leaves others to take a trial that it does not train. */
const ASIDE = 5000;
/** Milliseconds between looks at whether to end. */
const POLL = 300;

/** What a worker is to do, and with what. */
export interface TrialWorkerOptions {
  data: Dataset | TrainTest;
  build: Readonly<Record<string, Builder<never>>>;
  devices: readonly ResolvedDevice[];
  precision: Precision;
  jobs: number;
  threads: number | undefined;
  once: boolean;
  /** Ends it after its current trials. */
  signal: AbortSignal;
  /** Gives the current trials back. */
  stop: AbortSignal;
  notify: (message: string) => void;
  /** A folder of its own. */
  scratch: string;
  lease: Lease;
  train: typeof runTrial;
}

/** A sweep as this worker trains it. */
interface KnownSweep {
  description: QueuedSweep;
  settings: SweepSettings;
  prepared: PreparedSweep;
  /** The worker's own. */
  folder: SweepFolder;
}

/** Takes trials from a queue and trains them. */
export class TrialWorker {
  readonly #queue: TrialQueue;
  readonly #options: TrialWorkerOptions;
  /** By name in the queue, as they were announced; a text says why a sweep's trials are refused. */
  readonly #sweeps = new Map<string, { announced: string; known: Promise<KnownSweep | string> }>();
  readonly #freeSlots: number[];
  #trained = 0;

  constructor(queue: TrialQueue, options: TrialWorkerOptions) {
    this.#queue = queue;
    this.#options = options;
    this.#freeSlots = Array.from({ length: options.jobs }, (_, slot) => slot);
  }

  /** @returns how many trials it has trained when it was stopped */
  async run(): Promise<number> {
    const { jobs, lease, once, signal, stop } = this.#options;
    const bull = this.#queue.work(jobs, lease, (job, token) => this.#process(job, token!));
    this.#queue.closeSoonAfter(stop);
    const end = AbortSignal.any([signal, stop]);
    const isIdle = async () => this.#freeSlots.length === jobs && (await this.#queue.isDrained());
    while (!end.aborted && !(once && (await isIdle()))) {
      await sleep(POLL, undefined, { signal: end }).catch(() => {});
    }
    // Waits for the trials in training, which the other signal ends; and without end for a server that is gone.
    await Promise.race([bull.close(), this.#queue.closed]);
    while (this.#freeSlots.length < jobs) await sleep(POLL);
    return this.#trained;
  }

  async #process(job: Job<TrialJob>, token: string): Promise<void> {
    const { stop, signal } = this.#options;
    const { sweep, trial: number } = requireTrialJob(job);
    const known = await this.#know(sweep);
    if (!known) return;
    if (typeof known === 'string') {
      const given = await this.#queue.giveBack(job, token);
      await sleep(ASIDE, undefined, { signal: AbortSignal.any([signal, stop]) }).catch(() => {});
      throw given;
    }
    const trial = known.prepared.trials[number - 1];
    if (!trial) throw new Error(`Sweep ${sweep} has no trial ${number}`);
    const slot = this.#freeSlots.pop()!;
    try {
      await this.#train(job, token, known, trial, slot);
    } catch (error) {
      if (stop.aborted) throw await this.#queue.giveBack(job, token);
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
    token: string,
    { description, settings, prepared, folder }: KnownSweep,
    trial: Trial,
    slot: number,
  ): Promise<void> {
    const { sweep } = job.data;
    const { number } = trial;
    const { lease, notify, stop, train } = this.#options;
    await this.#say(sweep, { type: 'start', trial: number });
    const epochs = new EpochTeller((first, logs) =>
      this.#say(sweep, { type: 'epochs', trial: number, first, logs }),
    );
    const record = await train(trial, {
      settings,
      device: prepared.devices[slot % prepared.devices.length]!,
      precision: prepared.config.precision,
      jobs: prepared.jobs,
      folder,
      signal: stop,
      onEpoch: (_, logs) => epochs.add(logs),
      state: undefined,
      keepingRule: { ...KEEPING_RULE, leastEpochSeconds: Number.POSITIVE_INFINITY },
      lastWrite: { seconds: 0 },
      writeState: async () => {},
    });
    this.#trained++;
    await epochs.tell();
    const late = (await job.extendLock(token, lease.lock).catch(() => 0)) !== 1;
    const model = await this.#handOver(sweep, description, folder, record);
    const engine = trialEngine(prepared.config);
    await this.#say(sweep, { type: 'result', trial: number, engine, record, model, late });
    await folder.remove(checkpointFile(number));
    notify(`Trained trial ${number} of sweep ${sweep} in ${Math.round(record.seconds)} s`);
  }

  /** Puts a trial's model where the sweep finds it. */
  async #handOver(
    sweep: string,
    { folder: out, mark }: QueuedSweep,
    folder: SweepFolder,
    record: TrialRecord,
  ): Promise<ModelPlace | undefined> {
    if (record.status !== 'finished') return undefined;
    const bytes = (await folder.read(record.checkpoint.file))!;
    const target = new SweepFolder(out);
    if (existsSync(mark) && (await isWritable(target.file(target.records)))) {
      await writeWhole(target.file(target.handedOver(record.trial)), bytes);
      return 'folder';
    }
    await this.#queue.putModel(sweep, record.trial, bytes);
    return 'queue';
  }

  /** The sweep of that name; a text where its trials are refused, undefined where it has ended. */
  async #know(name: string): Promise<KnownSweep | string | undefined> {
    const announced = await this.#queue.announced(name);
    if (announced === undefined) return undefined;
    const before = this.#sweeps.get(name);
    if (before?.announced === announced) return before.known;
    const known = this.#prepare(name, JSON.parse(announced)).catch(async (error: Error) => {
      this.#options.notify(`Trains no trials of sweep ${name}: ${error.message}`);
      await this.#say(name, { type: 'refused', reason: error.message });
      return error.message;
    });
    this.#sweeps.set(name, { announced, known });
    await this.#forgetEnded();
    return known;
  }

  /** Lets go of the images of sweeps that have ended. */
  async #forgetEnded(): Promise<void> {
    for (const name of this.#sweeps.keys()) {
      if ((await this.#queue.announced(name)) === undefined) this.#sweeps.delete(name);
    }
  }

  async #prepare(name: string, description: QueuedSweep): Promise<KnownSweep> {
    const { config, mixed, build, folder: out } = description;
    const { data, devices, precision, jobs, threads, build: builders, scratch } = this.#options;
    const builder = build === undefined ? undefined : builders[build];
    if (build !== undefined && !builder) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `it has a builder of its own, ${build}, which this worker was not given`,
      );
    }
    const settings = resolveSweepOptions({
      ...plannedOptions(config, out, plannedSplits(config, data)),
      ...(builder && { build: builder as Builder }),
      precision: mixed ? precision : config.precision,
      jobs,
      ...(threads !== undefined && { threads }),
    });
    const prepared = prepareSweep(settings, devices);
    requirePlanned(config, prepared.config, out, mixed);
    const folder = new SweepFolder(join(scratch, name));
    await folder.repair();
    return { description, settings, prepared, folder };
  }

  /** False where the sweep has ended. */
  #say(sweep: string, message: OwnMessage): Promise<boolean> {
    return this.#queue.say(sweep, { host: `${hostname()} (${process.pid})`, ...message });
  }
}

/** What a job asks for, unless it is of another program that calls its queue the same. */
function requireTrialJob({ data }: Job<unknown>): TrialJob {
  const { sweep, trial } = (data ?? {}) as Partial<TrialJob>;
  if (typeof sweep === 'string' && Number.isSafeInteger(trial)) return { sweep, trial: trial! };
  throw new Error('Expected a trial of a convsweep sweep, { sweep, trial }, but the job has other data');
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}
