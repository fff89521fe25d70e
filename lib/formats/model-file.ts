import { stat } from 'node:fs/promises';
import { types } from 'node:util';
import { ConvsweepError } from '../errors.js';
import { orFileError, readWhole } from '../files.js';

/**
 * What `read` makes of the file's bytes.
 * @throws ConvsweepError `FILE` when there is no such file; `INVALID_MODEL`, naming the file and the cause, when `read`
 * throws
 */
export async function readModelFile<T>(
  path: string,
  read: (bytes: Uint8Array) => T | Promise<T>,
): Promise<T> {
  // Opening a pipe would wait for somebody to write into it.
  const entry = await orFileError('read', path, stat(path));
  if (!entry.isFile()) throw new ConvsweepError('FILE', `Cannot read ${path}: it is not a file`);
  const bytes = await readWhole(path);
  try {
    return await read(bytes);
  } catch (cause) {
    const reason = types.isNativeError(cause) ? cause.message : String(cause);
    throw new ConvsweepError('INVALID_MODEL', `${path} is not a model file that can be read: ${reason}`, {
      cause,
    });
  }
}
