import { stat } from 'node:fs/promises';
import { types } from 'node:util';
import { ConvsweepError } from '../errors.js';
import { readWhole } from '../files.js';

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
    bytes = await readWhole(path);
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
