import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { ConvsweepError } from '../errors.js';

/** Locks that this process holds: a file with our own process number that is not among them is a leftover. */
const held = new Set<string>();

/** Keeps two sweeps from writing into one folder: a file that names the process at work. */
export class FolderLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes the lock; the leftover of a process that is gone is replaced.
   * @throws ConvsweepError `FILE` when another process holds it
   */
  static async take(file: string): Promise<FolderLock> {
    const path = resolve(file);
    const own = `${hostname()} ${process.pid}\n`;
    if (!(await tryCreate(path, own))) {
      const owner = await readFile(path, 'utf8').catch(() => '');
      if (isAlive(owner, path)) throw inUse(path, owner);
      await rm(path, { force: true });
      if (!(await tryCreate(path, own))) throw inUse(path, await readFile(path, 'utf8').catch(() => ''));
    }
    held.add(path);
    return new FolderLock(path);
  }

  async release(): Promise<void> {
    held.delete(this.#path);
    await rm(this.#path, { force: true });
  }
}

async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(owner: string, path: string): boolean {
  const [host, pid] = owner.trim().split(' ');
  // A process of another machine cannot be asked, and one that has not written its name yet is only beginning.
  if (host !== hostname()) return true;
  if (Number(pid) === process.pid) return held.has(path);
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function inUse(path: string, owner: string): ConvsweepError {
  const [host, pid] = owner.trim().split(' ');
  const holder = pid ? `process ${pid} on ${host}` : 'another process';
  return new ConvsweepError(
    'FILE',
    `Another sweep is writing there: ${holder} holds ${path}; wait for it, or, if it is gone: rm ${path}`,
  );
}
