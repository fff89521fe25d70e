import { type Hdf5Bytes, readSize, requireSignature } from './hdf5-bytes.js';
import { invalid } from './invalid.js';

/** An entry of a leaf: what it refers to, and the key before it. */
export interface TreeEntry {
  key: Buffer;
  child: number;
}

/** The leaves' entries, in order, of the version 1 B-tree (III.A.1) whose root is at `address`. */
export function* readTree(
  file: Hdf5Bytes,
  address: number,
  { type, keySize }: { type: 0 | 1; keySize: number },
  expectedLevel?: number,
): Generator<TreeEntry> {
  const header = file.structure(address, 24);
  requireSignature(header, 'TREE');
  const level = header[5]!;
  if (header[4] !== type || (expectedLevel !== undefined && level !== expectedLevel))
    throw invalid('it has a B-tree node in the wrong place');
  const entrySize = keySize + 8;
  const entries = file.structure(address + 24, header.readUInt16LE(6) * entrySize);
  for (let at = 0; at < entries.length; at += entrySize) {
    const child = readSize(entries, at + keySize);
    if (level === 0) yield { key: entries.subarray(at, at + keySize), child };
    else yield* readTree(file, child, { type, keySize }, level - 1);
  }
}
