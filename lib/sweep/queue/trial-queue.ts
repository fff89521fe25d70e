import type { Job, Processor, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ConvsweepError } from '../../errors.js';
import type { QueueAddress } from './address.js';
import type { QueuedSweep, TrialJob, WorkerMessage } from './messages.js';
import { queuePackages } from './packages.js';

/** Of the queue that all sweeps with one prefix share. */
const NAME = 'trials';
/** Milliseconds after which a server that does not answer is given up. */
const PATIENCE = 5000;
/** Seconds that what nobody fetches is kept for. */
const KEPT = 86_400;
/** Messages that a sweep nobody follows keeps at most. */
const MOST_MESSAGES = 100_000;
/**
 * How long a worker that says nothing has its trial for, in milliseconds, and how often others look: a killed one's trial
 * is trained again after twelve seconds. Training does not keep a worker from answering; reading its data may, for a while.
 */
export const LOCK = 10_000;
const STALLED = 5000;
/** A worker that was killed says nothing of its trial; that may happen any number of times. */
const MOST_STALLED = 1_000_000;
/** A trial that fails is tried again, perhaps elsewhere. */
const ATTEMPTS = 3;

/**
 * The trials of sweeps as jobs of a BullMQ queue, and what travels beside them: a description of each sweep, a list of
 * messages to it, and the models of trials, each under a key of its own, since a job's result is copied several times.
 */
export class TrialQueue {
  /** What the server is not set up for, in words. */
  readonly warnings: readonly string[];
  readonly #address: QueueAddress;
  readonly #redis: Redis;
  readonly #queue: Queue<TrialJob>;
  readonly #bullmq: typeof import('bullmq');
  readonly #connect: () => Redis;
  /** All of them; BullMQ leaves those that it is given open. */
  readonly #connections: Redis[] = [];

  private constructor(
    address: QueueAddress,
    bullmq: typeof import('bullmq'),
    connect: () => Redis,
    warnings: string[],
  ) {
    this.#address = address;
    this.#bullmq = bullmq;
    this.#connect = () => {
      const redis = connect();
      this.#connections.push(redis);
      return redis;
    };
    this.#redis = this.#connect();
    this.#queue = new bullmq.Queue(NAME, {
      connection: this.#connect(),
      prefix: address.prefix,
      streams: { events: { maxLen: 100 } },
    });
    this.#queue.on('error', () => {});
    this.warnings = warnings;
  }

  /** @throws ConvsweepError `QUEUE` when the server cannot be reached within ten seconds, or refuses */
  static async open(address: QueueAddress): Promise<TrialQueue> {
    const { bullmq, Redis } = await queuePackages();
    const probe = new Redis(address.url, {
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
      const connect = (): Redis => {
        // A server that restarts is waited for.
        const redis = new Redis(address.url, { maxRetriesPerRequest: null, retryStrategy: () => 500 });
        redis.on('error', () => {});
        return redis;
      };
      const warnings = await serverWarnings(probe);
      return new TrialQueue(address, bullmq, connect, warnings);
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

  /** Tells workers of a sweep, and keeps what it has here alive. */
  async announce(sweep: string, description: QueuedSweep): Promise<void> {
    await this.#redis.set(this.#key(sweep, 'sweep'), JSON.stringify(description), 'EX', KEPT);
  }

  /** What {@link announce} said; undefined where the sweep has ended. */
  async sweep(sweep: string): Promise<QueuedSweep | undefined> {
    const text = await this.#redis.get(this.#key(sweep, 'sweep'));
    return text === null ? undefined : (JSON.parse(text) as QueuedSweep);
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
    const pipeline = this.#redis.pipeline();
    for (const trial of trials) {
      pipeline.exists(`${this.#address.prefix}:${NAME}:${jobId(sweep, trial)}`);
    }
    const answers = (await pipeline.exec()) ?? [];
    return trials.filter((_, i) => answers[i]?.[1] === 0);
  }

  /** Takes a job back that no worker has begun; false where one has. */
  async takeBack(sweep: string, trial: number): Promise<boolean> {
    return (await this.#queue.remove(jobId(sweep, trial))) === 1;
  }

  async say(sweep: string, message: WorkerMessage): Promise<void> {
    const key = this.#key(sweep, 'messages');
    await this.#redis
      .multi()
      .rpush(key, JSON.stringify(message))
      .ltrim(key, -MOST_MESSAGES, -1)
      .expire(key, KEPT)
      .exec();
  }

  /** What was said to the sweep since it last asked, the first thousand of it. */
  async heard(sweep: string): Promise<WorkerMessage[]> {
    const texts = await this.#redis.lpop(this.#key(sweep, 'messages'), 1000);
    return (texts ?? []).map((text) => JSON.parse(text) as WorkerMessage);
  }

  async putModel(sweep: string, trial: number, file: Uint8Array): Promise<void> {
    await this.#redis.set(this.#key(sweep, `model:${trial}`), Buffer.from(file), 'EX', KEPT);
  }

  /** Undefined where there is none, or none any more. */
  async model(sweep: string, trial: number): Promise<Buffer | undefined> {
    return (await this.#redis.getBuffer(this.#key(sweep, `model:${trial}`))) ?? undefined;
  }

  async removeModel(sweep: string, trial: number): Promise<void> {
    await this.#redis.del(this.#key(sweep, `model:${trial}`));
  }

  /** Takes back what no worker has begun; what they have, is kept for whoever resumes the sweep. */
  async withdraw(sweep: string, trials: readonly number[]): Promise<void> {
    for (const trial of trials) await this.takeBack(sweep, trial);
  }

  /** Removes all that the sweep has here, but for the trials that are in training. */
  async forget(sweep: string, trials: readonly number[]): Promise<void> {
    await this.withdraw(sweep, trials);
    const models = trials.map((trial) => this.#key(sweep, `model:${trial}`));
    await this.#redis.del(this.#key(sweep, 'sweep'), this.#key(sweep, 'messages'), ...models);
    await this.#queue.trimEvents(0);
  }

  /** Takes jobs of all sweeps, so many at a time. */
  work(concurrency: number, processor: Processor<TrialJob>): Worker<TrialJob> {
    const worker = new this.#bullmq.Worker<TrialJob>(NAME, processor, {
      connection: this.#connect(),
      prefix: this.#address.prefix,
      concurrency,
      lockDuration: LOCK,
      stalledInterval: STALLED,
      maxStalledCount: MOST_STALLED,
    });
    worker.on('error', () => {});
    return worker;
  }

  /** Gives a job to other workers; the processor throws what this returns. */
  async giveBack(job: Job<TrialJob>, token: string | undefined): Promise<Error> {
    await job.moveToDelayed(Date.now() + 1, token);
    return new this.#bullmq.DelayedError();
  }

  /** Whether nothing waits for a worker. */
  async isDrained(): Promise<boolean> {
    return (await this.#queue.getJobCountByTypes('waiting', 'delayed', 'prioritized')) === 0;
  }

  async close(): Promise<void> {
    for (const redis of this.#connections) redis.disconnect();
    await this.#queue.close().catch(() => {});
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
