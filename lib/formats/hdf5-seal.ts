/**
 * A checksum in an HDF5 file of our own, as a text that Keras ignores: whatever is damaged later, from a weight to the
 * place of a name, is found when the file is read.
 */
import { createHash } from 'node:crypto';
import { invalid } from './invalid.js';

/** The attribute of the root that holds the seal. */
export const SEAL = 'convsweep_sha256';

/** What its text begins with: with the attribute's name damaged, or the text, the other still tells of a seal. */
const MARK = `${SEAL}:`;
const DIGITS = 64;

/** The text to write as {@link SEAL}; {@link seal} fills it in. */
export const UNSEALED = MARK + '0'.repeat(DIGITS);

/** Puts the checksum of the whole file, with {@link UNSEALED} in it, in the place of that text; returns `file`. */
export function seal(file: Buffer): Buffer {
  const at = file.indexOf(UNSEALED);
  file.write(sealOf(file, at), at, 'ascii');
  return file;
}

/**
 * Whether the file has a seal.
 * @throws ConvsweepError `INVALID_MODEL` when the seal is not that of the file
 */
export function requireSeal(bytes: Uint8Array): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!file.includes(SEAL)) return false;
  const at = file.indexOf(MARK);
  if (at < 0 || file.toString('latin1', at, at + UNSEALED.length) !== sealOf(file, at)) {
    throw invalid(
      'it was damaged or changed after it was saved (its checksum differs); if it was changed on purpose, open it in Keras and save it again',
    );
  }
  return true;
}

/** The text of the seal of a file that has it at `at`. */
function sealOf(file: Buffer, at: number): string {
  const hash = createHash('sha256').update(file.subarray(0, at)).update(UNSEALED);
  return MARK + hash.update(file.subarray(at + UNSEALED.length)).digest('hex');
}
