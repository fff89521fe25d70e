/** Data Object Headers (IV.A of the HDF5 File Format Specification 3.0): what groups and data sets are made of. */
import { type Hdf5Bytes, readSize, requireSignature } from './hdf5-bytes.js';
import { invalid } from './invalid.js';

/** The types of messages that are read. */
export const MESSAGE = {
  dataspace: 0x0001,
  linkInfo: 0x0002,
  datatype: 0x0003,
  link: 0x0006,
  layout: 0x0008,
  filters: 0x000b,
  attribute: 0x000c,
  continuation: 0x0010,
  symbolTable: 0x0011,
  attributeInfo: 0x0015,
} as const;

/** A header message: one property of an object. */
export interface Message {
  type: number;
  body: Buffer;
}

/** Whether the body is elsewhere and the message only says where. */
const SHARED = 0x02;

/** The messages of the object at `address`, without those that are not read. */
export function readObject(file: Hdf5Bytes, address: number): Message[] {
  const version = file.structure(address, 4);
  if (version[0] === 1) return readVersion1(file, address);
  requireSignature(version, 'OHDR');
  return readVersion2(file, address);
}

function readVersion1(file: Hdf5Bytes, address: number): Message[] {
  const prefix = file.structure(address, 16);
  const count = prefix.readUInt16LE(2);
  const blocks: [address: number, length: number][] = [[address + 16, prefix.readUInt32LE(8)]];
  const messages: Message[] = [];
  let seen = 0;
  for (let i = 0; i < blocks.length && seen < count; i++) {
    const block = file.structure(...blocks[i]!);
    for (let at = 0; at + 8 <= block.length && seen < count; seen++) {
      const body = section(block, at + 8, block.readUInt16LE(at + 2));
      add(file, messages, blocks, { type: block.readUInt16LE(at), body }, block[at + 4]!);
      at += 8 + body.length;
    }
  }
  if (seen < count) throw invalid(`an object in it has ${seen} of ${count} messages`);
  return messages;
}

function readVersion2(file: Hdf5Bytes, address: number): Message[] {
  const flags = file.structure(address, 6)[5]!;
  const sizeAt = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const sizeBytes = 2 ** (flags & 0x03);
  const prefix = file.structure(address, sizeAt + sizeBytes);
  const size = sizeBytes === 8 ? readSize(prefix, sizeAt) : prefix.readUIntLE(sizeAt, sizeBytes);
  const messageHeader = flags & 0x04 ? 6 : 4;
  const blocks: [address: number, length: number][] = [[address + prefix.length, size]];
  const messages: Message[] = [];
  for (let i = 0; i < blocks.length; i++) {
    let block = file.structure(...blocks[i]!);
    if (i > 0) {
      requireSignature(block, 'OCHK');
      // Without the signature and the checksum.
      block = section(block, 4, block.length - 8);
    }
    for (let at = 0; at + messageHeader <= block.length; ) {
      const body = section(block, at + messageHeader, block.readUInt16LE(at + 1));
      add(file, messages, blocks, { type: block[at]!, body }, block[at + 3]!);
      at += messageHeader + body.length;
    }
  }
  return messages;
}

const READ_TYPES = new Set<number>(Object.values(MESSAGE));

function add(
  file: Hdf5Bytes,
  messages: Message[],
  blocks: [address: number, length: number][],
  message: Message,
  flags: number,
): void {
  if (!READ_TYPES.has(message.type)) return;
  file.pay(0);
  if (flags & SHARED) throw invalid('it has objects that share their properties');
  if (message.type === MESSAGE.continuation)
    blocks.push([readSize(message.body, 0), readSize(message.body, 8)]);
  else messages.push(message);
}

/** `length` of `bytes` from `start`, all of which must be there. */
export function section(bytes: Buffer, start: number, length: number): Buffer {
  if (length < 0 || start + length > bytes.length)
    throw invalid('a structure in it is longer than its place');
  return bytes.subarray(start, start + length);
}
