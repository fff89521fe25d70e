import { ConvsweepError } from '../errors.js';

/** The error of a file that cannot be read as a model; `problem` says why. */
export function invalid(problem: string, cause?: unknown): ConvsweepError {
  return new ConvsweepError('INVALID_MODEL', problem, { cause });
}
