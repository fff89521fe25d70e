import { ConvsweepError, type ErrorCode } from '../errors.js';
import type { NativeNetwork } from './contract.js';

/** The codes that the addon gives to its errors. */
const NATIVE_CODES = [
  'ABORTED',
  'STATE',
  'OUT_OF_MEMORY',
  'DEVICE_UNAVAILABLE',
  'NATIVE',
] as const satisfies readonly ErrorCode[];
type NativeCode = (typeof NATIVE_CODES)[number];

/** Runs `call`, a synchronous one into the addon, and throws its errors as ConvsweepErrors. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/**
 * Runs `call`, one of the network's promises, until it settles or `signal` stops it.
 * @throws ConvsweepError `ABORTED` with the signal's reason as cause; the addon's errors
 */
export async function runNative<T>(
  network: NativeNetwork,
  call: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const aborted = () => new ConvsweepError('ABORTED', 'The call was aborted', { cause: signal?.reason });
  if (signal?.aborted) throw aborted();
  const stop = () => network.abort();
  signal?.addEventListener('abort', stop);
  try {
    return await call();
  } catch (error) {
    const known = fromNative(error);
    throw codeOf(known) === 'ABORTED' && signal?.aborted ? aborted() : known;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** An error of the addon's as a ConvsweepError; any other, such as a refused argument's TypeError, as it is. */
function fromNative(error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof ConvsweepError || !isNativeCode(code)) return error;
  return new ConvsweepError(code, (error as Error).message, { cause: error });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

function isNativeCode(code: unknown): code is NativeCode {
  return (NATIVE_CODES as readonly unknown[]).includes(code);
}
