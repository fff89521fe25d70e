import { ConvsweepError } from '../errors.js';

/**
 * What `work` gives.
 * @param what is done to the file or folder `path`, such as `read`
 * @throws ConvsweepError `FILE` with the path and the system's reason, where the system refuses
 */
export async function orFileError<T>(what: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ConvsweepError) throw cause;
    throw new ConvsweepError('FILE', `Cannot ${what} ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** What `work` gives; undefined where the system says one of `codes`. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (codes.includes(error.code ?? '')) return undefined;
    throw error;
  });
}
