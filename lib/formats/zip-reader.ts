/** Reads members of a zip file, from its central directory (APPNOTE 6.3, named in the comments). */
import { inflateRawSync } from 'node:zlib';
import { crc32 } from '../crc32.js';
import { describeValue } from '../errors.js';
import { invalid } from './invalid.js';

const END = 0x06054b50;
const END_SIZE = 22;
const CENTRAL = 0x02014b50;
const CENTRAL_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
const ENCRYPTED = 0x0001;
const STORED = 0;
const DEFLATED = 8;
/** What a field of 32 or 16 bits holds when a zip64 record has the value. */
const [IN_ZIP64_SIZE, IN_ZIP64_COUNT] = [0xffff_ffff, 0xffff];

interface Member {
  method: number;
  flags: number;
  crc: number;
  packed: Buffer;
  /** Unpacked. */
  size: number;
}

/** A zip file whose directory was read; what is unpacked is checked against it. */
export class ZipFile {
  readonly #members: ReadonlyMap<string, Member>;

  /** @throws ConvsweepError `INVALID_MODEL` when it is not a zip file, or its directory is damaged */
  constructor(bytes: Uint8Array) {
    this.#members = readDirectory(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /**
   * The content of the member `name`.
   * @param limit the most bytes that it may have, which is checked before it is unpacked
   * @throws ConvsweepError `INVALID_MODEL` when there is no such member, it is larger, or damaged
   */
  read(name: string, limit: number): Buffer {
    const member = this.#members.get(name);
    if (!member) throw invalid(`it is a zip file without ${name}`);
    const { method, flags, crc, packed, size } = member;
    if (flags & ENCRYPTED) throw invalid(`${name} is encrypted`);
    if (size > limit)
      throw invalid(`${name} is said to have ${size} bytes, more than the ${limit} that it can need`);
    const content = unpack(name, method, packed, size);
    if (content.length !== size) throw invalid(`${name} has ${content.length} bytes instead of ${size}`);
    if (crc32(content) !== crc) throw invalid(`${name} is damaged (its CRC-32 differs)`);
    return content;
  }
}

function readDirectory(bytes: Buffer): Map<string, Member> {
  const endRecord = findEnd(bytes);
  const count = bytes.readUInt16LE(endRecord + 10);
  const start = bytes.readUInt32LE(endRecord + 16);
  const end = start + bytes.readUInt32LE(endRecord + 12);
  if (count === IN_ZIP64_COUNT || start === IN_ZIP64_SIZE) throw tooLarge();
  if (bytes.readUInt32LE(endRecord + 4) !== 0 || end > endRecord)
    throw damaged('a directory in another place');
  const members = new Map<string, Member>();
  let at = start;
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(at, end);
    if (record.length < CENTRAL_SIZE || record.readUInt32LE(0) !== CENTRAL)
      throw damaged(`${i} of ${count} entries in its directory`);
    const nameLength = record.readUInt16LE(28);
    const name = record.toString('utf8', CENTRAL_SIZE, CENTRAL_SIZE + nameLength);
    if (members.has(name)) throw invalid(`it has two members ${describeValue(name)}`);
    const [packedSize, size, offset] = [20, 24, 42].map((field) => record.readUInt32LE(field)) as [
      number,
      number,
      number,
    ];
    if ([packedSize, size, offset].includes(IN_ZIP64_SIZE)) throw tooLarge();
    members.set(name, {
      flags: record.readUInt16LE(8),
      method: record.readUInt16LE(10),
      crc: record.readUInt32LE(16),
      packed: packedData(bytes, name, offset, packedSize),
      size,
    });
    at += CENTRAL_SIZE + nameLength + record.readUInt16LE(30) + record.readUInt16LE(32);
  }
  if (at !== end) throw damaged('a directory of another length');
  return members;
}

/**
 * What follows a Local File Header (4.3.7). Its name must be the directory's, lest a damaged one make a member that may
 * be missing look so; its sizes may be unknown.
 */
function packedData(bytes: Buffer, name: string, offset: number, size: number): Buffer {
  const header = bytes.subarray(offset, offset + LOCAL_SIZE);
  if (header.length < LOCAL_SIZE || header.readUInt32LE(0) !== LOCAL)
    throw damaged(`no ${JSON.stringify(name)} at byte ${offset}`);
  const nameEnd = offset + LOCAL_SIZE + header.readUInt16LE(26);
  if (bytes.toString('utf8', offset + LOCAL_SIZE, nameEnd) !== name)
    throw damaged(`another name where ${JSON.stringify(name)} is`);
  const start = nameEnd + header.readUInt16LE(28);
  if (start + size > bytes.length) throw damaged(`${JSON.stringify(name)} is cut short`);
  return bytes.subarray(start, start + size);
}

/** End of Central Directory Record (4.3.16), which a comment may follow. */
function findEnd(bytes: Buffer): number {
  const last = bytes.length - END_SIZE;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    if (bytes.readUInt32LE(at) === END && at + END_SIZE + bytes.readUInt16LE(at + 20) === bytes.length)
      return at;
  }
  throw damaged('no directory at its end');
}

function unpack(name: string, method: number, packed: Buffer, size: number): Buffer {
  if (method === STORED) return packed;
  if (method !== DEFLATED)
    throw invalid(`${name} is compressed with method ${method}; only deflate can be read`);
  try {
    // An empty member cannot be limited to 0 bytes.
    return inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw invalid(`${name} is damaged (${(cause as Error).message})`, cause);
  }
}

function tooLarge(): Error {
  return invalid('it is a zip64 file, which cannot be read; save the model as .h5');
}

function damaged(reason: string): Error {
  return invalid(`it is not a zip file, or damaged (${reason})`);
}
