/** Datatype and Dataspace Messages (IV.A.2.d and b). */
import { readSize } from './hdf5-bytes.js';
import { section } from './hdf5-objects.js';
import { invalid } from './invalid.js';

/** The types that model files have; all others are `other`. */
export type Hdf5Type =
  | { kind: 'float32' }
  | { kind: 'text' }
  | { kind: 'integer'; bytes: number; signed: boolean }
  /** Of a fixed length; a shorter text is followed by zeros or spaces. */
  | { kind: 'paddedText'; bytes: number; padding: 'zeros' | 'spaces' }
  | { kind: 'other'; name: string };

const CLASS_NAMES = ['integers', 'floats', 'times', 'texts', 'bits', 'opaque', 'compound', 'references'];

/** Little-endian IEEE float32: sign at bit 31; 4 bytes; 32 bits from 0; exponent of 8 from 23; mantissa of 23; bias. */
const FLOAT32 = Buffer.from([0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]);

export function parseType(body: Buffer): Hdf5Type {
  const kind = body[0]! & 0x0f;
  const flags = body[1]!;
  const bytes = body.readUInt32LE(4);
  if (kind === 1 && section(body, 1, FLOAT32.length).equals(FLOAT32)) return { kind: 'float32' };
  if (kind === 0 && (flags & 1) === 0 && [1, 2, 4, 8].includes(bytes))
    return { kind: 'integer', bytes, signed: (flags & 0x08) !== 0 };
  if (kind === 3) return { kind: 'paddedText', bytes, padding: (flags & 0x0f) === 2 ? 'spaces' : 'zeros' };
  if (kind === 9 && (flags & 0x0f) === 1) return { kind: 'text' };
  const order = kind < 2 ? `${flags & 1 ? 'big' : 'little'}-endian ` : '';
  return { kind: 'other', name: `${order}${CLASS_NAMES[kind] ?? 'others'} of ${bytes} bytes` };
}

/** The lengths of the dimensions; none for a single value. Undefined for what holds nothing at all. */
export function parseShape(body: Buffer): number[] | undefined {
  const [version, rank] = [body[0], body[1]!];
  if (version === 2 && body[3] === 2) return undefined;
  if (version !== 1 && version !== 2) throw invalid('it has a data space of an unknown form');
  const lengths = section(body, version === 1 ? 8 : 4, 8 * rank);
  return Array.from({ length: rank }, (_, i) => readSize(lengths, 8 * i));
}
