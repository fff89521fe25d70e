import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Holder, ownHolder } from '../../lib/sweep/holder.js';
import { FolderLock } from '../../lib/sweep/lock.js';
import { raceForLocks } from '../faults/lock-races.js';
import { libraryUrl, runNode } from '../system/run-node.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

/** Long enough for no machine to be so slow, so that a test that waits for it waits a quarter of it. */
const LEASE = 2000;

async function leave(content: string, { age = 0 } = {}): Promise<string> {
  const file = join(path, 'of-another');
  await mkdir(path);
  await writeFile(file, content);
  const time = new Date(Date.now() - age);
  await utimes(file, time, time);
  return file;
}

const holder = async (changes: Partial<Holder>): Promise<string> =>
  JSON.stringify({ ...(await ownHolder()), ...changes });

describe('FolderLock', () => {
  test('is held by one at a time, and leaves nothing', async () => {
    const lock = await FolderLock.take(path);
    await expect(FolderLock.take(path)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()} holds ${path}; wait for it`),
    });
    await lock.release();
    await (await FolderLock.take(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('names its holder from the moment that it is there', async () => {
    const lock = await FolderLock.take(path);
    const [name] = await readdir(path);
    expect(JSON.parse(await readFile(join(path, name!), 'utf8'))).toEqual(await ownHolder());
    await lock.release();
  });

  test.each([
    ['a process that has ended', () => holder({ pid: 2 ** 22 + 1 })],
    ['an earlier process with the number of a living one', () => holder({ started: '1' })],
  ])('the leftover of %s is replaced at once', async (_what, content) => {
    await leave(await content());
    await (await FolderLock.take(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('the leftover of a process that was killed is replaced at once, also while its parent keeps its number', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const status = await readFile(`/proc/${child.pid}/stat`, 'utf8');
    const started = status.slice(status.lastIndexOf(')') + 2).split(' ')[19]!;
    const file = await leave(await holder({ pid: child.pid!, started }));
    await expect(FolderLock.take(path)).rejects.toThrow(`process ${child.pid} on`);
    expect(await readdir(path)).toEqual([file.slice(path.length + 1)]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await FolderLock.take(path)).release();
  });

  test.each([
    ['another machine', () => holder({ host: 'elsewhere.example' })],
    ['another container or boot', () => holder({ place: 'elsewhere' })],
    ['a process that was cut off', async () => '{"host":"he'],
    ['a process that was cut off before it wrote', async () => ''],
    ['something else', async () => 'null'],
  ])('of %s it is respected until it has not been renewed for long', async (_what, content) => {
    const file = await leave(await content());
    await expect(FolderLock.take(path, { lease: LEASE })).rejects.toThrow(`rm -r ${path}`);
    const old = new Date(Date.now() - 3_600_000);
    await utimes(file, old, old);
    await (await FolderLock.take(path, { lease: LEASE })).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['an earlier version', `${hostname()} 1\n`],
    ['an earlier version that was cut off', ''],
  ])('the file of %s is replaced once it is old', async (_what, content) => {
    await writeFile(path, content);
    await expect(FolderLock.take(path, { lease: LEASE })).rejects.toThrow(/Another sweep is writing/);
    const old = new Date(Date.now() - 3_600_000);
    await utimes(path, old, old);
    await (await FolderLock.take(path, { lease: LEASE })).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('of a machine that wakes it is respected, since it is renewed while it is watched', async () => {
    const file = await leave(await holder({ host: 'elsewhere.example' }), { age: 3_600_000 });
    const taking = FolderLock.take(path, { lease: LEASE });
    await Promise.all([
      expect(taking).rejects.toThrow('on elsewhere.example holds'),
      sleep(LEASE / 8).then(() => utimes(file, new Date(), new Date())),
    ]);
  });

  test('is renewed while it is held', async () => {
    const lock = await FolderLock.take(path, { lease: 60 });
    const file = join(path, (await readdir(path))[0]!);
    await utimes(file, 0, 0);
    while ((await stat(file)).mtimeMs === 0) await sleep(5);
    await expect(FolderLock.take(path)).rejects.toThrow('Another sweep');
    await lock.release();
  });

  test('that was taken over is noticed by its holder, who leaves the new one alone', async () => {
    let onLost: (error: unknown) => void = () => {};
    const noticed = new Promise((resolve) => {
      onLost = resolve;
    });
    const lock = await FolderLock.take(path, { lease: 60, onLost });
    await rm(path, { recursive: true });
    const other = await FolderLock.take(path);
    const loss = await noticed;
    expect(loss).toMatchObject({ code: 'FILE', message: expect.stringContaining(`took ${path} over`) });
    expect(lock.loss).toBe(loss);
    await expect(lock.requireHeld()).rejects.toBe(loss);
    await lock.release();
    await other.requireHeld();
    await other.release();
  });

  test('that was taken over is told of once, however many ask', async () => {
    let told = 0;
    const lock = await FolderLock.take(path, { onLost: () => told++ });
    await rm(path, { recursive: true });
    const asked = await Promise.allSettled([lock.requireHeld(), lock.requireHeld()]);
    expect(asked).toEqual(Array(2).fill({ status: 'rejected', reason: lock.loss }));
    expect(told).toBe(1);
    await lock.release();
  });

  test('of which the file becomes a folder while it is looked at is that of its new holder', async () => {
    await writeFile(path, '');
    const script = `
      import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      const path = ${JSON.stringify(path)};
      const { readFile } = fs;
      fs.readFile = (file, ...rest) => {
        if (file === path) {
          rmSync(path);
          mkdirSync(path);
          writeFileSync(path + '/of-another', ${JSON.stringify(await holder({}))});
        }
        return readFile(file, ...rest);
      };
      syncBuiltinESMExports();
      const { FolderLock } = await import(${libraryUrl('sweep/lock')});
      await FolderLock.take(path).catch((error) => console.log(error.message));`;
    const { stdout, stderr } = await runNode(['--input-type=module', '-e', script]);
    expect(stderr).toBe('');
    expect(stdout).toContain(`process ${process.pid} on ${hostname()} holds ${path}`);
  });

  test('with a folder in it that is no lock is an error of that folder', async () => {
    await mkdir(join(path, 'folder'), { recursive: true });
    await expect(FolderLock.take(path)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(join(path, 'folder')),
      cause: { code: 'EISDIR' },
    });
  });

  test('that cannot be made is an error of that file', async () => {
    await writeFile(join(folder, 'file'), '');
    const below = join(folder, 'file', 'lock');
    await expect(FolderLock.take(below)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(`Cannot make ${below}: `),
      cause: { code: 'ENOTDIR' },
    });
  });

  test('in 42 races of 4 processes has one holder at a time, and always one', async () => {
    const { held, faults } = await raceForLocks(42, 4);
    expect(faults).toEqual([]);
    expect(held).toBeGreaterThanOrEqual(42);
  });
});
