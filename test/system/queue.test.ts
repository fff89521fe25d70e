import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { runCli } from './run-node.js';

/** Eight small trials, each of which takes a good second. */
const TRIALS = 8;
const SWEEP = [
  '--device',
  'cpu',
  '--neurons',
  '8,9',
  '--splits',
  '60',
  '--epochs',
  '4',
  '--start-from-epoch',
  '0',
];
const LIMIT = 120_000;

const isThere = (() => {
  try {
    execFileSync('redis-server', ['--version']);
    return true;
  } catch {
    return false;
  }
})();
// In the gate a missing server is a failure.
const queueDescribe = isThere || process.env.CONVSWEEP_INTEROP !== undefined ? describe : describe.skip;

queueDescribe('a sweep on a queue', () => {
  let folder: string;
  let port: number;
  let local: Record<string, string>;
  const children = new Set<ChildProcess>();

  const url = () => `redis://127.0.0.1:${port}`;
  const redis = (...args: string[]) =>
    execFileSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8' }).trim();

  function startRedis(...args: string[]): void {
    const options = ['--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'yes'];
    execFileSync('redis-server', [
      ...options,
      ...args,
      '--daemonize',
      'yes',
      '--pidfile',
      join(folder, 'redis.pid'),
    ]);
    for (let i = 0; ; i++) {
      try {
        if (redis('ping') === 'PONG') return;
      } catch {
        // Not yet.
      }
      if (i === 100) throw new Error('Redis does not answer');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }

  /** A process of the command line, and what it has said so far. */
  function start(args: string[], env: Record<string, string> = {}) {
    const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'lib', 'cli', 'main.js'), ...args], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', (code) => {
        children.delete(child);
        resolve(code);
      });
    });
    const until = async (words: string) => {
      while (!said.includes(words)) {
        if (child.exitCode !== null) throw new Error(`ended without "${words}": ${said}`);
        await sleep(20);
      }
    };
    return { child, ended, until, said: () => said };
  }

  const worker = (...args: string[]) =>
    start(['worker', '--queue', url(), '--device', 'cpu', '--jobs', '1', ...args]);
  const sweep = (name: string, ...args: string[]) =>
    start(['sweep', ...SWEEP, '--out', join(folder, name), '--queue', url(), ...args]);

  /** The files of a sweep that are the same for every run of it, by name. */
  function results(name: string): Record<string, string> {
    const out = join(folder, name);
    const models = readdirSync(join(out, 'models')).map((model) => join('models', model));
    const names = ['models.csv', 'model.h5', 'summary.txt', 'config.json', ...models];
    return Object.fromEntries(names.map((file) => [file, readFileSync(join(out, file), 'base64')]));
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'convsweep-queue-'));
    port = await new Promise((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address() as { port: number };
        server.close(() => resolve(address.port));
      });
    });
    startRedis();
    const out = join(folder, 'local');
    expect((await runCli(['sweep', ...SWEEP, '--out', out])).code).toBe(0);
    local = results('local');
    expect(Object.keys(local)).toHaveLength(4 + TRIALS);
  }, LIMIT);

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  afterAll(() => {
    try {
      redis('shutdown', 'nosave');
    } catch {
      // It answers by closing the connection.
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'trained here and elsewhere leaves the files of a local one, and nothing in Redis',
    async () => {
      const other = worker();
      const run = sweep('both', '--jobs', '1');
      expect(await run.ended).toBe(0);
      expect(results('both')).toEqual(local);
      other.child.kill('SIGINT');
      expect(await other.ended).toBe(0);
      expect(other.said()).toMatch(/Trained [1-9]\d* trials?\./);
      expect(
        redis('keys', '*')
          .split('\n')
          .filter((key) => !key.startsWith('convsweep:trials:')),
      ).toEqual([]);
      expect(redis('keys', 'convsweep:trials:*-*')).toBe('');
    },
    LIMIT,
  );

  test(
    'loses nothing when a worker is killed, and with --jobs 0 trains nothing itself',
    async () => {
      const run = sweep('killed', '--jobs', '0');
      const first = worker();
      await run.until('[');
      first.child.kill('SIGKILL');
      await first.ended;
      worker();
      expect(await run.ended).toBe(0);
      expect(results('killed')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'goes on when Redis is emptied, and when it is killed and started again',
    async () => {
      const run = sweep('emptied', '--jobs', '0');
      worker();
      await run.until('[');
      redis('flushall');
      await run.until('[');
      await sleep(300);
      process.kill(Number(readFileSync(join(folder, 'redis.pid'), 'utf8')), 'SIGKILL');
      await run.until('does not answer');
      startRedis();
      await run.until('is back');
      expect(await run.ended).toBe(0);
      expect(results('emptied')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'whose coordinator is killed is collected by --resume',
    async () => {
      const run = sweep('resumed', '--jobs', '0');
      worker();
      await run.until('[');
      run.child.kill('SIGKILL');
      await run.ended;
      const again = sweep('resumed', '--jobs', '1', '--resume');
      expect(await again.ended).toBe(0);
      expect(results('resumed')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'a worker that does not see the folder sends the models through Redis',
    async () => {
      // What tells the worker that it sees the folder is a path, which here is another machine's.
      const run = sweep('remote', '--jobs', '0');
      await run.until('8 trials, 0 at a time');
      const key = redis('keys', 'convsweep:*:sweep');
      const text = redis('get', key);
      redis('set', key, text.replace(/"mark":"[^"]*"/, '"mark":"/nowhere/mark"'));
      worker();
      expect(await run.ended).toBe(0);
      expect(results('remote')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'two sweeps share a Redis and its workers',
    async () => {
      worker();
      const runs = [sweep('one', '--jobs', '1'), sweep('two', '--jobs', '1')];
      expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([0, 0]);
      expect(results('one')).toEqual(local);
      expect(results('two')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'a worker with another engine refuses the trials, saying which, and others train them',
    async () => {
      const run = sweep('refused', '--jobs', '0');
      start(['worker', '--queue', url(), '--device', 'cpu', '--jobs', '1'], { CONVSWEEP_ISA: 'baseline' });
      await run.until('trains no trials of this sweep: ');
      expect(run.said()).toMatch(/would train with cpu baseline, .*CONVSWEEP_ISA=/);
      worker();
      expect(await run.ended).toBe(0);
      expect(results('refused')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'a worker ends after its trial on the first Ctrl-C, and gives it back on the second',
    async () => {
      const run = sweep('given-back', '--jobs', '0');
      const first = worker();
      await run.until('8 trials');
      await sleep(1500);
      first.child.kill('SIGINT');
      await first.until('Ending after the current trials');
      first.child.kill('SIGINT');
      expect(await first.ended).toBe(0);
      worker();
      expect(await run.ended).toBe(0);
      expect(results('given-back')).toEqual(local);
    },
    LIMIT,
  );

  test(
    'says within ten seconds that nobody answers, and never a password',
    async () => {
      const closed = start([
        'sweep',
        ...SWEEP,
        '--out',
        join(folder, 'closed'),
        '--queue',
        'redis://me:hidden@127.0.0.1:1',
      ]);
      expect(await closed.ended).toBe(1);
      expect(closed.said()).toContain('Cannot use the queue at redis://127.0.0.1:1');
      expect(closed.said()).not.toContain('hidden');
      expect(readdirSync(folder)).not.toContain('closed');
      const wrong = start(['worker', '--queue'], { CONVSWEEP_QUEUE: `redis://me:hidden@127.0.0.1:${port}` });
      expect(await wrong.ended).toBe(1);
      expect(wrong.said()).toMatch(/Cannot use the queue at redis:\/\/127\.0\.0\.1:\d+.*: WRONGPASS/);
      expect(wrong.said()).not.toContain('hidden');
    },
    LIMIT,
  );

  test(
    'hides a password of the command line from ps',
    async () => {
      const run = start(['worker', '--queue', `redis://default:hidden@127.0.0.1:${port}`]);
      await sleep(1500);
      const seen = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(run.child.pid)], {
        encoding: 'utf8',
      });
      expect(seen).not.toContain('hidden');
    },
    LIMIT,
  );
});
