import { promisify } from 'node:util';
import { constants, gunzip, type ZlibOptions } from 'node:zlib';
import { MAX_DEFLATE } from '../deflate.js';
import type { ConvsweepError } from '../errors.js';
import { readWhole } from '../files.js';
import { invalidData } from './invalid.js';

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
  const bytes = await readWhole(path);
  if (!isGzip(bytes)) return parseIdx(path, dimensions, bytes);
  const start = bytes.subarray(0, GZIP_START);
  // A flush takes the start of a file for as good as a whole one.
  const header = await inflate(start, path, { finishFlush: constants.Z_SYNC_FLUSH });
  const { size, shape } = readHeader(path, dimensions, header);
  if (size > bytes.length * MAX_DEFLATE)
    throw wrongSize(path, shape, size, `a gzip file of ${bytes.length}: the file is cut short`);
  return parseIdx(path, dimensions, await inflate(bytes, path, { maxOutputLength: size }));
}

/** Enough of a gzip file to have the header of what is in it, and a few megabytes of it at most. */
const GZIP_START = 4096;
/** As much as can be read of a file that is not compressed. */
const MAX_SIZE = 2 ** 31;

function parseIdx(path: string, dimensions: 1 | 3, bytes: Uint8Array): IdxFile {
  const { headerSize, size, shape } = readHeader(path, dimensions, bytes);
  if (bytes.length !== size) {
    const problem = bytes.length < size ? 'the file is cut short' : 'there are trailing bytes';
    throw wrongSize(path, shape, size, `${bytes.length}: ${problem}`);
  }
  return { path, shape, data: bytes.subarray(headerSize) };
}

/** @param size of the file, by its header */
function readHeader(
  path: string,
  dimensions: 1 | 3,
  bytes: Uint8Array,
): { headerSize: number; size: number; shape: number[] } {
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
  if (size > MAX_SIZE)
    throw invalidData(path, `at most ${MAX_SIZE} bytes`, `a header of ${shape.join(' x ')}`);
  return { headerSize, size, shape };
}

function wrongSize(path: string, shape: readonly number[], size: number, received: string): ConvsweepError {
  return invalidData(path, `${size} bytes, as the header says ${shape.join(' x ')}`, received);
}

function magicText(magic: number): string {
  const hex = `0x${magic.toString(16).padStart(8, '0')}`;
  const dimensions = magic - 0x800;
  if (dimensions === 1) return `${hex} (labels: unsigned bytes, 1 dimension)`;
  if (dimensions === 3) return `${hex} (images: unsigned bytes, 3 dimensions)`;
  return hex;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function inflate(bytes: Uint8Array, path: string, options: ZlibOptions): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, options);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      const expected = `${options.maxOutputLength} bytes, as the header says`;
      throw invalidData(path, expected, 'more: there are trailing bytes', cause);
    }
    throw invalidData(path, 'a whole gzip file', `a damaged one (${(cause as Error).message})`, cause);
  }
}
