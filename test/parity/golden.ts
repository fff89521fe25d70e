import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../lib/package.js';

interface Entry {
  dtype: 'uint8' | 'int64' | 'float32';
  shape: number[];
  offset: number;
}

/** The numbers of Keras 2.8 in test/fixtures/golden; its README says what they are. */
export class Golden {
  readonly widths: [number, number, number];
  readonly history: Record<'loss' | 'accuracy' | 'val_loss' | 'val_accuracy', number[]>;
  readonly #entries: Record<string, Entry>;
  readonly #bytes: Buffer;

  constructor() {
    const folder = join(packageRoot(), 'test', 'fixtures', 'golden');
    const index = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'));
    this.widths = index.widths;
    this.history = index.history;
    this.#entries = index.tensors;
    this.#bytes = readFileSync(join(folder, 'golden.bin'));
  }

  floats(name: string): Float32Array {
    const { offset, size } = this.#find(name, 'float32');
    return Float32Array.from({ length: size }, (_, i) => this.#bytes.readFloatLE(offset + 4 * i));
  }

  images(set: 'train' | 'val'): Uint8Array {
    const { offset, size } = this.#find(`${set}/x`, 'uint8');
    return Uint8Array.from(this.#bytes.subarray(offset, offset + size));
  }

  labels(set: 'train' | 'val'): Uint8Array {
    const { offset, size } = this.#find(`${set}/y`, 'int64');
    return Uint8Array.from({ length: size }, (_, i) => Number(this.#bytes.readBigInt64LE(offset + 8 * i)));
  }

  #find(name: string, dtype: Entry['dtype']): { offset: number; size: number } {
    const entry = this.#entries[name];
    if (entry?.dtype !== dtype) throw new Error(`The golden fixture has no ${dtype} tensor ${name}`);
    return { offset: entry.offset, size: entry.shape.reduce((a, b) => a * b, 1) };
  }
}
