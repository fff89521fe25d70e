/** The values of data sets: in one piece, in the header itself, or in chunks that may be compressed. */
import { inflateSync } from 'node:zlib';
import { MAX_DEFLATE } from '../deflate.js';
import { type Hdf5Bytes, readAddress, readSize } from './hdf5-bytes.js';
import { MESSAGE, type Message, section } from './hdf5-objects.js';
import { readTree } from './hdf5-tree.js';
import { invalid } from './invalid.js';

/** The values of a data set of `shape` with `itemSize` bytes each, row-major; a copy. */
export function readValues(
  file: Hdf5Bytes,
  messages: readonly Message[],
  shape: readonly number[],
  itemSize: number,
): Uint8Array {
  const layout = messages.find(({ type }) => type === MESSAGE.layout)?.body;
  if (!layout) throw invalid('it has an array without values');
  const [version, kind] = [layout[0]!, layout[1]!];
  const size = shape.reduce((product, length) => product * length, itemSize);
  if (kind === 2 && version === 3) {
    const filters = messages.find(({ type }) => type === MESSAGE.filters)?.body;
    return readChunks(file, layout, filters ? parseFilters(filters) : [], shape, itemSize);
  }
  if ((version !== 3 && version !== 4) || kind > 1)
    throw invalid(`it has an array that is stored in an unknown way (${version}, ${kind})`);
  if (kind === 0) return new Uint8Array(section(section(layout, 4, layout.readUInt16LE(2)), 0, size));
  const address = readAddress(layout, 2);
  if (address === undefined || readSize(layout, 10) !== size)
    throw invalid('it has an array without all its values');
  return new Uint8Array(file.values(address, size));
}

/** Bytes that a chunk may have even where its array is smaller. */
const LARGEST_CHUNK = 2 ** 20;

/** Data Layout Message, version 3, of chunks (IV.A.2.i), and the B-tree of chunks. */
function readChunks(
  file: Hdf5Bytes,
  layout: Buffer,
  filters: readonly number[],
  shape: readonly number[],
  itemSize: number,
): Uint8Array {
  const rank = shape.length;
  const sides = section(layout, 11, 4 * (rank + 1));
  const chunk = shape.map((_, i) => sides.readUInt32LE(4 * i));
  if (rank === 0 || layout[2] !== rank + 1 || chunk.includes(0) || sides.readUInt32LE(4 * rank) !== itemSize)
    throw invalid('it has an array whose chunks are of another form');
  const chunkSize = chunk.reduce((product, length) => product * length, itemSize);
  // A chunk may go beyond its array, but inflating one must not take memory that no array needs.
  if (chunkSize > LARGEST_CHUNK && chunk.some((length, i) => length > shape[i]!))
    throw invalid(`it has chunks of ${chunkSize} bytes, which are larger than their array`);
  const tree = readAddress(layout, 3);
  const counts = shape.map((length, i) => Math.ceil(length / chunk[i]!));
  const chunks = new Map<number, { stored: Buffer; mask: number; origin: number[] }>();
  let storedBytes = 0;
  for (const { key, child } of tree === undefined
    ? []
    : readTree(file, tree, { type: 1, keySize: 16 + 8 * rank })) {
    const origin = shape.map((_, i) => readSize(key, 8 + 8 * i));
    if (!origin.every((start, i) => start < shape[i]! && start % chunk[i]! === 0))
      throw invalid('it has a chunk outside of its array');
    const position = origin.reduce((index, start, i) => index * counts[i]! + start / chunk[i]!, 0);
    const stored = file.values(child, key.readUInt32LE(0));
    chunks.set(position, { stored, mask: key.readUInt32LE(4), origin });
    storedBytes += stored.length;
  }
  // Before room is made for the array, which may claim any size.
  const size = shape.reduce((product, length) => product * length, itemSize);
  const needed = counts.reduce((product, count) => product * count, 1);
  if (chunks.size !== needed || size > storedBytes * MAX_DEFLATE)
    throw invalid(
      `it has an array with ${chunks.size} of ${needed} chunks, ${storedBytes} bytes for ${size}`,
    );
  const array = new Uint8Array(size);
  for (const { stored, mask, origin } of chunks.values())
    copyChunk(unfiltered(stored, filters, mask, chunkSize, itemSize), array, {
      shape,
      chunk,
      origin,
      itemSize,
    });
  return array;
}

/** Copies what of a chunk is in the array, by rows of the last dimension. */
function copyChunk(
  from: Uint8Array,
  to: Uint8Array,
  {
    shape,
    chunk,
    origin,
    itemSize,
  }: { shape: readonly number[]; chunk: readonly number[]; origin: readonly number[]; itemSize: number },
): void {
  const last = shape.length - 1;
  const copyFrom = (dimension: number, source: number, target: number): void => {
    const length = Math.min(chunk[dimension]!, shape[dimension]! - origin[dimension]!);
    if (dimension === last) {
      const start = source * chunk[last]! * itemSize;
      to.set(
        from.subarray(start, start + length * itemSize),
        (target * shape[last]! + origin[last]!) * itemSize,
      );
      return;
    }
    for (let i = 0; i < length; i++)
      copyFrom(
        dimension + 1,
        source * chunk[dimension]! + i,
        target * shape[dimension]! + origin[dimension]! + i,
      );
  };
  copyFrom(0, 0, 0);
}

const DEFLATE = 1;
const SHUFFLE = 2;

/** The numbers of the filters of a Filter Pipeline Message (IV.A.2.l), in the order of writing. */
function parseFilters(body: Buffer): number[] {
  const [version, count] = [body[0]!, body[1]!];
  let at = version === 1 ? 8 : 2;
  return Array.from({ length: count }, () => {
    const id = body.readUInt16LE(at);
    if (id !== DEFLATE && id !== SHUFFLE)
      throw invalid(`it is compressed with filter ${id}; save it uncompressed or with gzip`);
    const nameLength = version === 1 ? body.readUInt16LE(at + 2) : 0;
    const parameters = body.readUInt16LE(at + (version === 1 ? 6 : 4));
    const padded = version === 1 ? parameters + (parameters % 2) : parameters;
    at += (version === 1 ? 8 : 6) + nameLength + 4 * padded;
    return id;
  });
}

/** @param mask bit i says that filter i was left out for this chunk */
function unfiltered(
  stored: Buffer,
  filters: readonly number[],
  mask: number,
  size: number,
  itemSize: number,
): Uint8Array {
  let bytes: Uint8Array = stored;
  for (let i = filters.length - 1; i >= 0; i--) {
    if (mask & (1 << i)) continue;
    bytes = filters[i] === DEFLATE ? inflate(bytes, size) : unshuffled(bytes, itemSize);
  }
  if (bytes.length !== size) throw invalid(`it has a chunk of ${bytes.length} bytes instead of ${size}`);
  return bytes;
}

function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: size });
  } catch (cause) {
    throw invalid(`it has a damaged chunk (${(cause as Error).message})`);
  }
}

/** All first bytes of the items, all second ones, ... become items again. */
function unshuffled(bytes: Uint8Array, itemSize: number): Uint8Array {
  const items = Math.floor(bytes.length / itemSize);
  // What is left over by the division stays at the end.
  const result = new Uint8Array(bytes);
  for (let byte = 0; byte < itemSize; byte++)
    for (let i = 0; i < items; i++) result[i * itemSize + byte] = bytes[byte * items + i]!;
  return result;
}
