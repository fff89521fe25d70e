import { randomBytes } from 'node:crypto';
import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConvsweepError } from '../errors.js';
import { draftIn, orFileError, unless } from '../files.js';
import { type Holder, isGone, ownHolder, parseHolder } from './holder.js';

/** Milliseconds for which a lock counts as held after its holder last said so; it does six times as often. */
const LEASE = 60_000;
/** The system's words for a name that is taken: by a folder with something in it, or by a file. */
const TAKEN = [
  'EEXIST',
  'ENOTEMPTY',
  'ENOTDIR',
  ...(process.platform === 'win32' ? ['EPERM', 'EACCES'] : []),
];
/** How often to try: every try that fails is one in which another process got on. */
const TRIES = 1000;

export interface LockOptions {
  /** Default: a minute. */
  lease?: number;
  /** Told, once, that another process has taken the lock over. */
  onLost?: (error: ConvsweepError) => void;
}

/**
 * Keeps two sweeps from writing into one folder.
 *
 * The lock is a folder with one file, which names its holder. It appears whole: renaming a folder onto another one
 * succeeds only if that is empty. The file's name is never used again, so that a leftover can be removed by it however
 * late, and never somebody else's lock in its stead. Neither needs hard links, which some file systems lack.
 *
 * A leftover is what a process left that has certainly ended, or what nobody has renewed for longer than the lease
 * and nobody renews while it is watched. A holder that was only suspended finds that it lost its lock.
 */
export class FolderLock {
  readonly #path: string;
  /** The file that is ours alone. */
  readonly #file: string;
  readonly #onLost: (error: ConvsweepError) => void;
  readonly #timer: NodeJS.Timeout;
  #loss: ConvsweepError | undefined;

  private constructor(path: string, name: string, { lease, onLost }: Required<LockOptions>) {
    this.#path = path;
    this.#file = join(path, name);
    this.#onLost = onLost;
    // What else may be wrong is told by requireHeld, before something depends on it.
    this.#timer = setInterval(() => void this.requireHeld().catch(() => {}), lease / 6).unref();
  }

  /**
   * Takes the lock; a leftover is replaced.
   * @throws ConvsweepError `FILE` when another process holds it, or it cannot be made
   */
  static async take(file: string, options: LockOptions = {}): Promise<FolderLock> {
    const { lease = LEASE, onLost = () => {} } = options;
    const path = resolve(file);
    const name = randomBytes(16).toString('hex');
    const own = `${JSON.stringify(await ownHolder())}\n`;
    for (let tries = 0; tries < TRIES; tries++) {
      if (await orFileError('make', path, tryToPlace(path, name, own))) {
        return new FolderLock(path, name, { lease, onLost });
      }
      await orFileError('take over', path, clearLeftovers(path, lease));
    }
    throw new ConvsweepError(
      'FILE',
      `Cannot make ${path}: others take and release it all the time; try again when they have ended`,
    );
  }

  /** The path of a file that is there while the lock is held, and that no other lock has. */
  get file(): string {
    return this.#file;
  }

  /** That the lock was lost, once that is known. */
  get loss(): ConvsweepError | undefined {
    return this.#loss;
  }

  /**
   * Says that the lock is still held, to others and to the caller.
   * @throws ConvsweepError `FILE` when it was lost
   */
  async requireHeld(): Promise<void> {
    if (this.#loss) throw this.#loss;
    const now = new Date();
    const renewed = unless(
      ['ENOENT', 'ENOTDIR'],
      utimes(this.#file, now, now).then(() => true),
    );
    if (await orFileError('renew', this.#path, renewed)) return;
    clearInterval(this.#timer);
    if (!this.#loss) {
      this.#loss = lost(this.#path);
      this.#onLost(this.#loss);
    }
    throw this.#loss;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    // What cannot be removed is a leftover like that of a process that was killed.
    await unlink(this.#file).catch(() => {});
    await rmdir(this.#path).catch(() => {});
  }
}

/** Puts a whole lock in place; false if the name is taken. */
async function tryToPlace(path: string, name: string, own: string): Promise<boolean> {
  const draft = draftIn(dirname(path));
  await mkdir(draft);
  try {
    await writeFile(join(draft, name), own);
    await rename(draft, path);
    return true;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // ENOENT: a process that holds the lock cleared our draft away with others' leftovers.
    if ([...TAKEN, 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/**
 * Makes way where a leftover is in the way.
 * @throws ConvsweepError `FILE` when the lock is held
 */
async function clearLeftovers(path: string, lease: number): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    // A file, as earlier versions made: treated like one that its holder did not finish.
    if (error.code === 'ENOTDIR') return [''];
    throw error;
  });
  for (const name of names ?? []) {
    const file = name === '' ? path : join(path, name);
    const holder = await holderUnlessLeftover(file, lease);
    if (holder !== undefined) throw inUse(path, holder);
    // EISDIR and EPERM: of the file a lock has become meanwhile.
    await unless(['ENOENT', 'EPERM', ...(name === '' ? ['EISDIR'] : [])], unlink(file));
  }
  // Only Windows needs it: it renames no folder onto another, even if that is empty.
  if (names) await unless(['ENOENT', 'ENOTDIR', ...TAKEN], rmdir(path));
}

/** What a file that is no leftover says, as far as it can be read; undefined for a leftover. */
async function holderUnlessLeftover(file: string, lease: number): Promise<Partial<Holder> | undefined> {
  const renewed = await lastRenewal(file);
  if (renewed === undefined) return undefined;
  const text = await unless(['ENOENT', 'EISDIR'], readFile(file, 'utf8'));
  // It went meanwhile, or has become a folder: the next try finds what is there.
  if (text === undefined) return undefined;
  const holder = parseHolder(text);
  if (holder && (await isGone(holder))) return undefined;
  // A time that is to come says nothing either: clocks differ, and are set.
  if (Math.abs(Date.now() - renewed) <= lease) return holder ?? {};
  // A machine that was suspended needs a moment to say that it is back.
  await sleep(lease / 4);
  const after = await lastRenewal(file);
  return after === undefined || after === renewed ? undefined : (holder ?? {});
}

async function lastRenewal(file: string): Promise<number | undefined> {
  return (await unless(['ENOENT', 'ENOTDIR'], stat(file)))?.mtimeMs;
}

function inUse(path: string, { host, pid }: Partial<Holder>): ConvsweepError {
  const holder = pid === undefined ? 'a process that cannot be told' : `process ${pid} on ${host}`;
  return new ConvsweepError(
    'FILE',
    `Another sweep is writing there: ${holder} holds ${path}; wait for it. If it is gone, its lock ends by itself within a minute, or at once: rm -r ${path}`,
  );
}

function lost(path: string): ConvsweepError {
  return new ConvsweepError(
    'FILE',
    `Another process took ${path} over while this one could not renew it, as on a machine that is suspended; this sweep stops, so that two do not write into one folder`,
  );
}
