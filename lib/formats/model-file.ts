import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { types } from 'node:util';
import writeFileAtomic from 'write-file-atomic';
import { ConvsweepError } from '../errors.js';

/**
 * What `read` makes of the file's bytes.
 * @throws ConvsweepError `FILE` when there is no such file; `INVALID_MODEL`, naming the file and the cause, when `read`
 * throws
 */
export async function readModelFile<T>(
  path: string,
  read: (bytes: Uint8Array) => T | Promise<T>,
): Promise<T> {
  let bytes: Uint8Array;
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    bytes = await readFile(path);
  } catch (cause) {
    throw new ConvsweepError('FILE', `Cannot read the model file ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  try {
    return await read(bytes);
  } catch (cause) {
    const reason = types.isNativeError(cause) ? cause.message : String(cause);
    throw new ConvsweepError('INVALID_MODEL', `${path} is not a model file that can be read: ${reason}`, {
      cause,
    });
  }
}

/**
 * Writes `bytes` through a temporary name in the same folder: a file under the final name is whole.
 * @throws ConvsweepError `FILE` when the folder is missing or cannot be written to
 */
export async function writeModelFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFileAtomic(path, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw cannotWrite('model file', path, cause);
  }
}

/** The error of what could not be written to `path`. */
export function cannotWrite(what: string, path: string, cause: unknown): ConvsweepError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy = code === 'ENOENT' ? `; create its folder: mkdir -p ${dirname(resolve(path))}` : '';
  return new ConvsweepError('FILE', `Cannot write the ${what} ${path}: ${message}${remedy}`, { cause });
}
