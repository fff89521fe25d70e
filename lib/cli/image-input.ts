import { buffer } from 'node:stream/consumers';
import { type FittedImage, fitImage } from '../data/fit-image.js';
import { decodePng, readPng } from '../data/png-image.js';
import { invalidArgument } from '../errors.js';

/** The argument that stands for standard input. */
export const STDIN = '-';

/** A picture from a file or from standard input, made fit for a model. */
export interface InputImage extends FittedImage {
  /** The argument. */
  file: string;
  /** As it came. */
  width: number;
  height: number;
}

/**
 * Reads PNG pictures for a model of `shape`.
 * @param files paths, or `-` once for standard input
 * @throws ConvsweepError `INVALID_ARGUMENT`, `FILE`, `INVALID_DATA`, `SHAPE_MISMATCH`
 */
export async function readInputImages(
  files: readonly string[],
  shape: [number, number, number],
): Promise<InputImage[]> {
  if (files.filter((file) => file === STDIN).length > 1) {
    throw invalidArgument('[images...]', '"-" only once', files.join(' '));
  }
  const images: InputImage[] = [];
  for (const file of files) {
    const image = file === STDIN ? await readStdin() : await readPng(file);
    images.push({ file, width: image.width, height: image.height, ...fitImage(image, shape) });
  }
  return images;
}

async function readStdin() {
  if (process.stdin.isTTY) {
    throw invalidArgument(
      '[images...]',
      'a PNG on standard input, as in: convsweep predict MODEL.h5 - < digit.png',
      STDIN,
    );
  }
  return decodePng(await buffer(process.stdin), 'standard input');
}
