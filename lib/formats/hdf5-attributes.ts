/** Attribute Messages (IV.A.2.m) of texts, and the Global Heap (III.E) that texts of any length are in. */
import { type Hdf5Bytes, readAddress, readSize, requireSignature } from './hdf5-bytes.js';
import { MESSAGE, type Message, section } from './hdf5-objects.js';
import { type Hdf5Type, parseShape, parseType } from './hdf5-types.js';
import { invalid } from './invalid.js';

/** An attribute: one text, or a list of texts. */
export type Hdf5Attribute = string | string[];

/** The texts in a file that are not where they are used. */
export class TextHeap {
  readonly #file: Hdf5Bytes;
  /** Objects by index, by the collection's address. */
  readonly #collections = new Map<number, Map<number, Buffer>>();

  constructor(file: Hdf5Bytes) {
    this.#file = file;
  }

  /** What a variable-length text of 16 bytes refers to. */
  read(reference: Buffer): string {
    const length = reference.readUInt32LE(0);
    if (length === 0) return '';
    const object = this.#collection(readSize(reference, 4)).get(reference.readUInt32LE(12));
    if (object === undefined) throw invalid('it refers to a text that is not there');
    // Many references to one long text are longer than the file.
    this.#file.pay(length);
    return decodeText(section(object, 0, length));
  }

  #collection(address: number): Map<number, Buffer> {
    const known = this.#collections.get(address);
    if (known) return known;
    const header = this.#file.structure(address, 16);
    requireSignature(header, 'GCOL');
    const collection = this.#file.structure(address, readSize(header, 8));
    const objects = new Map<number, Buffer>();
    for (let at = 16; at + 16 <= collection.length; ) {
      const index = collection.readUInt16LE(at);
      // What is left over.
      if (index === 0) break;
      this.#file.pay(0);
      const object = section(collection, at + 16, readSize(collection, at + 8));
      objects.set(index, object);
      at += 16 + Math.ceil(object.length / 8) * 8;
    }
    this.#collections.set(address, objects);
    return objects;
  }
}

/** Whether an object has an attribute `name`. */
export function hasAttribute(messages: readonly Message[], name: string): boolean {
  return find(messages, name) !== undefined;
}

/**
 * The attribute `name` of an object; undefined when it has none.
 * @param where what messages call the object
 * @throws ConvsweepError `INVALID_MODEL` when it holds anything but texts
 */
export function readAttribute(
  messages: readonly Message[],
  name: string,
  where: string,
  heap: TextHeap,
): Hdf5Attribute | undefined {
  const found = find(messages, name);
  if (!found) {
    refuseDenseAttributes(messages, where);
    return undefined;
  }
  const shape = parseShape(found.space) ?? [0];
  if (shape.length > 1) throw invalid(`${where} has a ${name} of ${shape.length} dimensions`);
  // An empty list is one of numbers, as h5py writes it.
  if (shape[0] === 0) return [];
  const texts = readTexts(found.value, parseType(found.type), shape[0] ?? 1, heap);
  if (!texts) throw invalid(`${where} has a ${name} that is not text`);
  return shape.length === 0 ? texts[0]! : texts;
}

/** The parts of an Attribute Message. */
interface AttributeParts {
  name: string;
  type: Buffer;
  space: Buffer;
  value: Buffer;
}

function find(messages: readonly Message[], name: string): AttributeParts | undefined {
  return messages
    .filter(({ type }) => type === MESSAGE.attribute)
    .map(({ body }) => split(body))
    .find((attribute) => attribute.name === name);
}

function split(body: Buffer): AttributeParts {
  const version = body[0]!;
  if (version < 1 || version > 3) throw invalid(`it has an attribute of an unknown form (${version})`);
  if (version > 1 && body[1] !== 0) throw invalid('it has attributes that share their type');
  const pad = (length: number) => (version === 1 ? Math.ceil(length / 8) * 8 : length);
  let at = version === 3 ? 9 : 8;
  const [name, type, space] = [2, 4, 6].map((field) => {
    const part = section(body, at, body.readUInt16LE(field));
    at += pad(part.length);
    return part;
  }) as [Buffer, Buffer, Buffer];
  return { name: decodeText(name).replace(/\0+$/, ''), type, space, value: body.subarray(at) };
}

function readTexts(value: Buffer, type: Hdf5Type, count: number, heap: TextHeap): string[] | undefined {
  if (type.kind !== 'text' && type.kind !== 'paddedText') return undefined;
  const size = type.kind === 'text' ? 16 : type.bytes;
  if (size === 0) throw invalid('it has texts of no length');
  const items = section(value, 0, size * count);
  return Array.from({ length: count }, (_, i) => {
    const item = items.subarray(i * size, (i + 1) * size);
    if (type.kind === 'text') return heap.read(item);
    return decodeText(item).replace(type.padding === 'spaces' ? / +$/ : /\0.*$/s, '');
  });
}

/** Attribute Info Message (IV.A.2.v): only the newest forms of HDF5 keep attributes elsewhere. */
function refuseDenseAttributes(messages: readonly Message[], where: string): void {
  const info = messages.find(({ type }) => type === MESSAGE.attributeInfo)?.body;
  if (info && readAddress(info, info[1]! & 0x01 ? 4 : 2) !== undefined)
    throw invalid(
      `${where} keeps its attributes in a fractal heap; save it with h5py's defaults (no libver, no track_order)`,
    );
}

/** A text must be one: replacing what is damaged would make other names of it. */
function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid('it has a text that is not UTF-8');
  }
}
