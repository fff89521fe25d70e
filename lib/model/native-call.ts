import { ConvsweepError, type ErrorCode } from '../errors.js';
import type { NativeNetwork } from '../native.js';

/** The codes that the addon gives to its errors. */
const NATIVE_CODES: readonly string[] = [
  'ABORTED',
  'STATE',
  'OUT_OF_MEMORY',
  'DEVICE_UNAVAILABLE',
  'NATIVE',
] satisfies ErrorCode[];

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
    throw known.code === 'ABORTED' && signal?.aborted ? aborted() : known;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function fromNative(error: unknown): ConvsweepError {
  if (error instanceof ConvsweepError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const known = NATIVE_CODES.includes(code as string) ? (code as ErrorCode) : 'NATIVE';
  return new ConvsweepError(known, String(message ?? error), { cause: error });
}
