import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../lib/native.js';

export const fixtures = join(packageRoot(), 'test', 'fixtures');

interface GoldenIndex {
  tensors: Record<string, { dtype: 'uint8' | 'int64' | 'float32'; shape: number[]; offset: number }>;
}

const folder = join(fixtures, 'golden');
const index = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as GoldenIndex;
const bytes = readFileSync(join(folder, 'golden.bin'));

/** The values of a tensor of the golden fixture, labels as bytes. */
export function golden(name: string): Uint8Array | Float32Array {
  const { dtype, shape, offset } = index.tensors[name]!;
  const size = shape.reduce((a, b) => a * b, 1);
  if (dtype === 'uint8') return Uint8Array.from(bytes.subarray(offset, offset + size));
  if (dtype === 'int64') return Uint8Array.from({ length: size }, (_, i) => bytes.readInt8(offset + 8 * i));
  return Float32Array.from({ length: size }, (_, i) => bytes.readFloatLE(offset + 4 * i));
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
