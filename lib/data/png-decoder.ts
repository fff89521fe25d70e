/**
 * Decodes PNG (ISO 15948) a few kilobytes of image data at a time: beside the file and the picture no more memory is
 * taken than a few rows need.
 */
import { createRequire } from 'node:module';
import { MAX_DEFLATE } from '../deflate.js';
import { type PngFile, readChunks } from './png-chunks.js';
import type { RgbaImage } from './png-image.js';

const require = createRequire(import.meta.url);

/** How much is inflated at once: becomes half a megabyte at most. */
const PIECE = 512;

/** Where the pixels of a pass are: every so many rows and columns, from a first. */
interface Pass {
  left: number;
  top: number;
  stepX: number;
  stepY: number;
}

const WHOLE: readonly Pass[] = [{ left: 0, top: 0, stepX: 1, stepY: 1 }];
/** Adam7: seven smaller pictures. */
const INTERLACED: readonly Pass[] = [
  { left: 0, top: 0, stepX: 8, stepY: 8 },
  { left: 4, top: 0, stepX: 8, stepY: 8 },
  { left: 0, top: 4, stepX: 4, stepY: 8 },
  { left: 2, top: 0, stepX: 4, stepY: 4 },
  { left: 0, top: 2, stepX: 2, stepY: 4 },
  { left: 1, top: 0, stepX: 2, stepY: 2 },
  { left: 0, top: 1, stepX: 1, stepY: 2 },
];

/**
 * The picture in the PNG file `bytes`, which begins with the signature.
 * @throws Error saying what is wrong with the file
 */
export function decodeRgba(bytes: Buffer): RgbaImage {
  // Loaded when it is needed: most who import this package read no PNG.
  const { Unzlib } = require('fflate') as typeof import('fflate');
  const file = readChunks(bytes);
  const { width, height, data, isInterlaced } = file;
  const rows = imageRows(file, isInterlaced ? INTERLACED : WHOLE);
  const packed = data.reduce((sum, piece) => sum + piece.length, 0);
  // Before room is made for the picture.
  if (rows.size > packed * MAX_DEFLATE) throw new Error('image data is missing');
  const image = { width, height, data: new Uint8Array(width * height * 4) };
  const setPixels = pixelWriter(file, image.data);
  const reader = new RowReader(rows.all, Math.ceil((file.depth * file.samples) / 8), (row, { y, pass }) =>
    setPixels(row, pass, y * width, width),
  );
  const inflate = new Unzlib((chunk) => reader.push(chunk));
  for (const piece of data) {
    for (let at = 0; at < piece.length && !reader.isDone; at += PIECE)
      inflate.push(piece.subarray(at, at + PIECE));
  }
  if (!reader.isDone) throw new Error('image data is missing');
  return image;
}

interface Row {
  bytes: number;
  y: number;
  pass: Pass;
}

/** All rows in the order of the file, and the bytes of all with their filters. */
function imageRows(file: PngFile, passes: readonly Pass[]): { all: () => Generator<Row>; size: number } {
  const shapes = passes
    .map((pass) => ({
      pass,
      columns: Math.ceil((file.width - pass.left) / pass.stepX),
      rows: Math.ceil((file.height - pass.top) / pass.stepY),
    }))
    .filter(({ columns, rows }) => columns > 0 && rows > 0);
  const bytesOf = (columns: number) => Math.ceil((columns * file.depth * file.samples) / 8);
  return {
    size: shapes.reduce((sum, { columns, rows }) => sum + rows * (1 + bytesOf(columns)), 0),
    *all() {
      for (const { pass, columns, rows } of shapes) {
        const bytes = bytesOf(columns);
        for (let row = 0; row < rows; row++) yield { bytes, y: pass.top + row * pass.stepY, pass };
      }
    },
  };
}

/** Takes inflated bytes as they come and gives whole rows, their filters undone. */
class RowReader {
  readonly #rows: Generator<Row>;
  /** Bytes from a pixel to the next, for the filters. */
  readonly #distance: number;
  readonly #use: (row: Uint8Array, where: Row) => void;
  #where: Row | undefined;
  /** With the filter's number before it. */
  #row = new Uint8Array(0);
  #above = new Uint8Array(0);
  #filled = 0;

  constructor(rows: () => Generator<Row>, distance: number, use: (row: Uint8Array, where: Row) => void) {
    this.#rows = rows();
    this.#distance = distance;
    this.#use = use;
    this.#next();
  }

  get isDone(): boolean {
    return this.#where === undefined;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#where; ) {
      const part = bytes.subarray(at, at + this.#row.length - this.#filled);
      this.#row.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < this.#row.length) return;
      unfilter(this.#row, this.#above, this.#distance);
      this.#use(this.#row.subarray(1), this.#where);
      this.#next();
    }
  }

  #next(): void {
    const before = this.#where;
    this.#where = this.#rows.next().value as Row | undefined;
    if (!this.#where) return;
    if (before?.pass === this.#where.pass) [this.#row, this.#above] = [this.#above, this.#row];
    else {
      this.#row = new Uint8Array(1 + this.#where.bytes);
      this.#above = new Uint8Array(1 + this.#where.bytes);
    }
    this.#filled = 0;
  }
}

/** Undoes the filter of a row (9), which byte 0 names, in place; `above` is the row before it. */
function unfilter(row: Uint8Array, above: Uint8Array, distance: number): void {
  const filter = row[0]!;
  for (let i = 1; i < row.length; i++) {
    const left = i > distance ? row[i - distance]! : 0;
    const up = above[i]!;
    if (filter === 1) row[i]! += left;
    else if (filter === 2) row[i]! += up;
    else if (filter === 3) row[i]! += (left + up) >> 1;
    else if (filter === 4) row[i]! += paeth(left, up, i > distance ? above[i - distance]! : 0);
    else if (filter !== 0) throw new Error(`there is no filter ${filter}`);
  }
}

/** Whichever of the three is nearest to left + up - corner. */
function paeth(left: number, up: number, corner: number): number {
  const [toLeft, toUp] = [Math.abs(up - corner), Math.abs(left - corner)];
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** What puts the pixels of a row of a pass into `rgba`, the picture's row beginning at pixel `start`. */
function pixelWriter(
  { colorType, depth, samples, palette, transparency }: PngFile,
  rgba: Uint8Array,
): (row: Uint8Array, pass: Pass, start: number, width: number) => void {
  const largest = 2 ** depth - 1;
  const sample = (row: Uint8Array, i: number): number => {
    if (depth === 8) return row[i]!;
    if (depth === 16) return (row[2 * i]! << 8) | row[2 * i + 1]!;
    const bit = i * depth;
    return (row[bit >> 3]! >> (8 - depth - (bit & 7))) & largest;
  };
  const toByte = (value: number) => (depth === 8 ? value : Math.floor((value * 255) / largest + 0.5));
  const isGrey = colorType === 0 || colorType === 4;
  const hasOpacity = colorType === 4 || colorType === 6;
  const clear = hasOpacity || colorType === 3 || !transparency ? undefined : clearSamples(transparency);
  return (row, { left, stepX }, start, width) => {
    for (let x = left, i = 0; x < width; x += stepX, i += samples) {
      const to = 4 * (start + x);
      if (colorType === 3) {
        const index = sample(row, i);
        if (3 * index >= palette!.length) throw new Error(`there is no color ${index} in its palette`);
        for (let k = 0; k < 3; k++) rgba[to + k] = palette![3 * index + k]!;
        rgba[to + 3] = transparency?.[index] ?? 255;
        continue;
      }
      // All four stay zero.
      if (clear?.every((value, k) => sample(row, i + k) === value)) continue;
      for (let k = 0; k < 3; k++) rgba[to + k] = toByte(sample(row, isGrey ? i : i + k));
      rgba[to + 3] = hasOpacity ? toByte(sample(row, i + samples - 1)) : 255;
    }
  };
}

function clearSamples(transparency: Buffer): number[] {
  return Array.from({ length: transparency.length / 2 }, (_, i) => transparency.readUInt16BE(2 * i));
}
