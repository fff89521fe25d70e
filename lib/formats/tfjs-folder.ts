import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ConvsweepError } from '../errors.js';
import { cannotWrite, draftIn, syncFolder, unless, writeWhole } from '../files.js';
import { isTfjsExport, TFJS_MODEL } from './tfjs.js';

/**
 * Writes `files` as the folder `path`, which may be new, empty or an earlier TensorFlow.js export. Under the final name
 * stands a whole folder: the files are written beside it and it is renamed. No system call that Node.js has puts it in
 * the place of another one, so that a process that is killed may leave none; the next call then brings the earlier back.
 * @throws ConvsweepError `FILE` when something else is there, or the folder cannot be written
 */
export async function writeTfjsFolder(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  // A trailing separator would put the temporary names into the folder.
  const folder = resolve(path);
  const fresh = draftIn(dirname(folder));
  const old = join(dirname(folder), `.convsweep-${basename(folder)}.old`);
  try {
    await bringBack(old, folder);
    const exists = await requireReplaceable(path);
    await mkdir(fresh);
    for (const [name, bytes] of files) await writeWhole(join(fresh, name), bytes);
    if (exists) await rename(folder, old);
    try {
      await rename(fresh, folder);
    } catch (cause) {
      if (exists) await rename(old, folder);
      throw cause;
    }
    try {
      await syncFolder(dirname(folder));
    } finally {
      await rm(old, { recursive: true, force: true });
    }
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    if (cause instanceof ConvsweepError) throw cause;
    throw cannotWrite(path, cause, dirname(folder));
  }
}

/** Makes good what a process that was killed left: `old` in the place of `folder`, or beside it. */
async function bringBack(old: string, folder: string): Promise<void> {
  if (await unless(['ENOENT'], lstat(folder))) await rm(old, { recursive: true, force: true });
  else await unless(['ENOENT'], rename(old, folder));
}

/** Whether the folder is there. */
async function requireReplaceable(path: string): Promise<boolean> {
  const names = await unless(['ENOENT'], readdir(path));
  if (!names) return false;
  const isOurs =
    names.includes(TFJS_MODEL) && isTfjsExport(names, await readFile(join(path, TFJS_MODEL), 'utf8'));
  if (names.length > 0 && !isOurs) {
    throw new ConvsweepError(
      'FILE',
      `The folder ${path} holds something else than an earlier export (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', ...' : ''}); choose a new folder`,
    );
  }
  return true;
}
