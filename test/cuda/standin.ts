import type { NativeAddon } from '../../lib/native/contract.js';
import { device } from '../parity/device.js';

/** What test/native/standin/device.h reports. */
export interface StandinReport {
  /** Rules that were broken. */
  violations: string[];
  /** Kinds of work that were done. */
  kinds: string[];
  /** Live objects by kind, and `bytes` of device memory. */
  alive: Record<string, number>;
  allocations: number;
  operations: number;
  captures: number;
  /** Captures that something else made invalid. */
  broken: number;
  /** Launches of recorded graphs. */
  replays: number;
  /** Times that cuDNN's heuristics were asked for engines. */
  heuristics: number;
  /** Times that the host waited for all that a stream had before it. */
  waits: number;
  /** The most work that a stream had before it. */
  deepest: number;
  /** CUDA_DEVICE_MAX_CONNECTIONS at the first call. */
  connections: string;
  /** Threads that wait for a device sleep. */
  sleeps: boolean;
}

export interface Standin {
  report(): StandinReport;
  /** Sets the faults: words as in test/native/standin/device.h. */
  configure(words: string): void;
}

export const { standin } = device.addon as NativeAddon & { standin: Standin };

/** What `run` did, of all that is counted. */
export async function counts(run: () => Promise<unknown>) {
  const before = standin.report();
  await run();
  const after = standin.report();
  const difference = (key: 'allocations' | 'captures' | 'replays' | 'waits') => after[key] - before[key];
  return {
    allocations: difference('allocations'),
    captures: difference('captures'),
    replays: difference('replays'),
    waits: difference('waits'),
  };
}
