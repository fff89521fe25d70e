/** The members of groups: links as messages, or in a version 1 B-tree of symbol tables with a heap of names. */

import { describeValue } from '../errors.js';
import { type Hdf5Bytes, readAddress, readSize, requireSignature } from './hdf5-bytes.js';
import { MESSAGE, type Message, section } from './hdf5-objects.js';
import { readTree } from './hdf5-tree.js';
import { invalid } from './invalid.js';

/** The addresses of the members of a group by name, in the file's order. Links to other places are left out. */
export function readLinks(file: Hdf5Bytes, messages: readonly Message[]): Map<string, number> {
  const links = new Map<string, number>();
  const add = (name: string, address: number) => {
    if (links.has(name)) throw invalid(`a group in it has two members ${describeValue(name)}`);
    links.set(name, address);
  };
  for (const { type, body } of messages) {
    if (type === MESSAGE.link) readLink(body, add);
    if (type === MESSAGE.symbolTable) readSymbolTables(file, readSize(body, 0), readSize(body, 8), add);
    if (type === MESSAGE.linkInfo) refuseDenseLinks(body);
  }
  return links;
}

/** Link Message (IV.A.2.g). */
function readLink(body: Buffer, add: (name: string, address: number) => void): void {
  const flags = body[1]!;
  let at = 2;
  const type = flags & 0x08 ? body[at++]! : 0;
  if (flags & 0x04) at += 8;
  if (flags & 0x10) at += 1;
  const lengthBytes = 2 ** (flags & 0x03);
  const length = lengthBytes === 8 ? readSize(body, at) : body.readUIntLE(at, lengthBytes);
  at += lengthBytes;
  const name = section(body, at, length).toString();
  if (type === 0) add(name, readSize(body, at + length));
}

/** Link Info Message (IV.A.2.c): only what libhdf5 writes when told to use the newest forms has its links elsewhere. */
function refuseDenseLinks(body: Buffer): void {
  if (readAddress(body, body[1]! & 0x01 ? 10 : 2) === undefined) return;
  throw invalid(
    "it keeps a group's members in a fractal heap; save it with h5py's defaults (no libver, no track_order)",
  );
}

/** Symbol Table Message (IV.A.2.r): a B-tree (III.A.1) of Group Symbol Table Nodes (III.B). */
function readSymbolTables(
  file: Hdf5Bytes,
  tree: number,
  heapAddress: number,
  add: (name: string, address: number) => void,
): void {
  const heap = file.structure(heapAddress, 32);
  requireSignature(heap, 'HEAP');
  const [namesSize, names] = [readSize(heap, 8), readSize(heap, 24)];
  for (const { child } of readTree(file, tree, { type: 0, keySize: 8 })) {
    const header = file.structure(child, 8);
    requireSignature(header, 'SNOD');
    const count = header.readUInt16LE(6);
    const entries = file.structure(child + 8, 40 * count);
    for (let at = 0; at < entries.length; at += 40) {
      const nameAt = readSize(entries, at);
      const end = file.endOfText(names + nameAt);
      if (end >= names + namesSize) throw invalid('a name in it is outside of the heap of names');
      const name = file.structure(names + nameAt, end - names - nameAt).toString();
      const isSoft = entries.readUInt32LE(at + 16) === 2;
      if (!isSoft) add(name, readSize(entries, at + 8));
    }
  }
}
