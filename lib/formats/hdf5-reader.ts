/**
 * Reads HDF5 as Keras writes it through h5py, and as hdf5-writer.ts does. Nothing that a damaged file says can make it
 * run on, or take memory out of proportion to the file: see {@link Hdf5Bytes}. What it throws says what is wrong with
 * "it", the file. The structures are those of the HDF5 File Format Specification 3.0, named in the comments.
 */

import type { Weight } from '../architecture/resolve-layers.js';
import type { NamedWeight } from '../architecture/weights.js';
import { ConvsweepError } from '../errors.js';
import { hasAttribute, readAttribute, TextHeap } from './hdf5-attributes.js';
import { Hdf5Bytes, readSize } from './hdf5-bytes.js';
import { readValues } from './hdf5-data.js';
import { readLinks } from './hdf5-links.js';
import { MESSAGE, type Message, readObject } from './hdf5-objects.js';
import { type Hdf5Type, parseShape, parseType } from './hdf5-types.js';
import { invalid } from './invalid.js';

/**
 * What `read` makes of the root group of an HDF5 file.
 * @throws ConvsweepError `INVALID_MODEL` when it is not HDF5 or damaged, or what `read` throws
 */
export function readHdf5<T>(bytes: Uint8Array, read: (root: GroupReader) => T): T {
  try {
    return read(new GroupReader(new OpenFile(bytes), '', rootAddress(bytes)));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ERR_OUT_OF_RANGE' && code !== 'ERR_BUFFER_OUT_OF_BOUNDS') throw cause;
    throw damaged('a structure in it is too short', cause);
  }
}

/** A file, and its objects that were read before. */
class OpenFile {
  readonly bytes: Hdf5Bytes;
  readonly texts: TextHeap;
  readonly #objects = new Map<number, Hdf5Object>();

  constructor(bytes: Uint8Array) {
    this.bytes = new Hdf5Bytes(bytes);
    this.texts = new TextHeap(this.bytes);
  }

  object(address: number): Hdf5Object {
    const known = this.#objects.get(address);
    if (known) return known;
    const messages = readObject(this.bytes, address);
    const isGroup = !messages.some(({ type }) => type === MESSAGE.dataspace);
    const object = { messages, links: isGroup ? readLinks(this.bytes, messages) : undefined };
    this.#objects.set(address, object);
    return object;
  }
}

interface Hdf5Object {
  messages: Message[];
  /** Addresses of the members by name; undefined for a data set. */
  links: Map<string, number> | undefined;
}

/** A group: what it is called, its attributes and its members. */
export class GroupReader {
  /** From the root, `/model_weights/conv2d`; empty for the root. */
  readonly path: string;
  readonly #file: OpenFile;
  readonly #messages: readonly Message[];
  readonly #links: ReadonlyMap<string, number>;

  /** Of the group at `address`. */
  constructor(file: OpenFile, path: string, address: number) {
    const { messages, links } = file.object(address);
    if (!links) throw invalid(`${path || 'its root'} is an array instead of a group`);
    this.path = path;
    this.#file = file;
    this.#messages = messages;
    this.#links = links;
  }

  /** The names of the members. */
  get keys(): string[] {
    return [...this.#links.keys()];
  }

  /** The group at `path` from here, names separated by `/`; undefined when there is none. */
  group(path: string): GroupReader | undefined {
    let found: GroupReader | undefined = this;
    for (const name of path.split('/')) {
      const address: number | undefined = found.#links.get(name);
      if (address === undefined) return undefined;
      found = new GroupReader(this.#file, `${found.path}/${name}`, address);
    }
    return found;
  }

  /** Whether there is an attribute, of whatever type. */
  has(attribute: string): boolean {
    return hasAttribute(this.#messages, attribute);
  }

  /** The text of an attribute; undefined when there is no such attribute. */
  text(attribute: string): string | undefined {
    const value = this.#attribute(attribute);
    if (value !== undefined && typeof value !== 'string') throw invalid(`its ${attribute} is not a text`);
    return value;
  }

  /** The texts of an attribute that is a list. */
  texts(attribute: string): string[] {
    const value = this.#attribute(attribute);
    if (value === undefined) throw invalid(`${this.path} has no ${attribute}`);
    if (typeof value === 'string') throw invalid(`${this.path} has a ${attribute} that is not a list`);
    return value;
  }

  /**
   * The data set at `path` from here, as the values of `weight`.
   * @throws ConvsweepError `INVALID_MODEL` when it is missing, or of another type or shape
   */
  weight(path: string, { name, shape, size }: Weight): NamedWeight {
    const where = `${this.path}/${path}`;
    const dataset = this.#dataset(path);
    if (!dataset) throw invalid(`it has no ${where}`);
    if (dataset.type.kind !== 'float32')
      throw invalid(`${where} is of type ${typeName(dataset.type)} instead of float32`);
    if (dataset.shape.join() !== shape.join())
      throw invalid(`${where} has shape [${dataset.shape}] instead of [${shape}]`);
    const { buffer } = dataset.values(4);
    return { name, shape: [...shape], data: new Float32Array(buffer as ArrayBuffer, 0, size) };
  }

  /** The integer at `path` from here; undefined when there is no single integer. */
  integer(path: string): number | undefined {
    const dataset = this.#dataset(path);
    if (dataset?.type.kind !== 'integer' || dataset.shape.length > 0) return undefined;
    const { bytes, signed } = dataset.type;
    const values = Buffer.from(dataset.values(bytes));
    if (bytes === 8) return Number(signed ? values.readBigInt64LE() : values.readBigUInt64LE());
    return signed ? values.readIntLE(0, bytes) : values.readUIntLE(0, bytes);
  }

  #attribute(name: string) {
    return readAttribute(this.#messages, name, this.path || 'it', this.#file.texts);
  }

  #dataset(path: string): DatasetReader | undefined {
    const folders = path.split('/');
    const leaf = folders.pop()!;
    const group = folders.length === 0 ? this : this.group(folders.join('/'));
    if (!group) return undefined;
    const address = group.#links.get(leaf);
    if (address === undefined) return undefined;
    const { messages, links } = this.#file.object(address);
    if (links) return undefined;
    const body = (wanted: number) => {
      const found = messages.find(({ type }) => type === wanted);
      if (!found) throw invalid(`${this.path}/${path} has no type or shape`);
      return found.body;
    };
    const shape = parseShape(body(MESSAGE.dataspace)) ?? [0];
    return {
      type: parseType(body(MESSAGE.datatype)),
      shape,
      values: (itemSize) => readValues(this.#file.bytes, messages, shape, itemSize),
    };
  }
}

interface DatasetReader {
  type: Hdf5Type;
  shape: number[];
  /** The bytes of all values. */
  values(itemSize: number): Uint8Array;
}

const SIGNATURE = '\x89HDF\r\n\x1a\n';

/** The address of the root group, from the Superblock (II), which must be of a whole file. */
function rootAddress(bytes: Uint8Array): number {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 96));
  if (start.toString('latin1', 0, 8) !== SIGNATURE) throw damaged('it has another signature');
  if (start.length < 96) throw damaged(`it ends after ${bytes.byteLength} bytes`);
  const version = start[8]!;
  if (version > 3) throw damaged(`its version is ${version}`);
  // Versions 0 and 1 begin with the versions of other structures; 1 has a field more before the addresses.
  const isOld = version < 2;
  const [sizesAt, baseAt] = isOld ? [13, version === 0 ? 24 : 28] : [9, 12];
  if (start[sizesAt] !== 8 || start[sizesAt + 1] !== 8)
    throw damaged(`its addresses are of ${start[sizesAt]} bytes instead of 8`);
  if (readSize(start, baseAt) !== 0) throw damaged('it begins inside of another file');
  const length = readSize(start, baseAt + 16);
  if (length > bytes.byteLength)
    throw damaged(`truncated file: it has ${bytes.byteLength} of ${length} bytes`);
  return readSize(start, isOld ? baseAt + 40 : 36);
}

function damaged(reason: string, cause?: unknown): ConvsweepError {
  return new ConvsweepError('INVALID_MODEL', `it is not HDF5, or damaged (${reason})`, { cause });
}

function typeName(type: Hdf5Type): string {
  if (type.kind === 'integer') return `${type.signed ? 'int' : 'uint'}${type.bytes * 8}`;
  return type.kind === 'other' ? type.name : 'text';
}
