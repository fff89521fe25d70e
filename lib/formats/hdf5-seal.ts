/**
 * A checksum in an HDF5 file of our own, as a text that Keras ignores: whatever is damaged later, from a weight to the
 * place of a name, is found when the file is read.
 */

import { createHash } from 'node:crypto';
import { invalid } from './invalid.js';

/** The attribute of the root that holds the seal. */
export const SEAL = 'convsweep_sha256';

const MARK = 'sha256:';
const DIGITS = 64;

/** The text to write as {@link SEAL}; {@link seal} fills it in. */
export const UNSEALED = MARK + '0'.repeat(DIGITS);

/** Puts the checksum of the whole file, with {@link UNSEALED} in it, in the place of that text; returns `file`. */
export function seal(file: Buffer): Buffer {
  file.write(MARK + digest(file), file.indexOf(UNSEALED), 'ascii');
  return file;
}

/**
 * Whether the file has a seal.
 * @param text what it has as {@link SEAL}
 * @throws ConvsweepError `INVALID_MODEL` when the seal is not that of the file
 */
export function requireSeal(bytes: Uint8Array, text: string | undefined): boolean {
  if (text === undefined) return false;
  const copy = Buffer.from(bytes);
  const at = text.length === UNSEALED.length ? copy.indexOf(text) : -1;
  if (at < 0 || text !== MARK + digest(blanked(copy, at))) {
    throw invalid(
      `it was damaged or changed after it was saved (its checksum differs); if it was changed on purpose, delete its attribute ${SEAL}`,
    );
  }
  return true;
}

function blanked(file: Buffer, at: number): Buffer {
  file.write(UNSEALED, at, 'ascii');
  return file;
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
