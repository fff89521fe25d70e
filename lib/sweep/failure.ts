import { types } from 'node:util';
import { ConvsweepError, type ErrorCode } from '../errors.js';
import { describeTrial, type Trial } from './trial.js';

/** How much of a sweep is done, for messages. */
export interface SweepState {
  done: number;
  total: number;
  folder: string;
  /** How to go on. */
  goOn: string;
}

/** `error` with the trial's name; an abort stays as it is. */
export function trialFailure(error: unknown, trial: Trial): unknown {
  if (codeOf(error) === 'ABORTED') return error;
  return new ConvsweepError(codeOf(error), `${describeTrial(trial)} failed: ${messageOf(error)}`, {
    cause: error,
  });
}

/** The error that ends a sweep: why, what is kept, and how to go on. */
export function sweepFailure(error: unknown, { done, total, folder, goOn }: SweepState): ConvsweepError {
  const kept = `${done} of ${total} trials are finished and kept in ${folder}; ${goOn}`;
  const isAbort = codeOf(error) === 'ABORTED';
  const reason = isAbort ? 'The sweep was stopped' : `The sweep ended: ${messageOf(error)}`;
  return new ConvsweepError(codeOf(error), `${reason}. ${kept}`, {
    cause: isAbort && types.isNativeError(error) ? (error.cause ?? error) : error,
  });
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof ConvsweepError) return error.code;
  return (error as NodeJS.ErrnoException | undefined)?.syscall ? 'FILE' : 'NATIVE';
}

function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}
