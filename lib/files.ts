/** Files that appear whole or not at all, and the folders that they go into. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConvsweepError } from './errors.js';

/** What syncing a folder fails with where that cannot be done: on Windows, on some network file systems, without leave to read. */
const CANNOT_SYNC = ['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

/** Bytes to ask for where no more are known of: at the end, and in files such as those of /proc, which tell no size. */
const LEAST_READ = 4096;

/**
 * Writes a file as a whole or not at all: what stands under `path` is the old content or all of the new, whenever the
 * process or the machine stops. When this resolves, the new content is on the disk. The mode of a file that is replaced
 * stays, and a symbolic link is followed.
 * @param path in a folder that exists
 * @throws ConvsweepError `FILE`, with the system's reason; the old content stands then, and no draft is left
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const bytes =
    typeof content === 'string'
      ? Buffer.from(content)
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  try {
    const target = await targetOf(path);
    const draft = draftIn(dirname(target.path));
    try {
      await writeDraft(draft, bytes, target.mode);
      await rename(draft, target.path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await syncFolder(dirname(target.path));
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/**
 * All bytes of a file. `readFile` takes a read that moved less than was asked for as the end, which leaves a part.
 * @throws the system's error
 */
export async function readWhole(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const pieces: Buffer[] = [];
    for (let length = 0; ; ) {
      const piece = Buffer.allocUnsafe(Math.max(size - length, LEAST_READ));
      const { bytesRead } = await handle.read(piece, 0, piece.length);
      if (bytesRead === 0) return Buffer.concat(pieces, length);
      pieces.push(piece.subarray(0, bytesRead));
      length += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** A new name in `folder` for what is not finished yet. */
export function draftIn(folder: string): string {
  return join(folder, `.convsweep-${randomBytes(8).toString('hex')}.draft`);
}

/** Whether a file of this name is what a process that was killed left of {@link writeWhole}. */
export function isDraft(name: string): boolean {
  return /^\.convsweep-[0-9a-f]{16}\.draft$/.test(name);
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
  try {
    // Not `recursive`, with which Node.js tries for ever where nothing can be made, as in /proc.
    const missing: string[] = [];
    let folder = resolve(path);
    while (!(await exists(folder)) && dirname(folder) !== folder) {
      missing.push(folder);
      folder = dirname(folder);
    }
    for (const each of missing.reverse()) {
      await mkdir(each).catch(ignoreExisting);
      await syncFolder(dirname(each));
    }
    if (!(await stat(path)).isDirectory()) throw new Error('it is there, but is no folder');
  } catch (cause) {
    throw new ConvsweepError('FILE', `Cannot make the folder ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The error of what could not be written to `path`. */
export function cannotWrite(path: string, cause: unknown): ConvsweepError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy = code === 'ENOENT' ? `; create its folder: mkdir -p ${dirname(resolve(path))}` : '';
  return new ConvsweepError('FILE', `Cannot write ${path}: ${message}${remedy}`, { cause });
}

/** Where writing to `path` ends up, and the mode that the file there has. */
async function targetOf(path: string): Promise<{ path: string; mode: number | undefined }> {
  const entry = await ifThere(lstat(path));
  if (!entry) return { path, mode: undefined };
  const target = entry.isSymbolicLink() ? await realpath(path) : path;
  const file = await stat(target);
  // Renaming over a device or a pipe would replace it.
  if (!file.isFile()) throw new Error('it is there, but is no file');
  return { path: target, mode: file.mode & 0o7777 };
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

async function exists(path: string): Promise<boolean> {
  return (await ifThere(stat(path))) !== undefined;
}

async function ifThere<T>(entry: Promise<T>): Promise<T | undefined> {
  return entry.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
