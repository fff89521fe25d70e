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

/** `error` with the trial's name; an abort stays as it is, and so does a defect of this package. */
export function trialFailure(error: unknown, trial: Trial): unknown {
  const code = codeOf(error);
  if (code === undefined || code === 'ABORTED') return error;
  return new ConvsweepError(code, `${describeTrial(trial)} failed: ${messageOf(error)}`, {
    cause: error,
  });
}

/** The error that ends a sweep: why, what is kept, and how to go on. A defect of this package stays as it is. */
export function sweepFailure(error: unknown, { done, total, folder, goOn }: SweepState): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const kept = `${done} of ${total} trials are finished and kept in ${folder}; ${goOn}`;
  const isAbort = code === 'ABORTED';
  const reason = isAbort ? 'The sweep was stopped' : `The sweep ended: ${messageOf(error)}`;
  return new ConvsweepError(code, `${reason}. ${kept}`, {
    cause: isAbort && types.isNativeError(error) ? (error.cause ?? error) : error,
  });
}

/** Undefined for what neither this package nor the system throws on purpose. */
function codeOf(error: unknown): ErrorCode | undefined {
  if (error instanceof ConvsweepError) return error.code;
  return (error as NodeJS.ErrnoException | undefined)?.syscall ? 'FILE' : undefined;
}

function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}
