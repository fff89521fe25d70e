import type { Job, Processor, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ConvsweepError } from '../../errors.js';
import type { QueueAddress } from './address.js';
import type { Lease } from './lease.js';
import type { QueuedSweep, TrialJob, WorkerMessage } from './messages.js';
import { type QueuePackages, queuePackages } from './packages.js';

/** Of the queue that all sweeps with one prefix share. */
const NAME = 'trials';
/** Milliseconds after which a server that does not answer is given up. */
const PATIENCE = 5000;
/** Seconds that what nobody fetches is kept for. */
const KEPT = 86_400;
/** Messages that a sweep nobody follows keeps at most. */
const MOST_MESSAGES = 100_000;
/** Messages that are fetched at a time. */
export const MOST_HEARD = 1000;

/** A worker that was killed says nothing of its trial; that may happen any number of times. */
const MOST_STALLED = 1_000_000;
/** A trial that fails is tried again, perhaps elsewhere. */
const ATTEMPTS = 3;

/** Says something to a sweep, unless it has ended: nobody would remove it. */
const SAY = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[2]), -1)
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1`;
/** Puts a model under a key of its own, likewise. */
const PUT = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return 1`;

/**
 * The trials of sweeps as jobs of a BullMQ queue, and what travels beside them: a description of each sweep, a list of
 * messages to it, and the models of trials, each under a key of its own, since a job's result is copied several times.
 */
export class TrialQueue {
  /** What the server is not set up for, in words. */
  readonly warnings: readonly string[];
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
  readonly #address: QueueAddress;
  readonly #packages: QueuePackages;
  readonly #redis: Redis;
  readonly #queue: Queue<TrialJob>;
  /** All of them; BullMQ leaves those that it is given open. */
  readonly #connections: Redis[] = [];
  #isClosed = false;
  #lastChance: NodeJS.Timeout | undefined;
  #tellClosed = (): void => {};

  private constructor(address: QueueAddress, packages: QueuePackages, warnings: string[]) {
    this.#address = address;
    this.#packages = packages;
    this.warnings = warnings;
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    this.#redis = this.#connect();
    this.#queue = new packages.bullmq.Queue(NAME, {
      connection: this.#connect(),
      prefix: address.prefix,
      streams: { events: { maxLen: 100 } },
    });
    this.#queue.on('error', () => {});
  }

  /** @throws ConvsweepError `QUEUE` when the server cannot be reached within ten seconds, or refuses */
  static async open(address: QueueAddress): Promise<TrialQueue> {
    const packages = await queuePackages();
    const probe = new packages.Redis(address.url, {
      lazyConnect: true,
      connectTimeout: PATIENCE,
      commandTimeout: PATIENCE,
      retryStrategy: () => null,
    });
    let reason: Error | undefined;
    probe.on('error', (error) => {
      reason ??= error;
    });
    try {
      await probe.connect();
      await probe.ping();
      return new TrialQueue(address, packages, await serverWarnings(probe));
    } catch (error) {
      // Commands only say that there is no connection.
      const cause = reason ?? (error as Error);
      throw new ConvsweepError(
        'QUEUE',
        `Cannot use the queue at ${address.shown}: ${cause.message}; see that Redis runs there, and that user and password are right`,
        { cause },
      );
    } finally {
      probe.disconnect();
    }
  }

  /** Tells workers of a sweep; they are told for a day, unless it is announced again. */
  async announce(sweep: string, description: QueuedSweep): Promise<void> {
    await this.#redis.set(this.#key(sweep, 'sweep'), JSON.stringify(description), 'EX', KEPT);
  }

  /** What {@link announce} said, as JSON; undefined where the sweep has ended. */
  async announced(sweep: string): Promise<string | undefined> {
    return (await this.#redis.get(this.#key(sweep, 'sweep'))) ?? undefined;
  }

  /** Adds jobs; one that is there already stays as it is. */
  async add(sweep: string, trials: readonly number[]): Promise<void> {
    await this.#queue.addBulk(
      trials.map((trial) => ({
        name: 'trial',
        data: { sweep, trial },
        opts: {
          jobId: jobId(sweep, trial),
          attempts: ATTEMPTS,
          backoff: { type: 'fixed', delay: 1000 },
          removeOnComplete: true,
          removeOnFail: true,
        },
      })),
    );
  }

  /** Those of `trials` that have no job any more. */
  async missing(sweep: string, trials: readonly number[]): Promise<number[]> {
    if (trials.length === 0) return [];
    // Mostly it is none.
    const found = await this.#redis.exists(...trials.map((trial) => this.#jobKey(sweep, trial)));
    if (found === trials.length) return [];
    const isThere = await Promise.all(trials.map((trial) => this.#hasJob(sweep, trial)));
    return trials.filter((_, i) => !isThere[i]);
  }

  /** Takes a job back that no worker has begun; false where one has, or has done with it. */
  async takeBack(sweep: string, trial: number): Promise<boolean> {
    // BullMQ removes what is not there, too.
    return (await this.#hasJob(sweep, trial)) && (await this.#queue.remove(jobId(sweep, trial))) === 1;
  }

  /** Takes back what no worker has begun; what they have, is kept for whoever resumes the sweep. */
  async withdraw(sweep: string, trials: readonly number[]): Promise<void> {
    await Promise.all(trials.map((trial) => this.takeBack(sweep, trial)));
  }

  /** False where the sweep has ended, and nothing was said. */
  async say(sweep: string, message: WorkerMessage): Promise<boolean> {
    const keys = [this.#key(sweep, 'sweep'), this.#key(sweep, 'messages')];
    return (await this.#redis.eval(SAY, 2, ...keys, JSON.stringify(message), MOST_MESSAGES, KEPT)) === 1;
  }

  /** What was said to the sweep and is not yet {@link dismiss}ed, the first of it. */
  async heard(sweep: string): Promise<WorkerMessage[]> {
    const texts = await this.#redis.lrange(this.#key(sweep, 'messages'), 0, MOST_HEARD - 1);
    return texts.map((text) => JSON.parse(text) as WorkerMessage);
  }

  /** Removes the first `count` messages: once what they led to is on the disk, so that a stopped sweep hears them again. */
  async dismiss(sweep: string, count: number): Promise<void> {
    await this.#redis.ltrim(this.#key(sweep, 'messages'), count, -1);
  }

  /** False where the sweep has ended, and nothing was put. */
  async putModel(sweep: string, trial: number, file: Uint8Array): Promise<boolean> {
    const keys = [this.#key(sweep, 'sweep'), this.#key(sweep, `model:${trial}`)];
    return (await this.#redis.eval(PUT, 2, ...keys, Buffer.from(file), KEPT)) === 1;
  }

  /** Undefined where there is none, or none any more. */
  async model(sweep: string, trial: number): Promise<Buffer | undefined> {
    return (await this.#redis.getBuffer(this.#key(sweep, `model:${trial}`))) ?? undefined;
  }

  async removeModel(sweep: string, trial: number): Promise<void> {
    await this.#redis.del(this.#key(sweep, `model:${trial}`));
  }

  /** Removes all that a sweep of so many trials has here, but for jobs that workers still have. */
  async forget(sweep: string, trials: number): Promise<void> {
    const numbers = Array.from({ length: trials }, (_, i) => i + 1);
    const models = numbers.map((trial) => this.#key(sweep, `model:${trial}`));
    // First, so that what is told from now on comes to nothing.
    await this.#redis.del(this.#key(sweep, 'sweep'));
    await this.#redis.del(this.#key(sweep, 'messages'), ...models);
    await this.withdraw(sweep, numbers);
    await this.#queue.trimEvents(0);
  }

  /** Takes jobs of all sweeps, so many at a time. */
  work(concurrency: number, lease: Lease, processor: Processor<TrialJob>): Worker<TrialJob> {
    const worker = new this.#packages.bullmq.Worker<TrialJob>(NAME, processor, {
      connection: this.#connect(),
      prefix: this.#address.prefix,
      concurrency,
      lockDuration: lease.lock,
      stalledInterval: lease.check,
      maxStalledCount: MOST_STALLED,
    });
    worker.on('error', () => {});
    return worker;
  }

  /** Gives a job to other workers; the processor throws what this returns. */
  async giveBack(job: Job<TrialJob>, token: string | undefined): Promise<Error> {
    await job.moveToDelayed(Date.now() + 1, token);
    return new this.#packages.bullmq.DelayedError();
  }

  /** Whether nothing waits for a worker. */
  async isDrained(): Promise<boolean> {
    return (await this.#queue.getJobCountByTypes('waiting', 'delayed', 'prioritized')) === 0;
  }

  /** Fails whatever still waits for the server. */
  async close(): Promise<void> {
    clearTimeout(this.#lastChance);
    this.#isClosed = true;
    this.#tellClosed();
    for (const redis of this.#connections) if (redis.status !== 'reconnecting') redis.disconnect();
    await this.#queue.close().catch(() => {});
  }

  /** Once `signal` is aborted, a server that does not answer is waited for no longer than usual. */
  closeSoonAfter(signal: AbortSignal): void {
    const close = (): void => {
      this.#lastChance ??= setTimeout(() => void this.close(), PATIENCE);
    };
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
  }

  /** @param notify told in words when the server is lost, and when it is back */
  onLoss(notify: (message: string) => void): void {
    let isLost = false;
    this.#redis.on('reconnecting', () => {
      if (!isLost) notify(`The queue at ${this.#address.shown} does not answer; it is waited for`);
      isLost = true;
    });
    this.#redis.on('ready', () => {
      if (isLost) notify(`The queue at ${this.#address.shown} is back`);
      isLost = false;
    });
  }

  /** A connection that waits for a server that restarts. */
  #connect(): Redis {
    const redis = new this.#packages.Redis(this.#address.url, {
      connectTimeout: PATIENCE,
      maxRetriesPerRequest: null,
      // Disconnecting while it waits for the next try would leave what waits for the server pending.
      retryStrategy: () => (this.#isClosed ? null : 500),
    });
    redis.on('error', () => {});
    redis.on('ready', () => {
      if (this.#isClosed) redis.disconnect();
    });
    this.#connections.push(redis);
    return redis;
  }

  async #hasJob(sweep: string, trial: number): Promise<boolean> {
    return (await this.#redis.exists(this.#jobKey(sweep, trial))) === 1;
  }

  #jobKey(sweep: string, trial: number): string {
    return `${this.#address.prefix}:${NAME}:${jobId(sweep, trial)}`;
  }

  #key(sweep: string, what: string): string {
    return `${this.#address.prefix}:${sweep}:${what}`;
  }
}

function jobId(sweep: string, trial: number): string {
  return `${sweep}-${trial}`;
}

/** What may make Redis lose what it holds. A server that does not tell its settings, as hosted ones, is taken as it is. */
async function serverWarnings(redis: Redis): Promise<string[]> {
  const read = async (name: string): Promise<string | undefined> =>
    ((await redis.config('GET', name).catch(() => [])) as string[])[1];
  const policy = await read('maxmemory-policy');
  const log = await read('appendonly');
  return [
    ...(policy !== undefined && policy !== 'noeviction'
      ? [
          `Redis may drop trials when its memory is full (maxmemory-policy ${policy}); redis-cli config set maxmemory-policy noeviction`,
        ]
      : []),
    ...(log === 'no'
      ? [
          'Redis forgets its jobs when it stops (appendonly no), and the sweep publishes them again; redis-cli config set appendonly yes',
        ]
      : []),
  ];
}
