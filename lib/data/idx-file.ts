import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ConvsweepError } from '../errors.js';

/** The contents of an IDX file of unsigned bytes. */
export interface IdxFile {
  path: string;
  /** As many lengths as there are dimensions, none zero. */
  shape: number[];
  /** Row-major. */
  data: Uint8Array;
}

/**
 * Reads one IDX file of unsigned bytes. Whether it is gzipped is told by its first bytes, not by its name.
 * @param dimensions how many it must have: 1 for labels, 3 for images
 * @throws ConvsweepError `FILE` when it cannot be read, `INVALID_DATA` when its gzip data is damaged, its magic is of
 *   another kind, a length is zero, or its size does not match its lengths
 */
export async function readIdxFile(path: string, dimensions: 1 | 3): Promise<IdxFile> {
  const bytes = await decompress(await read(path), path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerSize = 4 + 4 * dimensions;
  const expectedMagic = 0x800 + dimensions;
  if (bytes.length < 4 || view.getUint32(0) !== expectedMagic) {
    throw invalidData(
      path,
      `the magic ${magicText(expectedMagic)}`,
      bytes.length < 4 ? `a file of ${bytes.length} bytes` : magicText(view.getUint32(0)),
    );
  }
  if (bytes.length < headerSize) {
    throw invalidData(path, `a header of ${headerSize} bytes`, `a file of ${bytes.length} bytes`);
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  if (shape.includes(0)) throw invalidData(path, 'lengths of at least 1', shape.join(' x '));
  const size = headerSize + shape.reduce((product, length) => product * length, 1);
  if (bytes.length !== size) {
    const problem = bytes.length < size ? 'the file is cut short' : 'there are trailing bytes';
    throw invalidData(
      path,
      `${size} bytes, as the header says ${shape.join(' x ')}`,
      `${bytes.length}: ${problem}`,
    );
  }
  return { path, shape, data: bytes.subarray(headerSize) };
}

/** The uniform error of a data file: which file, what was expected, what came. */
export function invalidData(
  path: string,
  expected: string,
  received: string,
  cause?: unknown,
): ConvsweepError {
  return new ConvsweepError('INVALID_DATA', `${path}: expected ${expected} but received ${received}`, {
    cause,
  });
}

function magicText(magic: number): string {
  const hex = `0x${magic.toString(16).padStart(8, '0')}`;
  const dimensions = magic - 0x800;
  if (dimensions === 1) return `${hex} (labels: unsigned bytes, 1 dimension)`;
  if (dimensions === 3) return `${hex} (images: unsigned bytes, 3 dimensions)`;
  return hex;
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new ConvsweepError('FILE', `Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function decompress(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (cause) {
    throw invalidData(path, 'a whole gzip file', `a damaged one (${(cause as Error).message})`, cause);
  }
}
