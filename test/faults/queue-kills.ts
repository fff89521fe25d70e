/**
 * Kills and stops whatever takes part in a sweep on a queue, at random moments: workers, the coordinator, which is then
 * resumed, and Redis, which is started again with its append-only file, or emptied.
 * `node queue-kills.js [COUNT] [SEED]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../lib/package.js';
import { Random } from '../../lib/random.js';
import { RedisServer } from '../system/redis-server.js';
import { StartedNode } from '../system/started-node.js';
import { fingerprint } from '../unit/sweep-fixture.js';
import { runCases } from './report.js';

const [count = 100, seed = 1] = process.argv.slice(2).map(Number);
/** The exit status where this machine does not allow it. */
const SKIPPED = 77;
/** Milliseconds after which a sweep that goes on with nothing is stuck. */
const LIMIT = 180_000;
const PROGRAM = join(packageRoot(), 'dist', 'test', 'faults', 'queued-sweep.js');

const EVENTS = ['kill worker', 'stop worker', 'kill coordinator', 'kill Redis', 'empty Redis'] as const;

/** What happens, and how many milliseconds after what happened before. */
interface Event {
  what: (typeof EVENTS)[number];
  after: number;
  /** Which of the workers. */
  worker: number;
  /** How long something is away, in milliseconds. */
  away: number;
}

/** A sweep on a queue of its own, whose two workers are replaced when they are killed. */
class Round {
  readonly #folder: string;
  readonly #redis: RedisServer;
  /** How many trials the coordinator trains at a time. */
  readonly #jobs: number;
  readonly #workers: StartedNode[];
  #coordinator: StartedNode;
  readonly #started: StartedNode[] = [];

  private constructor(folder: string, redis: RedisServer, jobs: number) {
    this.#folder = folder;
    this.#redis = redis;
    this.#jobs = jobs;
    this.#coordinator = this.#coordinate();
    this.#workers = [this.#work(), this.#work()];
  }

  static async start(jobs: number): Promise<Round> {
    const folder = mkdtempSync(join(tmpdir(), 'convsweep-queue-kills-'));
    return new Round(folder, await RedisServer.start(folder), jobs);
  }

  async suffer(events: readonly Event[]): Promise<void> {
    await this.#coordinator.saying(/begins/);
    for (const { what, after, worker, away } of events) {
      await sleep(after);
      if (what === 'kill worker') {
        await this.#workers[worker]!.kill();
        this.#workers[worker] = this.#work();
      } else if (what === 'stop worker') {
        this.#workers[worker]!.signal('SIGSTOP');
        await sleep(away);
        this.#workers[worker]!.signal('SIGCONT');
      } else if (what === 'kill coordinator') {
        await this.#coordinator.kill();
        await sleep(away);
        this.#coordinator = this.#coordinate('--resume');
      } else if (what === 'kill Redis') {
        // Who starts finds it there.
        const current = [this.#coordinator, ...this.#workers];
        await Promise.all(current.map((node) => node.saying(/\d trials|Waits for trials/)));
        this.#redis.kill();
        await sleep(away);
        await this.#redis.start();
      } else {
        this.#redis.command('flushall');
      }
    }
  }

  /** What is wrong once it has ended. */
  async faults(expected: Record<string, string>): Promise<string[]> {
    const code = await Promise.race([this.#coordinator.ended, sleep(LIMIT, 'no end', { ref: false })]);
    if (code !== 0) return [`the coordinator ended with ${code}: ${this.#said()}`];
    const faults: string[] = [];
    const files = await fingerprint(join(this.#folder, 'out'));
    for (const name of new Set([...Object.keys(expected), ...Object.keys(files)])) {
      if (files[name] === undefined) faults.push(`${name} is missing`);
      else if (expected[name] === undefined) faults.push(`${name} is left`);
      else if (files[name] !== expected[name]) faults.push(`${name} is not that of a local sweep`);
    }
    for (const worker of this.#workers) if (worker.hasEnded) faults.push('a worker ended by itself');
    // A worker may still have a trial that another has trained meanwhile.
    const begin = performance.now();
    while (this.#redis.leftovers().length > 0 && performance.now() - begin < LIMIT / 6) await sleep(200);
    for (const key of this.#redis.leftovers()) faults.push(`Redis still has ${key}`);
    return faults.length === 0 ? [] : [...faults, this.#said()];
  }

  async remove(): Promise<void> {
    await Promise.all(this.#started.map((node) => node.kill()));
    this.#redis.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #coordinate(...more: string[]): StartedNode {
    const out = join(this.#folder, 'out');
    return this.#start('sweep', '--out', out, '--jobs', String(this.#jobs), ...more);
  }

  #work(): StartedNode {
    return this.#start('worker');
  }

  #start(...args: string[]): StartedNode {
    const node = new StartedNode([PROGRAM, ...args, '--queue', this.#redis.url]);
    this.#started.push(node);
    return node;
  }

  #said(): string {
    return this.#started.map(({ said }, i) => `process ${i} said:\n${said}`).join('');
  }
}

async function localSweep(): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'convsweep-queue-kills-'));
  try {
    const run = new StartedNode([PROGRAM, 'sweep', '--out', join(folder, 'out')]);
    if ((await run.ended) !== 0) throw new Error(`The sweep fails without any fault: ${run.said}`);
    return await fingerprint(join(folder, 'out'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function eventsOf(random: Random): Event[] {
  return Array.from({ length: 1 + random.below(4) }, () => ({
    what: EVENTS[random.below(EVENTS.length)]!,
    after: Math.round(random.uniform() * 1000),
    worker: random.below(2),
    // A lock lasts for a second.
    away: Math.round(random.uniform() * 2500),
  }));
}

async function runRound(jobs: number, events: readonly Event[], expected: Record<string, string>) {
  const round = await Round.start(jobs);
  try {
    await round.suffer(events);
    return await round.faults(expected);
  } finally {
    await round.remove();
  }
}

if (RedisServer.isInstalled()) {
  const expected = await localSweep();
  await runCases(
    'kills on a queue',
    Array.from({ length: count }, (_, i) => {
      const random = new Random(seed, 'queue kills', i);
      const jobs = random.below(2);
      const events = eventsOf(random);
      const told = events.map(({ what, after, away }) => `${what} after ${after} ms for ${away} ms`);
      const name = `round ${i}, ${jobs} trials at a time here: ${told.join(', ')}`;
      return { name, run: () => runRound(jobs, events, expected) };
    }),
  );
} else {
  console.log('redis-server is missing: apt-get install redis-server');
  process.exitCode = SKIPPED;
}
