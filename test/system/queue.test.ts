import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { fingerprint } from '../unit/sweep-fixture.js';
import { freePort, RedisServer } from './redis-server.js';
import { commandLine } from './run-node.js';
import { StartedNode } from './started-node.js';

const LIMIT = 120_000;
const QUEUED_SWEEP = join(packageRoot(), 'dist', 'test', 'faults', 'queued-sweep.js');

// In the gate a missing server is a failure.
const isThere = RedisServer.isInstalled() || process.env.CONVSWEEP_INTEROP !== undefined;
const queueDescribe = isThere ? describe : describe.skip;

let folder: string;
let redis: RedisServer;
let started: StartedNode[] = [];

function start(args: string[], env?: Record<string, string>): StartedNode {
  const node = new StartedNode(args, env);
  started.push(node);
  return node;
}

/** Waits until `isSo`; throws after a minute, with what the processes have said. */
async function until(isSo: () => boolean): Promise<void> {
  for (const begin = performance.now(); !isSo(); await sleep(50)) {
    if (performance.now() - begin > 60_000)
      throw new Error(`${isSo} is not so: ${started.map(({ said }) => said)}`);
  }
}

/** The only sweep's name in the queue. */
async function nameInQueue(): Promise<string> {
  let keys: string[] = [];
  await until(() => {
    keys = redis.keys('convsweep:*:sweep');
    return keys.length > 0;
  });
  expect(keys).toHaveLength(1);
  return keys[0]!.split(':')[1]!;
}

/** A job goes a moment after its result was told. */
async function expectNothingLeft(): Promise<void> {
  await until(() => redis.leftovers().length === 0);
}

beforeAll(async () => {
  if (!isThere) return;
  folder = mkdtempSync(join(tmpdir(), 'convsweep-queue-'));
  redis = await RedisServer.start(folder);
}, LIMIT);

afterEach(async () => {
  await Promise.all(started.map((node) => node.kill()));
  started = [];
  redis.command('flushall');
});

afterAll(() => {
  redis?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

queueDescribe('a sweep on a queue', () => {
  let local: Record<string, string>;

  const worker = (env?: Record<string, string>) => start([QUEUED_SWEEP, 'worker', '--queue', redis.url], env);
  const sweep = (name: string, ...args: string[]) =>
    start([QUEUED_SWEEP, 'sweep', '--out', join(folder, name), '--queue', redis.url, ...args]);
  const count = (said: string, words: RegExp) => [...said.matchAll(words)].length;

  async function expectLocalFiles(name: string): Promise<void> {
    expect(await fingerprint(join(folder, name))).toEqual(local);
  }

  beforeAll(async () => {
    const out = join(folder, 'local');
    expect(await start([QUEUED_SWEEP, 'sweep', '--out', out]).ended).toBe(0);
    local = await fingerprint(out);
    expect(Object.keys(local)).toHaveLength(4 + 8);
  }, LIMIT);

  test(
    'loses nothing when a worker is killed, or stopped for too long, and with --jobs 0 trains nothing itself',
    async () => {
      const run = sweep('killed', '--jobs', '0');
      const killed = worker();
      await run.saying(/begins 1\n/);
      await killed.kill();
      // It has none any more.
      await until(() => redis.keys('convsweep:trials:*:lock').length === 0);
      const earlier = run.said.length;
      const stopped = worker();
      await run.saying(/has 1\n/);
      // In the middle of a trial, not between two, nor while it waits for Redis: it would give the trial up afterwards.
      for (let begun: string | undefined; ; ) {
        stopped.signal('SIGSTOP');
        // What it has said by now arrives.
        await sleep(50);
        const [lock] = redis.keys('convsweep:trials:*:lock');
        const trial = /-(\d+):lock$/.exec(lock ?? '')?.[1];
        const isNew = trial !== begun;
        begun = run.said.slice(earlier).includes(`begins ${trial}\n`) ? trial : undefined;
        if (begun && !isNew && !stopped.said.includes(`Trained trial ${trial} `)) break;
        stopped.signal('SIGCONT');
        await sleep(20);
      }
      const before = count(stopped.said, /Trained trial/g);
      const last = worker();
      expect(await run.ended).toBe(0);
      await expectLocalFiles('killed');
      expect(count(last.said, /Trained trial/g)).toBeGreaterThan(0);
      // What it has trained by now is only compared.
      stopped.signal('SIGCONT');
      await until(() => count(stopped.said, /Trained trial/g) > before);
      await expectNothingLeft();
    },
    LIMIT,
  );

  test(
    'goes on when Redis is emptied, and when it is killed and started again',
    async () => {
      const run = sweep('emptied', '--jobs', '0');
      worker();
      await run.saying(/begins 1\n/);
      redis.command('flushall');
      await run.saying(/has 2\n/);
      redis.kill();
      await run.saying(/does not answer/);
      await redis.start();
      await run.saying(/is back/);
      expect(await run.ended).toBe(0);
      await expectLocalFiles('emptied');
      await expectNothingLeft();
    },
    LIMIT,
  );

  test(
    'whose coordinator is killed is collected by --resume, and nothing is trained twice',
    async () => {
      const run = sweep('resumed', '--jobs', '0');
      const other = worker();
      await run.saying(/has 1\n/);
      await run.kill();
      await other.saying(/(Trained trial [\s\S]*){8}/);
      const again = sweep('resumed', '--resume');
      expect(await again.ended).toBe(0);
      expect(again.said).not.toContain('begins');
      await expectLocalFiles('resumed');
      await expectNothingLeft();
    },
    LIMIT,
  );

  test(
    'two sweeps share a Redis and its workers, one of which does not see their folders',
    async () => {
      const runs = [sweep('one'), sweep('two', '--jobs', '0')];
      await until(() => redis.keys('convsweep:*:sweep').length === 2);
      // What tells a worker that it sees a folder is a file there, which here is another machine's.
      const two = redis.keys('convsweep:*:sweep').find((key) => redis.command('get', key).includes('/two"'))!;
      const text = redis.command('get', two);
      redis.command('set', two, text.replace(/"mark":"[^"]*"/, '"mark":"/nowhere/mark"'));
      // It would announce itself anew, and take the models before they can be seen.
      runs[1]!.signal('SIGSTOP');
      worker();
      await until(() => redis.keys(two.replace(/sweep$/, 'model:*')).length > 0);
      runs[1]!.signal('SIGCONT');
      expect(await Promise.all(runs.map((run) => run.ended))).toEqual([0, 0]);
      await expectLocalFiles('one');
      await expectLocalFiles('two');
      await expectNothingLeft();
    },
    LIMIT,
  );

  test(
    'a worker with another engine refuses the trials, saying which, and others train them',
    async () => {
      const run = sweep('refused', '--jobs', '0');
      worker({ CONVSWEEP_ISA: 'baseline' });
      await run.saying(/trains no trials of this sweep: /);
      expect(run.said).toMatch(/would train with cpu baseline, .*CONVSWEEP_ISA=/);
      worker();
      expect(await run.ended).toBe(0);
      await expectLocalFiles('refused');
    },
    LIMIT,
  );

  test(
    'ends when a trial came out differently elsewhere, and names both machines',
    async () => {
      const run = sweep('differs');
      await run.saying(/has 8\n/);
      run.signal('SIGSTOP');
      const name = await nameInQueue();
      const out = join(folder, 'differs');
      const record = JSON.parse(readFileSync(join(out, 'journal.jsonl'), 'utf8').split('\n')[0]!);
      record.checkpoint.sha256 = '0'.repeat(64);
      const { engine, precision } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
      const message = {
        type: 'result',
        host: 'elsewhere (7)',
        trial: record.trial,
        engine: { ...engine, precision },
        record,
        late: true,
      };
      redis.command('rpush', `convsweep:${name}:messages`, JSON.stringify(message));
      run.signal('SIGCONT');
      expect(await run.ended).toBe(1);
      expect(run.said).toMatch(/Trial \d came out differently on this machine and on elsewhere \(7\)/);
    },
    LIMIT,
  );

  test(
    'leaves the jobs of other programs alone',
    async () => {
      const { Queue } = await import('bullmq');
      const { port, hostname: host } = new URL(redis.url);
      const foreign = new Queue('trials', { connection: { host, port: Number(port) }, prefix: 'convsweep' });
      const job = await foreign.add('mail', { to: 'somebody' });
      worker();
      const run = sweep('beside', '--jobs', '0');
      expect(await run.ended).toBe(0);
      await expectLocalFiles('beside');
      const failed = await foreign.getJob(job.id!);
      expect(failed?.data).toEqual({ to: 'somebody' });
      expect(failed?.failedReason).toContain('Expected a trial of a convsweep sweep');
      await foreign.close();
    },
    LIMIT,
  );
});

queueDescribe('the command line on a queue', () => {
  /** 300 noisy images of 12 x 12, in two classes. */
  function writeImages(path: string): void {
    mkdirSync(path);
    const size = 12 * 12;
    for (const [part, images] of [
      ['train', 200],
      ['t10k', 100],
    ] as const) {
      const pixels = Buffer.alloc(16 + images * size);
      for (const [i, value] of [0x803, images, 12, 12].entries()) pixels.writeUInt32BE(value, 4 * i);
      const labels = Buffer.alloc(8 + images);
      for (const [i, value] of [0x801, images].entries()) labels.writeUInt32BE(value, 4 * i);
      for (let i = 0; i < images; i++) {
        labels[8 + i] = i % 2;
        pixels.fill(40 + 170 * (i % 2) + (i % 30), 16 + i * size + (i % 50), 16 + (i + 1) * size);
      }
      writeFileSync(join(path, `${part}-images-idx3-ubyte`), pixels);
      writeFileSync(join(path, `${part}-labels-idx1-ubyte`), labels);
    }
  }

  const cli = (args: string[], env?: Record<string, string>) => start([commandLine(), ...args], env);
  const own = () => ['--data', join(folder, 'images'), '--device', 'cpu'];
  const worker = () => cli(['worker', '--queue', redis.url, ...own(), '--jobs', '1']);
  /** Two trials. */
  const sweep = (name: string, epochs: number, ...args: string[]) =>
    cli([
      ...['sweep', ...own(), '--neurons', '8', '--splits', '60,80', '--out', join(folder, name)],
      ...['--start-from-epoch', '0', '--epochs', String(epochs), '--patience', String(epochs), ...args],
    ]);
  const queued = (name: string, epochs: number, ...args: string[]) =>
    sweep(name, epochs, '--queue', redis.url, ...args);
  const isLocked = (name: string) => redis.keys(`convsweep:trials:${name}-*:lock`).length > 0;

  beforeAll(() => writeImages(join(folder, 'images')));

  test(
    'leaves the files of a local sweep, but for what tells the time',
    async () => {
      const other = worker();
      await other.saying(/Waits for trials/);
      const runs = [queued('both', 60, '--jobs', '1'), sweep('alone', 60, '--jobs', '1')];
      expect(await Promise.all(runs.map((run) => run.ended))).toEqual([0, 0]);
      const files = async (name: string) => {
        const all = Object.entries(await fingerprint(join(folder, name)));
        return all.filter(([file]) => !file.startsWith('report.'));
      };
      expect(await files('both')).toEqual(await files('alone'));
      await expectNothingLeft();
      // A signal while it ends changes nothing.
      other.signal('SIGINT');
      await other.saying(/Trained \d trials?\.\n/);
      other.signal('SIGINT');
      expect(await other.ended).toBe(0);
    },
    LIMIT,
  );

  test(
    'a worker ends after its trial on the first Ctrl-C, and gives it back on the second',
    async () => {
      const run = queued('given-back', 100_000, '--jobs', '0');
      const name = await nameInQueue();
      const first = worker();
      await until(() => isLocked(name));
      await sleep(300);
      first.signal('SIGINT');
      await first.saying(/Ending after the current trials/);
      await sleep(300);
      expect(isLocked(name)).toBe(true);
      first.signal('SIGINT');
      expect(await first.ended).toBe(0);
      expect(first.said).toContain('Giving the current trials back.\nTrained 0 trials.\n');
      expect(isLocked(name)).toBe(false);
      const waiting = [
        redis.command('lrange', 'convsweep:trials:wait', '0', '-1'),
        redis.command('zrange', 'convsweep:trials:delayed', '0', '-1'),
      ];
      expect(waiting.join()).toContain(`${name}-1`);
      // So does a sweep, with what nobody trains.
      run.signal('SIGINT');
      expect(await run.ended).toBe(130);
      expect(redis.keys(`convsweep:trials:${name}-*`)).toEqual([]);

      const short = queued('ended', 500, '--jobs', '0');
      const second = worker();
      await until(() => redis.keys('convsweep:trials:*:lock').length > 0);
      second.signal('SIGINT');
      expect(await second.ended).toBe(0);
      const trained = /Trained ([12]) trials?\.\n/.exec(second.said)?.[1];
      expect(trained).toBeDefined();
      await short.saying(new RegExp(`\\[${trained}/2\\]`));
    },
    LIMIT,
  );

  test(
    'ends within a few seconds of Ctrl-C where Redis is gone',
    async () => {
      const run = queued('gone', 100_000, '--jobs', '0');
      const name = await nameInQueue();
      const other = worker();
      await until(() => isLocked(name));
      redis.kill();
      try {
        await Promise.all([run.saying(/does not answer/), other.saying(/does not answer/)]);
        run.signal('SIGINT');
        other.signal('SIGINT');
        await other.saying(/Ending after the current trials/);
        other.signal('SIGINT');
        expect(await run.ended).toBe(130);
        expect(await other.ended).toBe(0);
      } finally {
        await redis.start();
      }
    },
    LIMIT,
  );

  test(
    'says within ten seconds that nobody answers, and never a password',
    async () => {
      const closed = sweep('closed', 2, '--queue', 'redis://me:hidden@127.0.0.1:1');
      const wrong = cli(['worker', '--queue'], {
        CONVSWEEP_QUEUE: redis.url.replace('//', '//me:hidden@'),
      });
      expect(await closed.ended).toBe(1);
      expect(closed.said).toContain('Cannot use the queue at redis://127.0.0.1:1');
      expect(closed.said).not.toContain('hidden');
      expect(await wrong.ended).toBe(1);
      expect(wrong.said).toMatch(/Cannot use the queue at redis:\/\/127\.0\.0\.1:\d+.*: WRONGPASS/);
      expect(wrong.said).not.toContain('hidden');
    },
    LIMIT,
  );

  test(
    'reaches a server over TLS, by an address in a file, with a user, a password, a database and a prefix',
    async () => {
      const [certificate, key, address] = ['cert.pem', 'key.pem', 'address'].map((name) =>
        join(folder, name),
      );
      const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const files = ['-out', certificate!, '-keyout', key!];
      execFileSync('openssl', ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', ...subject, ...files], {
        stdio: 'ignore',
      });
      const port = await freePort();
      redis.command(
        ...['config', 'set', 'tls-cert-file', certificate!, 'tls-key-file', key!],
        ...['tls-ca-cert-file', certificate!, 'tls-auth-clients', 'no', 'tls-port', String(port)],
      );
      redis.command('acl', 'setuser', 'team', 'on', '>hidden', '~*', '&*', '+@all');
      writeFileSync(address!, `rediss://team:hidden@127.0.0.1:${port}/1?prefix=other\n`);
      const run = cli(['worker', '--queue', ...own()], {
        CONVSWEEP_QUEUE_FILE: address!,
        NODE_EXTRA_CA_CERTS: certificate!,
      });
      await run.saying(/Waits for trials/);
      expect(run.said).toContain(`rediss://127.0.0.1:${port}/1`);
      expect(run.said).not.toContain('hidden');
      await until(() => redis.command('-n', '1', 'keys', '*').includes('other:trials:'));
      expect(redis.leftovers()).toEqual([]);
    },
    LIMIT,
  );

  test(
    'hides a password of the command line from ps',
    async () => {
      const run = cli(['worker', '--queue', redis.url.replace('//', '//default:hidden@')]);
      await run.saying(/Waits for trials/);
      expect(run.said).not.toContain('hidden');
      const seen = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(run.child.pid)]).toString();
      expect(seen).not.toContain('hidden');
    },
    LIMIT,
  );
});
