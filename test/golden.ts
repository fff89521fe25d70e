import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../lib/package.js';

/** The folder test/fixtures. */
export const fixtures = join(packageRoot(), 'test', 'fixtures');

interface GoldenIndex {
  widths: [number, number, number];
  history: Record<'loss' | 'accuracy' | 'val_loss' | 'val_accuracy', number[]>;
  tensors: Record<string, { dtype: 'uint8' | 'int64' | 'float32'; shape: number[]; offset: number }>;
}

const folder = join(fixtures, 'golden');
const index = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as GoldenIndex;
const bytes = readFileSync(join(folder, 'golden.bin'));

/** Of the fixture's model, and what its fit returned. */
export const { widths, history } = index;

/** The values of a float32 tensor. */
export function floats(name: string): Float32Array {
  const { offset, size } = find(name, 'float32');
  return Float32Array.from({ length: size }, (_, i) => bytes.readFloatLE(offset + 4 * i));
}

/** Pixels of the training or validation images. */
export function images(set: 'train' | 'val'): Uint8Array {
  const { offset, size } = find(`${set}/x`, 'uint8');
  return Uint8Array.from(bytes.subarray(offset, offset + size));
}

export function labels(set: 'train' | 'val'): Uint8Array {
  const { offset, size } = find(`${set}/y`, 'int64');
  return Uint8Array.from({ length: size }, (_, i) => Number(bytes.readBigInt64LE(offset + 8 * i)));
}

function find(name: string, dtype: 'uint8' | 'int64' | 'float32'): { offset: number; size: number } {
  const entry = index.tensors[name];
  if (entry?.dtype !== dtype) throw new Error(`The golden fixture has no ${dtype} tensor ${name}`);
  return { offset: entry.offset, size: entry.shape.reduce((a, b) => a * b, 1) };
}

export function goldenShape(name: string): number[] {
  return index.tensors[name]!.shape;
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
