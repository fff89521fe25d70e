import { ConvsweepError, invalidArgument } from '../errors.js';
import { readWhole } from '../files.js';
import { decodeRgba } from './png-decoder.js';

/** A picture: four bytes a pixel, red, green, blue and opacity, row by row. */
export interface RgbaImage {
  width: number;
  height: number;
  data: Uint8Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Where the header has width and height, after the signature, the chunk's length and `IHDR`. */
const SIZE_OFFSET = 16;
/** A header may claim any size; this is above nearly any photograph, and takes a quarter of a gigabyte. */
const MAX_PIXELS = 64e6;
const MAX_SIDE = 16384;

/** How the files begin that are most likely to be taken for a PNG. */
const OTHER_FORMATS: [name: string, signature: string][] = [
  ['a JPEG', '\xff\xd8\xff'],
  ['a GIF', 'GIF8'],
  ['a BMP', 'BM'],
  ['a TIFF', 'II*\0'],
  ['a TIFF', 'MM\0*'],
  ['a WebP or another RIFF file', 'RIFF'],
  ['a PDF', '%PDF'],
  ['an HDF5 file, such as a Keras model', '\x89HDF'],
  ['a gzip file', '\x1f\x8b'],
];

/**
 * Reads a PNG file of any kind: grey, palette or colour, 1 to 16 bits, transparent, interlaced.
 * @throws ConvsweepError `INVALID_ARGUMENT`; `FILE` when it cannot be read, `INVALID_DATA` when it is no PNG, or a damaged one
 */
export async function readPng(path: string): Promise<RgbaImage> {
  if (typeof path !== 'string' || path === '') throw invalidArgument('path', 'the path of a PNG file', path);
  return decodePng(await readWhole(path), path);
}

/**
 * As {@link readPng}, of bytes in memory.
 * @param name what messages call them
 */
export function decodePng(bytes: Buffer, name: string): RgbaImage {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) {
    throw new ConvsweepError(
      'INVALID_DATA',
      `Expected a PNG image in ${name} but ${describeStart(bytes)}; convert it to PNG`,
    );
  }
  if (bytes.length >= SIZE_OFFSET + 8) {
    const [width, height] = [bytes.readUInt32BE(SIZE_OFFSET), bytes.readUInt32BE(SIZE_OFFSET + 4)];
    if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
      throw new ConvsweepError(
        'INVALID_DATA',
        `Expected an image of at most 64 megapixels, ${MAX_SIDE} a side, in ${name} but received ${width} x ${height}; make it smaller`,
      );
    }
  }
  try {
    return decodeRgba(bytes);
  } catch (cause) {
    throw new ConvsweepError(
      'INVALID_DATA',
      `Expected a whole PNG image in ${name} but it is truncated or damaged: ${(cause as Error).message} (${bytes.length} bytes)`,
      { cause },
    );
  }
}

function describeStart(bytes: Buffer): string {
  if (bytes.length === 0) return 'it is empty';
  const start = bytes.subarray(0, 8);
  const hex = [...start].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const known = OTHER_FORMATS.find(
    ([, signature]) => bytes.toString('latin1', 0, signature.length) === signature,
  );
  return `it begins with ${hex}${known ? ` (${known[0]})` : ''}`;
}
