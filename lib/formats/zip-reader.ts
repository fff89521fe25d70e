/** Reads members of a zip file, from its central directory (APPNOTE 6.3, named in the comments). */
import { inflateRawSync } from 'node:zlib';
import { crc32 } from '../crc32.js';
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
  packedSize: number;
  size: number;
  /** Of its local header. */
  offset: number;
}

/** A zip file whose directory was read; what is unpacked is checked against it. */
export class ZipFile {
  readonly #bytes: Buffer;
  readonly #members: ReadonlyMap<string, Member>;

  /** @throws ConvsweepError `INVALID_MODEL` when it is not a zip file, or its directory is damaged */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#members = readDirectory(this.#bytes);
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
    const { method, flags, crc, packedSize, size } = member;
    if (flags & ENCRYPTED) throw invalid(`${name} is encrypted`);
    if (size > limit)
      throw invalid(`${name} is said to have ${size} bytes, more than the ${limit} that it can need`);
    const content = unpack(name, method, this.#packed(name, member.offset, packedSize), size);
    if (content.length !== size) throw invalid(`${name} has ${content.length} bytes instead of ${size}`);
    if (crc32(content) !== crc) throw invalid(`${name} is damaged (its CRC-32 differs)`);
    return content;
  }

  /** Local File Header (4.3.7): only the lengths of the fields before the data count, all else is in the directory. */
  #packed(name: string, offset: number, size: number): Buffer {
    const header = this.#bytes.subarray(offset, offset + LOCAL_SIZE);
    if (header.length < LOCAL_SIZE || header.readUInt32LE(0) !== LOCAL)
      throw damaged(`no ${name} at byte ${offset}`);
    const nameStart = offset + LOCAL_SIZE;
    const nameEnd = nameStart + header.readUInt16LE(26);
    if (this.#bytes.toString('utf8', nameStart, nameEnd) !== name)
      throw damaged(`another name where ${name} is`);
    const start = nameEnd + header.readUInt16LE(28);
    if (start + size > this.#bytes.length) throw damaged(`${name} is cut short`);
    return this.#bytes.subarray(start, start + size);
  }
}

function readDirectory(bytes: Buffer): Map<string, Member> {
  const end = findEnd(bytes);
  const [count, size, start] = [
    bytes.readUInt16LE(end + 10),
    bytes.readUInt32LE(end + 12),
    bytes.readUInt32LE(end + 16),
  ];
  if (count === IN_ZIP64_COUNT || start === IN_ZIP64_SIZE) throw tooLarge();
  if (bytes.readUInt32LE(end + 4) !== 0 || start + size > end) throw damaged('a directory in another place');
  const members = new Map<string, Member>();
  let at = start;
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(at, start + size);
    if (record.length < CENTRAL_SIZE || record.readUInt32LE(0) !== CENTRAL)
      throw damaged(`${i} of ${count} entries in its directory`);
    const nameLength = record.readUInt16LE(28);
    const name = record.toString('utf8', CENTRAL_SIZE, CENTRAL_SIZE + nameLength);
    if (members.has(name)) throw invalid(`it has two members ${JSON.stringify(name)}`);
    const member = {
      flags: record.readUInt16LE(8),
      method: record.readUInt16LE(10),
      crc: record.readUInt32LE(16),
      packedSize: record.readUInt32LE(20),
      size: record.readUInt32LE(24),
      offset: record.readUInt32LE(42),
    };
    if ([member.packedSize, member.size, member.offset].includes(IN_ZIP64_SIZE)) throw tooLarge();
    members.set(name, member);
    at += CENTRAL_SIZE + nameLength + record.readUInt16LE(30) + record.readUInt16LE(32);
  }
  if (at !== start + size) throw damaged('a directory of another length');
  return members;
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
