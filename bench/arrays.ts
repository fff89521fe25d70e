import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where an array lies in `job.bin`. */
interface Entry {
  type: 'uint8' | 'uint32' | 'float32';
  shape: number[];
  offset: number;
}

/** Hands arrays to the peers: `job.json` (a description, and where each array lies) and `job.bin` (raw, little-endian). */
export class Arrays {
  readonly #chunks: Uint8Array[] = [];
  readonly #entries: Record<string, Entry> = {};
  #length = 0;

  add(name: string, shape: readonly number[], data: Uint8Array | Uint32Array | Float32Array): void {
    const type = data instanceof Uint8Array ? 'uint8' : data instanceof Uint32Array ? 'uint32' : 'float32';
    this.#entries[name] = { type, shape: [...shape], offset: this.#length };
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const padding = new Uint8Array(-bytes.length & 3);
    this.#chunks.push(bytes, padding);
    this.#length += bytes.length + padding.length;
  }

  async write(folder: string, description: object): Promise<void> {
    await writeFile(join(folder, 'job.json'), JSON.stringify({ ...description, arrays: this.#entries }));
    await writeFile(join(folder, 'job.bin'), this.#chunks);
  }
}
