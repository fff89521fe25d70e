import { invalid } from './invalid.js';

/** The address that means none. */
const UNDEFINED = 0xffff_ffff_ffff_ffffn;

/** What reading one structure costs besides its bytes: about the memory that its description takes. */
const STRUCTURE_COST = 64;

/** More than the structures of any model take; their descriptions stay far below a gigabyte. */
const MAX_STRUCTURES = 64 * 1024 ** 2;

/**
 * An HDF5 file's bytes, of which a reader gets only so many. Structures refer to each other by address, so that a
 * damaged file can send a reader round in circles, or into all of the file from each of a million places: every read is
 * paid for, and a file that costs far more than its size is damaged. Reading thus ends, whatever the bytes are.
 */
export class Hdf5Bytes {
  readonly #bytes: Buffer;
  #structures: number;
  #values: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#structures = Math.min(16 * bytes.byteLength + 2 ** 16, MAX_STRUCTURES);
    this.#values = bytes.byteLength;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The `length` bytes of a structure. */
  structure(address: number, length: number): Buffer {
    this.pay(length);
    return this.#slice(address, length);
  }

  /** The `length` bytes of stored values; no two arrays share any, so that all together are as large as the file. */
  values(address: number, length: number): Buffer {
    this.#values -= length;
    if (this.#values < 0) throw invalid('its arrays are larger than the file');
    return this.#slice(address, length);
  }

  /** Pays for a structure of `length` bytes. */
  pay(length: number): void {
    this.#structures -= length + STRUCTURE_COST;
    if (this.#structures < 0) throw invalid('its structures refer to each other without end');
  }

  /** Where the first zero byte after `address` is. */
  endOfText(address: number): number {
    const end = address < this.length ? this.#bytes.indexOf(0, address) : -1;
    if (end < 0) throw invalid('a name in it has no end');
    return end;
  }

  #slice(address: number, length: number): Buffer {
    if (address + length > this.length) throw invalid(`it refers to byte ${address + length}, after its end`);
    return this.#bytes.subarray(address, address + length);
  }
}

/** An unsigned number of 8 bytes that is a size or an address in a file. */
export function readSize(bytes: Buffer, at: number): number {
  const value = Number(bytes.readBigUInt64LE(at));
  if (!Number.isSafeInteger(value)) throw invalid(`it has a size or address of ${value}`);
  return value;
}

/** As {@link readSize}; undefined for the address that means none. */
export function readAddress(bytes: Buffer, at: number): number | undefined {
  return bytes.readBigUInt64LE(at) === UNDEFINED ? undefined : readSize(bytes, at);
}

/** @throws ConvsweepError `INVALID_MODEL` unless `bytes` begins with `signature`, which names a structure */
export function requireSignature(bytes: Buffer, signature: string): void {
  if (bytes.toString('latin1', 0, 4) !== signature)
    throw invalid(`it has something else where ${signature} belongs`);
}
