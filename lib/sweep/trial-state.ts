import { createHash } from 'node:crypto';
import { types } from 'node:util';
import type { ModelSnapshot } from '../training/callback.js';
import type { EarlyStoppingState } from '../training/early-stopping.js';
import type { EpochHistory } from '../training/history.js';
import type { ModelCheckpointState } from '../training/model-checkpoint.js';
import type { SweepConfig } from './config.js';

/** All that the epochs of a trial so far leave for those to come. */
export interface TrialState {
  model: ModelSnapshot;
  stopping: EarlyStoppingState;
  checkpoint: ModelCheckpointState;
  /** Of the epochs done. */
  history: EpochHistory;
  /** As in the trial's record. */
  seconds: number;
  fitSeconds: number;
}

/** A checksum of all that the state of a trial depends on, so that it is taken for no other's. */
export function trialKey(config: SweepConfig, trial: number): string {
  const { trials: _, versions, ...rest } = config;
  const parts = [rest, versions.convsweep, trial];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/**
 * A state as a file: the checksum of what follows, a line of JSON, and the arrays that it refers to, one after the
 * other as they lie in memory.
 */
export function encodeState(state: TrialState, key: string): Buffer {
  const arrays: Uint8Array[] = [];
  let length = 0;
  const replace = (_: string, value: unknown): unknown => {
    if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
    if (!types.isFloat32Array(value)) return value;
    const begin = length;
    length += value.byteLength;
    arrays.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    return { floats: [begin, length] };
  };
  const content = Buffer.concat([Buffer.from(`${JSON.stringify({ key, state }, replace)}\n`), ...arrays]);
  return Buffer.concat([Buffer.from(`${sha256(content)}\n`), content]);
}

/** The state in a file; undefined unless the file is whole and of that key. */
export function decodeState(file: Uint8Array, key: string): TrialState | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const content = bytes.subarray(bytes.indexOf('\n') + 1);
  if (bytes.toString('latin1', 0, bytes.length - content.length) !== `${sha256(content)}\n`) return undefined;
  const end = content.indexOf('\n');
  const arrays = content.subarray(end + 1);
  const revive = (_: string, value: unknown): unknown => {
    const { number, floats } = (value ?? {}) as { number?: string; floats?: [number, number] };
    if (floats) return new Float32Array(Uint8Array.from(arrays.subarray(...floats)).buffer);
    return number === undefined ? value : Number(number);
  };
  const stored = JSON.parse(content.toString('utf8', 0, end), revive) as { key: string; state: TrialState };
  return stored.key === key ? stored.state : undefined;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
