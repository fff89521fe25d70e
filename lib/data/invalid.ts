import { ConvsweepError } from '../errors.js';

/** The uniform error of a data file: which file, what was expected, what came. */
export function invalidData(
  path: string,
  expected: string,
  received: string,
  cause?: unknown,
): ConvsweepError {
  return new ConvsweepError('INVALID_DATA', `${path}: expected ${expected} but received ${received}`, {
    cause,
  });
}
