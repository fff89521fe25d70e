import { ConvsweepError } from '../errors.js';
import { Hangup } from './terminal.js';

/** 2 for wrong usage, 130 after an interruption, 129 after a closed terminal, 1 for every other failure. */
export function exitCode(error: unknown): number {
  if (!(error instanceof ConvsweepError)) return 1;
  if (error.code === 'INVALID_ARGUMENT') return 2;
  if (error.code !== 'ABORTED') return 1;
  return error.cause instanceof Hangup ? 129 : 130;
}
