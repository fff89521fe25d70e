// npm run bench:queue: see HELP.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../lib/package.js';
import { rebuildReport } from '../../lib/report/write-report.js';
import { RedisServer } from '../../test/system/redis-server.js';
import { commandLine } from '../../test/system/run-node.js';
import { StartedNode } from '../../test/system/started-node.js';
import { median } from '../statistics.js';
import type { Measured } from './measured.js';
import { processorTime } from './processor-time.js';
import { EPOCHS, SECONDS, sleepingModel } from './sleeping.js';

const HELP = `Measures sweeps on a queue, with a Redis of their own. On Linux.

  npm run bench:queue -- [--trials N] [--rounds N] [--sleeping N,N,...] [--workers N]

  --trials N      of the notebook's, that two workers of one job train, and a local pool of two in turn (default 27; 0: none)
  --rounds N      how often each of both does (default 3)
  --sleeping N,N  sweeps of so many trials that sleep ${SECONDS} s instead of training (default 1000,3000,10000; 0: none)
  --workers N     that train these (default 200)

Prints tables in Markdown.`;

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '27' },
    rounds: { type: 'string', default: '3' },
    sleeping: { type: 'string', default: '1000,3000,10000' },
    workers: { type: 'string', default: '200' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

/** Processes that the sleeping workers share. */
const PROCESSES = 4;

const script = (name: string): string => join(packageRoot(), 'dist', 'bench', 'queue', `${name}.js`);
const row = (...cells: (string | number)[]): void => console.log(`| ${cells.join(' | ')} |`);
function table(...columns: string[]): void {
  console.log('');
  row(...columns);
  row(...columns.map(() => '---'));
}

/** Runs a sweep in a process of its own, which says what it took. */
async function measure(...args: string[]): Promise<Measured> {
  const node = new StartedNode(args);
  if ((await node.ended) !== 0) throw new Error(node.said);
  return JSON.parse(node.said.trim().split('\n').at(-1)!) as Measured;
}

/** The same trials by a local pool and by two workers, in turn. */
async function compare(redis: RedisServer, folder: string, trials: number, rounds: number): Promise<void> {
  const one = ['--device', 'cpu', '--jobs', '1', '--threads', '1'];
  const workers = [0, 1].map(() => new StartedNode([commandLine(), 'worker', '--queue', redis.url, ...one]));
  try {
    await Promise.all(workers.map((worker) => worker.saying(/Waits for trials/)));
    const others = [redis.pid, ...workers.map(({ child }) => child.pid!)];
    const ratios: number[] = [];
    table(
      'round',
      'local pool, s',
      'two workers, s',
      'ratio',
      "local pool, processors' s",
      "two workers, coordinator and Redis, processors' s",
    );
    for (let round = 1; round <= rounds; round++) {
      const local = await measure(script('notebook'), join(folder, `local-${round}`), String(trials));
      const before = others.map(processorTime);
      const queued = await measure(
        script('notebook'),
        join(folder, `queued-${round}`),
        String(trials),
        redis.url,
      );
      const cpu = others.reduce((sum, pid, i) => sum + processorTime(pid) - before[i]!, queued.cpuSeconds);
      ratios.push(queued.seconds / local.seconds);
      row(
        round,
        local.seconds.toFixed(1),
        queued.seconds.toFixed(1),
        ratios.at(-1)!.toFixed(3),
        local.cpuSeconds.toFixed(1),
        cpu.toFixed(1),
      );
    }
    console.log(`\n${trials} trials; the median of the ratios is ${median(ratios).toFixed(3)}.`);
  } finally {
    for (const worker of workers) await worker.kill();
  }
}

/** Sweeps of more and more trials that sleep. */
async function sleepThrough(
  redis: RedisServer,
  folder: string,
  counts: number[],
  workers: number,
): Promise<void> {
  const model = join(folder, 'model.h5');
  await sleepingModel(model);
  const each = String(Math.ceil(workers / PROCESSES));
  const nodes = Array.from(
    { length: PROCESSES },
    () => new StartedNode([script('workers'), redis.url, each, model]),
  );
  try {
    for (const node of nodes) await node.saying(/all wait/);
    table(
      'trials',
      's',
      "coordinator, processor's s",
      'of a core',
      'a trial, ms',
      'resident, MB',
      'Redis at most, MB',
      'journal, kB',
      'CSV, kB',
      'report, kB',
      'report, s',
    );
    for (const trials of counts) {
      const out = join(folder, `sleeping-${trials}`);
      redis.command('config', 'resetstat');
      const { seconds, cpuSeconds, residentMegabytes } = await measure(
        script('coordinator'),
        out,
        redis.url,
        String(trials),
      );
      const begin = performance.now();
      await rebuildReport(out);
      const reportSeconds = (performance.now() - begin) / 1000;
      const peak = Number(/used_memory_peak:(\d+)/.exec(redis.command('info', 'memory'))![1]);
      const size = async (name: string) => ((await stat(join(out, name))).size / 1000).toFixed(0);
      row(
        trials,
        seconds.toFixed(0),
        cpuSeconds.toFixed(1),
        (cpuSeconds / seconds).toFixed(2),
        ((1000 * cpuSeconds) / trials).toFixed(2),
        residentMegabytes.toFixed(0),
        (peak / 1e6).toFixed(0),
        await size('journal.jsonl'),
        await size('models.csv'),
        await size('report.html'),
        reportSeconds.toFixed(2),
      );
      await rm(out, { recursive: true });
    }
    const { size } = await stat(model);
    console.log(
      `\n${workers} workers in ${PROCESSES} processes; a trial sleeps ${SECONDS} s, in ${EPOCHS} epochs, and leaves a model of ${(size / 1000).toFixed(0)} kB.`,
    );
  } finally {
    for (const node of nodes) await node.kill();
  }
}

const folder = await mkdtemp(join(tmpdir(), 'convsweep-bench-'));
const redis = await RedisServer.start(folder);
try {
  const trials = Number(values.trials);
  if (trials > 0) await compare(redis, folder, trials, Number(values.rounds));
  const counts = values.sleeping.split(',').map(Number).filter(Boolean);
  if (counts.length > 0) await sleepThrough(redis, folder, counts, Number(values.workers));
} finally {
  redis.stop();
  await rm(folder, { recursive: true, force: true });
}
