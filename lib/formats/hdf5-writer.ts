/**
 * Writes small HDF5 files as bytes that depend on nothing but their content. (libhdf5 through h5wasm stamps the time
 * into every object and takes 30 ms of the main thread for a model.) The oldest versions of each structure that have no
 * B-trees, heaps of links or checksums: superblock 0, object headers 1, links as messages, contiguous data.
 * The structures are those of the HDF5 File Format Specification 3.0, named in the comments.
 */
import { types } from 'node:util';

export interface Hdf5Group {
  /** Texts and lists of texts; ASCII. */
  attributes: Record<string, string | readonly string[]>;
  members: Map<string, Hdf5Group | Hdf5Dataset>;
}

export interface Hdf5Dataset {
  /** `[]` for a scalar. */
  shape: readonly number[];
  data: Float32Array | BigInt64Array;
}

/** The file whose root is `root`. */
export function encodeHdf5(root: Hdf5Group): Buffer {
  const file = new Bytes();
  file.allocate(SUPERBLOCK_SIZE);
  const texts = new GlobalHeap(file, root);
  const rootAddress = writeGroup(file, root, texts);
  file.set(0, superblock(rootAddress, file.length));
  return file.toBuffer();
}

const SUPERBLOCK_SIZE = 96;
/** The address that means none. */
const UNDEFINED = 0xffff_ffff_ffff_ffffn;

/** A growing file whose pieces all start at multiples of 8. */
class Bytes {
  readonly #pieces: Buffer[] = [];
  length = 0;

  /** Appends and returns the address. */
  append(bytes: Uint8Array): number {
    const address = this.length;
    const padded = Buffer.alloc(padTo8(bytes.byteLength));
    padded.set(bytes);
    this.#pieces.push(padded);
    this.length += padded.length;
    return address;
  }

  allocate(size: number): void {
    this.append(Buffer.alloc(size));
  }

  /** Fills piece `index`, which was allocated with the size of `bytes`. */
  set(index: number, bytes: Buffer): void {
    this.#pieces[index] = bytes;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** Global Heap Collection (III.E): all texts of the attributes, which refer to them by number. */
class GlobalHeap {
  readonly #address: number;
  readonly #indices = new Map<string, number>();

  constructor(file: Bytes, root: Hdf5Group) {
    const objects: Buffer[] = [];
    for (const text of textsOf(root)) {
      if (this.#indices.has(text)) continue;
      const index = this.#indices.size + 1;
      this.#indices.set(text, index);
      const bytes = Buffer.from(text, 'ascii');
      objects.push(pack([2, index], [2, 1], [4, 0], [8, bytes.length], padded(bytes)));
    }
    const header = 16;
    const used = header + objects.reduce((sum, object) => sum + object.length, 0);
    // The library reads collections of at least 4096 bytes; object 0 is the space left over.
    const size = Math.max(4096, used + header);
    const free = pack([2, 0], [2, 0], [4, 0], [8, size - used], Buffer.alloc(size - used - header));
    this.#address = file.append(
      Buffer.concat([pack(Buffer.from('GCOL'), [4, 1], [8, size]), ...objects, free]),
    );
  }

  /** The value of a variable-length text. */
  reference(text: string): Buffer {
    return pack([4, text.length], [8, this.#address], [4, this.#indices.get(text)!]);
  }
}

function* textsOf(group: Hdf5Group): Generator<string> {
  for (const value of Object.values(group.attributes)) {
    if (typeof value === 'string') yield value;
    else yield* value;
  }
  for (const member of group.members.values()) if ('members' in member) yield* textsOf(member);
}

/** Disk Format, Level 0A, version 0. */
function superblock(root: number, endOfFile: number): Buffer {
  return pack(
    Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'),
    [4, 0], // versions of superblock, free space, root entry; reserved
    [1, 0], // version of shared headers
    [1, 8], // bytes of an address
    [1, 8], // bytes of a length
    [1, 0],
    [2, 4], // leaf and internal node sizes of B-trees, of which there are none
    [2, 16],
    [4, 0],
    [8, 0], // base address
    [8, UNDEFINED],
    [8, endOfFile],
    [8, UNDEFINED],
    [8, 0], // root entry: name offset, object header, nothing cached
    [8, root],
    [4, 0],
    [4, 0],
    Buffer.alloc(16),
  );
}

function writeGroup(file: Bytes, group: Hdf5Group, texts: GlobalHeap): number {
  const members = [...group.members].map(([name, member]): [string, number] => [
    name,
    'members' in member ? writeGroup(file, member, texts) : writeDataset(file, member),
  ]);
  return writeObject(file, [
    message(0x0002, pack([1, 0], [1, 0], [8, UNDEFINED], [8, UNDEFINED])), // Link Info
    message(0x000a, pack([1, 0], [1, 0])), // Group Info
    ...members.map(([name, address]) => message(0x0006, link(name, address))),
    ...Object.entries(group.attributes).map(([name, value]) =>
      message(0x000c, attribute(name, value, texts)),
    ),
  ]);
}

function writeDataset(file: Bytes, { shape, data }: Hdf5Dataset): number {
  const type = types.isFloat32Array(data) ? FLOAT32 : INT64;
  const address = file.append(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return writeObject(file, [
    message(0x0001, dataspace(shape)),
    message(0x0003, type),
    message(0x0005, pack([1, 2], [1, 2], [1, 2], [1, 0])), // Fill Value: none, allocated at creation
    message(0x0008, pack([1, 3], [1, 1], [8, address], [8, data.byteLength])), // Data Layout: contiguous
  ]);
}

/** Version 1 Data Object Header Prefix (IV.A.1.a). */
function writeObject(file: Bytes, messages: readonly Buffer[]): number {
  const body = Buffer.concat(messages);
  return file.append(pack([1, 1], [1, 0], [2, messages.length], [4, 1], [4, body.length], [4, 0], body));
}

function message(type: number, data: Buffer): Buffer {
  const body = padded(data);
  if (body.length > 0xffff)
    throw new RangeError(`an HDF5 header message of ${body.length} bytes is too long`);
  return pack([2, type], [2, body.length], [1, 0], Buffer.alloc(3), body);
}

/** Link Message (IV.A.2.g): hard, with two bytes for the length of the name. */
function link(name: string, address: number): Buffer {
  return pack([1, 1], [1, 1], [2, name.length], Buffer.from(name, 'ascii'), [8, address]);
}

/** Attribute Message, version 1 (IV.A.2.m). */
function attribute(name: string, value: string | readonly string[], texts: GlobalHeap): Buffer {
  const isText = typeof value === 'string';
  const values = isText ? [value] : value;
  // h5py makes an empty list an array of floats.
  const type = values.length === 0 ? FLOAT64 : TEXT;
  const space = dataspace(isText ? [] : [values.length]);
  const label = Buffer.from(`${name}\0`, 'ascii');
  return pack(
    [1, 1],
    [1, 0],
    [2, label.length],
    [2, type.length],
    [2, space.length],
    padded(label),
    padded(type),
    padded(space),
    ...values.map((text) => texts.reference(text)),
  );
}

/** Dataspace Message, version 1 (IV.A.2.b). */
function dataspace(shape: readonly number[]): Buffer {
  return pack([1, 1], [1, shape.length], [2, 0], [4, 0], ...shape.map((side): [8, number] => [8, side]));
}

/** An unsigned little-endian number of so many bytes. */
type Field = readonly [bytes: 1 | 2 | 4, value: number] | readonly [bytes: 8, value: number | bigint];

function pack(...fields: (Field | Buffer)[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      if (Buffer.isBuffer(field)) return field;
      const [bytes, value] = field;
      const buffer = Buffer.alloc(bytes);
      if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value));
      else buffer.writeUIntLE(Number(value), 0, bytes);
      return buffer;
    }),
  );
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(padTo8(bytes.length) - bytes.length)]);
}

function padTo8(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** Datatype Message (IV.A.2.d) of IEEE numbers: sign bit, exponent and mantissa places and sizes, exponent bias. */
function ieee(bytes: number, exponentAt: number, exponentBits: number, bias: number): Buffer {
  const sign = bytes * 8 - 1;
  const properties = [exponentAt, exponentBits, 0, exponentAt].map((value): Field => [1, value]);
  return pack([1, 0x11], [1, 0x20], [1, sign], [1, 0], [4, bytes], [2, 0], [2, bytes * 8], ...properties, [
    4,
    bias,
  ]);
}

const FLOAT32 = ieee(4, 23, 8, 127);
const FLOAT64 = ieee(8, 52, 11, 1023);
const INT64 = pack([1, 0x10], [1, 0x08], [2, 0], [4, 8], [2, 0], [2, 64]);
/** A variable-length sequence, of kind text, of one-byte ASCII texts. */
const TEXT = pack([1, 0x19], [1, 0x01], [2, 0], [4, 16], [1, 0x13], [1, 0], [2, 0], [4, 1]);
