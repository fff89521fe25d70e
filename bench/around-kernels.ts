// A small sweep, and where its processor time goes: prints the shares of the cores' time that the engine's threads,
// JavaScript and everything else took while all jobs were busy. Linux only: it reads the threads' times from /proc.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notebookModel, sweep } from '../lib/index.js';
import { trainerOf } from '../lib/model/model.js';
import { loadJob, planOf, SEED, WIDTHS } from './job.js';
import { sum } from './statistics.js';

/** Shares of `jobs` cores. */
export interface AroundKernels {
  trials: number;
  jobs: number;
  seconds: number;
  epochs: number;
  /** The engine's threads: kernels, and gathering of batches. */
  engine: number;
  /** The thread that runs JavaScript: the loop, callbacks, checkpoints, the journal. */
  javaScript: number;
  /** Compilation, garbage collection, file access. */
  otherThreads: number;
  /** Of the engine's and JavaScript's threads for a core that something else had; near 0 on a quiet machine. */
  waiting: number;
  idle: number;
}

const JOBS = 2;
const TRIALS = 6;
const TASKS = '/proc/self/task';

const threads = async (): Promise<number[]> => (await readdir(TASKS)).map(Number);

interface ThreadTime {
  ran: number;
  waited: number;
}

/** Seconds of each thread so far. */
async function times(): Promise<Map<number, ThreadTime>> {
  const entries = (await threads()).map(async (id): Promise<[number, ThreadTime]> => {
    const text = await readFile(join(TASKS, String(id), 'schedstat'), 'latin1').catch(() => '0 0');
    const [ran, waited] = text.split(' ').map((field) => Number(field) / 1e9);
    return [id, { ran: ran!, waited: waited! }];
  });
  return new Map(await Promise.all(entries));
}

const job = await loadJob();
// Whatever threads Node makes for files are there before the engine's are.
await times();
const before = new Set(await threads());
const models = Array.from({ length: JOBS }, () => notebookModel(WIDTHS, { seed: SEED, device: 'cpu' }));
await Promise.all(models.map((model) => trainerOf(model).trainEpoch(job.train, planOf(job, 0))));
const engine = (await threads()).filter((id) => !before.has(id));
for (const model of models) model.dispose();

const folder = await mkdtemp(join(tmpdir(), 'convsweep-bench-'));
try {
  const run = sweep({
    out: join(folder, 'sweep'),
    splits: [{ name: '70%', train: job.train, validation: job.validation }],
    seed: SEED,
    device: 'cpu',
    jobs: JOBS,
    limit: TRIALS,
  });
  let begin: { at: number; times: Map<number, ThreadTime> } | undefined;
  let finished = 0;
  let epochs = 0;
  for await (const event of run) {
    if (event.type === 'trialStart') begin ??= { at: performance.now(), times: await times() };
    if (event.type === 'epoch') epochs++;
    if (event.type !== 'trialEnd') continue;
    finished++;
    // From here on a core has nothing to do, which a sweep of 81 trials does not notice.
    if (finished === TRIALS - JOBS + 1) {
      const end = await times();
      const seconds = (performance.now() - begin!.at) / 1e3;
      const share = (ids: number[], key: keyof ThreadTime): number =>
        sum(ids.map((id) => (end.get(id)?.[key] ?? 0) - (begin!.times.get(id)?.[key] ?? 0))) /
        (seconds * JOBS);
      const others = [...end.keys()].filter((id) => id !== process.pid && !engine.includes(id));
      const shares = {
        engine: share(engine, 'ran'),
        javaScript: share([process.pid], 'ran'),
        otherThreads: share(others, 'ran'),
        waiting: share([...engine, process.pid], 'waited'),
      };
      const idle = Math.max(0, 1 - sum(Object.values(shares)));
      const result: AroundKernels = { trials: TRIALS, jobs: JOBS, seconds, epochs, ...shares, idle };
      console.log(JSON.stringify(result));
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
