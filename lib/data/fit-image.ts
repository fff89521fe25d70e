import { types } from 'node:util';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { requireInteger } from '../validate.js';
import type { RgbaImage } from './png-image.js';

/** A picture as a model's input. */
export interface FittedImage {
  /** 0..255, `height x width x channels` */
  pixels: Uint8Array;
  /** What was done to the picture, in order and in words; empty if it already was such an input. */
  steps: string[];
}

/**
 * One value per pixel, 0..255, not rounded. A value of a picture is worked out whenever it is asked for: eight bytes for
 * each would be gigabytes for a photograph.
 */
interface Plane {
  width: number;
  height: number;
  /** The value of pixel `i`, row by row. */
  at(i: number): number;
}

/**
 * Makes a picture into what a model of such images takes: transparency is laid over what contrasts with the drawing,
 * colour becomes grey for models of one channel, a bright background is inverted for them, since the data sets draw
 * bright on dark, and the size is changed by averaging areas, whole and centred, with its background beside it if the
 * proportions differ.
 * @param shape `[height, width, channels]`, one or three channels
 * @throws ConvsweepError `INVALID_ARGUMENT`; `SHAPE_MISMATCH` for another number of channels
 */
export function fitImage(image: RgbaImage, shape: readonly [number, number, number]): FittedImage {
  requireImage(image);
  if (!Array.isArray(shape) || shape.length !== 3) {
    throw invalidArgument('shape', '[height, width, channels]', shape);
  }
  for (const [i, size] of shape.entries()) requireInteger(`shape[${i}]`, size);
  const [height, width, channels] = shape;
  if (channels !== 1 && channels !== 3) {
    throw new ConvsweepError(
      'SHAPE_MISMATCH',
      `Expected a model of 1 (grey) or 3 (colour) channels for image files but it takes ${shape.join(' x ')}`,
    );
  }
  const steps: string[] = [];
  const colors = opaquePlanes(image, steps);
  const planes = channels === 3 ? colors : [uninverted(grey(colors, steps), steps)];
  const backgrounds = planes.map(borderMedian);
  if (image.width !== width || image.height !== height) {
    steps.push(`resized from ${image.width} x ${image.height} to ${width} x ${height}`);
    if (image.width * height !== image.height * width) steps.push('padded with its background');
  }
  const fitted = planes.map((plane, i) => centred(plane, width, height, backgrounds[i]!));
  const pixels = new Uint8Array(height * width * channels);
  for (const [channel, values] of fitted.entries()) {
    for (const [i, value] of values.entries()) pixels[i * channels + channel] = Math.round(value);
  }
  return { pixels, steps };
}

function requireImage(image: RgbaImage): void {
  if (typeof image !== 'object' || image === null) {
    throw invalidArgument('image', '{ width, height, data }, e.g. from readPng', image);
  }
  requireInteger('image.width', image.width);
  requireInteger('image.height', image.height);
  const bytes = image.width * image.height * 4;
  if (!types.isUint8Array(image.data) || image.data.length !== bytes) {
    const received = types.isUint8Array(image.data) ? image.data.length : image.data;
    throw invalidArgument('image.data', `a Uint8Array of ${bytes} values (four for each pixel)`, received);
  }
}

/** Red, green and blue. */
function opaquePlanes({ width, height, data }: RgbaImage, steps: string[]): [Plane, Plane, Plane] {
  let ink = 0;
  let opacity = 0;
  for (let i = 0; i < data.length; i += 4) {
    ink += data[i + 3]! * luma(data[i]!, data[i + 1]!, data[i + 2]!);
    opacity += data[i + 3]!;
  }
  const isTransparent = opacity < 255 * width * height;
  const backdrop = ink / opacity > 127.5 ? 0 : 255;
  if (isTransparent) steps.push(`transparency laid over ${backdrop === 0 ? 'black' : 'white'}`);
  const plane = (channel: number): Plane => ({
    width,
    height,
    at(i) {
      const alpha = data[i * 4 + 3]! / 255;
      const value = data[i * 4 + channel]!;
      return alpha === 1 ? value : alpha * value + (1 - alpha) * backdrop;
    },
  });
  return [plane(0), plane(1), plane(2)];
}

function grey([red, green, blue]: [Plane, Plane, Plane], steps: string[]): Plane {
  const pixels = red.width * red.height;
  let i = 0;
  while (i < pixels && red.at(i) === green.at(i) && red.at(i) === blue.at(i)) i++;
  if (i === pixels) return red;
  steps.push('colour made grey');
  return { ...red, at: (i) => luma(red.at(i), green.at(i), blue.at(i)) };
}

function uninverted(plane: Plane, steps: string[]): Plane {
  if (borderMedian(plane) <= 127.5) return plane;
  steps.push('inverted (bright background)');
  return { ...plane, at: (i) => 255 - plane.at(i) };
}

/** The background, taken to be what most of the outermost pixels are. */
function borderMedian({ width, height, at }: Plane): number {
  const border: number[] = [];
  for (let y = 0; y < height; y++) {
    const isEdge = y === 0 || y === height - 1;
    for (let x = 0; x < width; x += isEdge ? 1 : Math.max(width - 1, 1)) border.push(at(y * width + x));
  }
  return Float64Array.from(border).sort()[border.length >> 1]!;
}

/** The values of the whole plane as large as it fits, in the middle of a plane of the given size. */
function centred(plane: Plane, width: number, height: number, background: number): Float64Array {
  const scale = Math.min(width / plane.width, height / plane.height);
  const [innerWidth, innerHeight] = [plane.width, plane.height].map((side) =>
    Math.max(1, Math.round(side * scale)),
  ) as [number, number];
  const inner = transposed(resizedRows(transposed(resizedRows(plane, innerWidth)), innerHeight));
  const left = (width - innerWidth) >> 1;
  const top = (height - innerHeight) >> 1;
  const values = new Float64Array(width * height).fill(background);
  for (let y = 0; y < innerHeight; y++) {
    for (let x = 0; x < innerWidth; x++) values[(top + y) * width + left + x] = inner.at(y * innerWidth + x);
  }
  return values;
}

/** Every row with `width` values, each the mean of the stretch of the old row that it covers. */
function resizedRows(plane: Plane, width: number): Plane {
  if (plane.width === width) return plane;
  const values = new Float64Array(width * plane.height);
  const stretch = plane.width / width;
  for (let y = 0; y < plane.height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [x * stretch, (x + 1) * stretch];
      for (let old = Math.floor(from); old < Math.min(Math.ceil(to), plane.width); old++) {
        const share = (Math.min(to, old + 1) - Math.max(from, old)) / stretch;
        values[y * width + x]! += share * plane.at(y * plane.width + old);
      }
    }
  }
  return { width, height: plane.height, at: (i) => values[i]! };
}

function transposed({ width, height, at }: Plane): Plane {
  return { width: height, height: width, at: (i) => at((i % height) * width + Math.floor(i / height)) };
}

/** Brightness as ITU-R BT.601 weighs it. */
function luma(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
