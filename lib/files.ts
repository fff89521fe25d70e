/** Files that appear whole or not at all, and the folders that they go into. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConvsweepError } from './errors.js';

/** What syncing a folder fails with where that cannot be done: on Windows, on some network file systems, without leave to read. */
const CANNOT_SYNC = ['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

/** Bytes to ask for where no more are known of: at the end, and in files such as those of /proc, which tell no size. */
const LEAST_READ = 4096;

/** Bytes to ask for at a time: Node.js ends the process when asked for 2 GiB. */
const MOST_READ = 2 ** 30;

/**
 * Writes a file as a whole or not at all: what stands under `path` is the old content or all of the new, whenever the
 * process or the machine stops. When this resolves, the new content is on the disk. The mode of a file that is replaced
 * stays, and a symbolic link is followed, also to what is not there yet.
 * @param path in a folder that exists
 * @throws ConvsweepError `FILE`, with the system's reason; the old content stands then, and no draft is left
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const bytes =
    typeof content === 'string'
      ? Buffer.from(content)
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  let folder = dirname(path);
  try {
    const target = await targetOf(path);
    folder = dirname(target.path);
    const draft = draftIn(folder);
    try {
      await writeDraft(draft, bytes, target.mode);
      await rename(draft, target.path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await syncFolder(folder);
  } catch (cause) {
    throw cannotWrite(path, cause, folder);
  }
}

/**
 * All bytes of a file. `readFile` takes a read that moved less than was asked for as the end, which leaves a part.
 * @param remedy what to do when it cannot be read
 * @throws ConvsweepError `FILE`, with the system's reason
 */
export async function readWhole(path: string, remedy?: string): Promise<Buffer> {
  return orFileError('read', path, readToEnd(path), remedy);
}

/**
 * As {@link readWhole}; undefined if there is no such file.
 * @throws ConvsweepError `FILE`, with the system's reason
 */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  return orFileError('read', path, unless(['ENOENT', 'ENOTDIR'], readToEnd(path)));
}

/**
 * What `work` gives.
 * @param what is done to the file or folder `path`, such as `read`
 * @param remedy ends the message
 * @throws ConvsweepError `FILE` with the path and the system's reason, where the system refuses
 */
export async function orFileError<T>(
  what: string,
  path: string,
  work: Promise<T>,
  remedy?: string,
): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ConvsweepError) throw cause;
    const end = remedy === undefined ? '' : `; ${remedy}`;
    throw new ConvsweepError('FILE', `Cannot ${what} ${path}: ${(cause as Error).message}${end}`, { cause });
  }
}

/** What `work` gives; undefined where the system says one of `codes`. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (codes.includes(error.code ?? '')) return undefined;
    throw error;
  });
}

/** A new name in `folder` for what this process has not finished yet. */
export function draftIn(folder: string): string {
  return join(folder, `.convsweep-${process.pid}-${randomBytes(8).toString('hex')}.draft`);
}

/** The number of the process that made a file or folder of this name by {@link draftIn}; undefined for others. */
export function writerOfDraft(name: string): number | undefined {
  const pid = /^\.convsweep-(\d{1,10})-[0-9a-f]{16}\.draft$/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Makes what was created, renamed or removed in `folder` outlast a power failure, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!CANNOT_SYNC.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Makes the folder `path` and those above it, where they are missing.
 * @throws ConvsweepError `FILE`
 */
export async function makeFolder(path: string): Promise<void> {
  await orFileError('make the folder', path, makeMissing(path));
}

/**
 * The error of what could not be written to `path`.
 * @param folder that it goes into
 */
export function cannotWrite(path: string, cause: unknown, folder = dirname(path)): ConvsweepError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy = code === 'ENOENT' ? `; create its folder: mkdir -p ${resolve(folder)}` : '';
  return new ConvsweepError('FILE', `Cannot write ${path}: ${message}${remedy}`, { cause });
}

async function makeMissing(path: string): Promise<void> {
  // Not `recursive`, with which Node.js tries for ever where nothing can be made, as in /proc.
  const missing: string[] = [];
  let folder = resolve(path);
  while (!(await unless(['ENOENT'], stat(folder))) && dirname(folder) !== folder) {
    missing.push(folder);
    folder = dirname(folder);
  }
  for (const each of missing.reverse()) {
    await unless(['EEXIST'], mkdir(each));
    await syncFolder(dirname(each));
  }
  if (!(await stat(path)).isDirectory()) throw new Error('it is there, but is no folder');
}

async function readToEnd(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    // With room for one byte more, the end of a file that tells its size shows without growing.
    let bytes = Buffer.allocUnsafe(Math.max(size + 1, LEAST_READ));
    for (let length = 0; ; ) {
      if (length === bytes.length) bytes = Buffer.concat([bytes], 2 * length);
      const most = Math.min(bytes.length - length, MOST_READ);
      const { bytesRead } = await handle.read(bytes, length, most);
      if (bytesRead === 0) return bytes.subarray(0, length);
      length += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** Where writing to `path` ends up, and the mode that the file there has. */
async function targetOf(path: string): Promise<{ path: string; mode: number | undefined }> {
  const entry = await unless(['ENOENT'], lstat(path));
  if (!entry) return { path, mode: undefined };
  if (entry.isSymbolicLink()) {
    const target = await unless(['ENOENT'], realpath(path));
    return targetOf(target ?? resolve(await realpath(dirname(path)), await readlink(path)));
  }
  // Renaming over a device or a pipe would replace it.
  if (!entry.isFile()) throw new Error('it is there, but is no file');
  return { path, mode: entry.mode & 0o7777 };
}

async function writeDraft(draft: string, bytes: Buffer, mode: number | undefined): Promise<void> {
  const handle = await open(draft, 'wx');
  try {
    if (mode !== undefined) await handle.chmod(mode);
    await writeAll(handle, bytes);
    await handle.sync();
  } finally {
    // Some systems tell only here that the disk is full.
    await handle.close();
  }
}

/** A nearly full disk takes a part and says so by the number of bytes alone; the next write has the error. */
async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done);
    if (bytesWritten === 0) throw new Error(`the disk took only ${done} of ${bytes.length} bytes`);
    done += bytesWritten;
  }
}
