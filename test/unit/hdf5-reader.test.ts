import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Weight } from '../../lib/architecture/resolve-layers.js';
import { ConvsweepError } from '../../lib/errors.js';
import { readHdf5 } from '../../lib/formats/hdf5-reader.js';
import { encodeHdf5 } from '../../lib/formats/hdf5-writer.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-hdf5-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SHAPE = [5, 20, 6];
const VALUES = Float32Array.from({ length: 600 }, (_, i) => i / 7 - 40);

/** The weight that a data set is read as. */
function expected(name: string, shape = SHAPE): Weight {
  const size = shape.reduce((product, length) => product * length, 1);
  return { name, variable: name, shape, size, trainable: true, initializer: { type: 'zeros' }, offset: 0 };
}

type Library = Awaited<typeof import('h5wasm/node')>;

/** The bytes of a file that HDF5's own library writes, in the forms that h5py asks for unless told otherwise. */
async function written(
  write: (file: InstanceType<Library['File']>) => void,
  oldest: 'earliest' | 'v110' = 'earliest',
): Promise<Buffer> {
  const h5 = await import('h5wasm/node');
  await h5.ready;
  const path = join(folder, 'written.h5');
  const file = new h5.File(path, 'w', { libver: [oldest, 'v114'] });
  write(file);
  file.close();
  return readFile(path);
}

/** A file with arrays in all forms. */
function arrays(): Promise<Buffer> {
  return written((file) => {
    file.create_dataset({ name: 'plain', data: VALUES, shape: SHAPE });
    file.create_dataset({ name: 'chunks', data: VALUES, shape: SHAPE, chunks: [2, 7, 6] });
    file.create_dataset({ name: 'gzip', data: VALUES, shape: SHAPE, chunks: [3, 20, 4], compression: 6 });
    file.create_dataset({ name: 'vector', data: VALUES, shape: [600], chunks: [77], compression: 1 });
    const shuffled = { compression: 2, compression_opts: [4] };
    file.create_dataset({ name: 'shuffled', data: VALUES, shape: SHAPE, chunks: [2, 7, 4], ...shuffled });
    const summed = { compression: 3, compression_opts: [] };
    file.create_dataset({ name: 'fletcher32', data: VALUES, shape: SHAPE, chunks: [2, 7, 4], ...summed });
    file.create_dataset({ name: 'double', data: Float64Array.from(VALUES), shape: SHAPE });
    const integers = [Int8Array.of(5), Uint16Array.of(5), Int32Array.of(-5), BigUint64Array.of(5n)];
    for (const [i, data] of integers.entries()) file.create_dataset({ name: `integer${i}`, data, shape: [] });
    const group = file.create_group('group');
    // More members than a leaf of the tree holds.
    for (let i = 0; i < 300; i++)
      group.create_dataset({ name: `${i}`, data: Float32Array.of(i), shape: [1] });
    group.create_attribute('text', 'één text', null, 'S');
    group.create_attribute('fixed', 'nine char', null, 'S9');
    group.create_attribute('names', ['a', 'longer', ''], null, 'S');
    group.create_attribute('number', 3);
  });
}

/** Whether `read` is true, or the file refused. */
function answers(read: () => boolean): boolean {
  try {
    return read();
  } catch (error) {
    return error instanceof ConvsweepError && error.code === 'INVALID_MODEL';
  }
}

/** So many bytes, whose root group is at 96. */
function superblock(length: number): Buffer {
  const file = Buffer.alloc(length);
  file.write('\x89HDF\r\n\x1a\n', 'latin1');
  file.set([0, 0, 0, 0, 0, 8, 8], 8);
  file.writeBigUInt64LE(BigInt(length), 40);
  file.writeBigUInt64LE(96n, 64);
  return file;
}

/** A root group at 96 with its B-tree at 200 and its heap of names at 160. */
function oldGroup(file: Buffer): Buffer {
  file.set([1, 0, 1, 0], 96);
  file.writeUInt32LE(24, 104);
  file.set([0x11, 0, 16, 0], 112);
  file.writeBigUInt64LE(200n, 120);
  file.writeBigUInt64LE(160n, 128);
  file.write('HEAP', 160);
  return file;
}

/** `file` with all numbers `from` of 4 bytes, of which there are some, changed to `to`. */
function replaced(file: Buffer, from: number[], to: number[]): Buffer {
  const [old, fresh] = [from, to].map((numbers) => Buffer.from(Uint32Array.from(numbers).buffer));
  const copy = Buffer.from(file);
  expect(copy.includes(old!)).toBe(true);
  for (let at = copy.indexOf(old!); at >= 0; at = copy.indexOf(old!, at + 1)) copy.set(fresh!, at);
  return copy;
}

describe('readHdf5', () => {
  let file: Buffer;
  beforeAll(async () => {
    file = await arrays();
  });

  test.each([
    ['in one piece', 'plain', SHAPE],
    ['in chunks', 'chunks', SHAPE],
    ['in compressed chunks', 'gzip', SHAPE],
    ['in shuffled chunks', 'shuffled', SHAPE],
    ['in compressed chunks of one dimension', 'vector', [600]],
  ])('reads an array %s', (_, name, shape) => {
    expect(readHdf5(file, (root) => root.weight(name, expected(name, shape)))).toEqual({
      name,
      shape,
      data: VALUES,
    });
  });

  test('reads integers of all sizes', () => {
    expect(readHdf5(file, (root) => [0, 1, 2, 3].map((i) => root.integer(`integer${i}`)))).toEqual([
      5, 5, -5, 5,
    ]);
    expect(readHdf5(file, (root) => [root.integer('plain'), root.integer('none')])).toEqual([
      undefined,
      undefined,
    ]);
  });

  test('finds each of many members', () => {
    readHdf5(file, (root) => {
      const group = root.group('group')!;
      expect(group.path).toBe('/group');
      expect(group.keys.length).toBe(300);
      for (let i = 0; i < 300; i++) expect(group.weight(`${i}`, expected('x', [1])).data[0]).toBe(i);
      expect(root.weight('group/299', expected('x', [1])).data[0]).toBe(299);
      expect(root.group('group/none')).toBeUndefined();
    });
  });

  test('reads texts of any and of fixed length, and refuses numbers', () => {
    readHdf5(file, (root) => {
      const group = root.group('group')!;
      expect(group.text('text')).toBe('één text');
      expect(group.text('fixed')).toBe('nine char');
      expect(group.texts('names')).toEqual(['a', 'longer', '']);
      expect(group.text('none')).toBeUndefined();
      expect([group.has('number'), group.has('none')]).toEqual([true, false]);
      expect(() => group.text('number')).toThrow('/group has a number that is not text');
      expect(() => group.text('names')).toThrow('its names is not a text');
      expect(() => group.texts('text')).toThrow('/group has a text that is not a list');
      expect(() => group.texts('none')).toThrow('/group has no none');
    });
  });

  test.each<[string, string, number[] | undefined, string]>([
    [
      'another type',
      'double',
      SHAPE,
      '/double is of type little-endian floats of 8 bytes instead of float32',
    ],
    ['integers', 'integer1', [], '/integer1 is of type uint16 instead of float32'],
    ['another shape', 'gzip', [5, 20, 5], '/gzip has shape [5,20,6] instead of [5,20,5]'],
    [
      'another filter',
      'fletcher32',
      SHAPE,
      'it is compressed with filter 3; save it uncompressed or with gzip',
    ],
    ['no such array', 'none', SHAPE, 'it has no /none'],
    ['a group', 'group', SHAPE, 'it has no /group'],
  ])('refuses %s', (_, name, shape, message) => {
    expect(() => readHdf5(file, (root) => root.weight(name, expected(name, shape)))).toThrow(message);
  });

  test('reads an array that is in its header', () => {
    const data = Float32Array.of(1.5, -2);
    const bytes = encodeHdf5({ attributes: {}, members: new Map([['a', { shape: [2], data }]]) });
    // Version 3, contiguous, the address after the superblock and the heap; 8 bytes.
    const layout = bytes.lastIndexOf(Buffer.from([3, 1, 0x60, 0x10, 0, 0, 0, 0, 0, 0, 8, 0]));
    bytes.set([3, 0, 8, 0], layout);
    bytes.set(new Uint8Array(data.buffer), layout + 4);
    expect(readHdf5(bytes, (root) => root.weight('a', expected('a', [2])).data)).toEqual(data);
  });

  test('refuses one array for many, which would be larger than the file', () => {
    expect(() =>
      readHdf5(file, (root) => Array.from({ length: 100 }, () => root.weight('plain', expected('plain')))),
    ).toThrow('its arrays are larger than the file');
  });

  test('reads the newer forms of headers and groups, and says what it cannot read', async () => {
    const newer = (members: number) =>
      written((file) => {
        const group = file.create_group('group');
        group.create_attribute('text', 'a text', null, 'S');
        for (let i = 0; i < members; i++) group.create_dataset({ name: `${i}`, data: VALUES, shape: SHAPE });
      }, 'v110');
    const few = readHdf5(await newer(5), (root) => {
      const group = root.group('group')!;
      return [group.text('text'), group.keys.length, group.weight('4', expected('plain')).data];
    });
    expect(few).toEqual(['a text', 5, VALUES]);
    const many = await newer(20);
    expect(() => readHdf5(many, (root) => root.group('group'))).toThrow(
      "it keeps a group's members in a fractal heap; save it with h5py's defaults (no libver, no track_order)",
    );
  });

  test('ends with an answer or INVALID_MODEL, whichever bit is flipped', () => {
    const small = encodeHdf5({
      attributes: { text: 'a text', names: ['a', 'b'] },
      members: new Map([['plain', { shape: [2], data: Float32Array.of(1, 2) }]]),
    });
    const readAll = (bytes: Buffer) =>
      readHdf5(bytes, (root) => [
        root.text('text'),
        root.texts('names'),
        root.weight('plain', expected('plain', [2])),
      ]);
    const whole = readAll(small);
    const wrong: number[] = [];
    for (let bit = 0; bit < 8 * small.length; bit++) {
      const damaged = Buffer.from(small);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      if (!answers(() => readAll(damaged).length === whole.length)) wrong.push(bit);
    }
    expect(wrong).toEqual([]);
  });

  test('ends when chunks, trees or headers are damaged', async () => {
    const file = await written((file) => {
      file.create_dataset({ name: 'chunks', data: VALUES, shape: SHAPE, chunks: [2, 7, 6] });
      file.create_dataset({ name: 'gzip', data: VALUES, shape: SHAPE, chunks: [3, 20, 4], compression: 6 });
    });
    const read = (bytes: Buffer) =>
      readHdf5(bytes, (root) => ['chunks', 'gzip'].map((name) => root.weight(name, expected(name))));
    const wrong: number[][] = [];
    for (let at = 0; at < file.length; at += 3) {
      for (const damage of [0x00, 0xff, 0x80]) {
        const damaged = Buffer.from(file);
        damaged[at] = damage;
        const isRead = () => read(damaged).every(({ data }) => data.length === VALUES.length);
        if (!answers(isRead)) wrong.push([at, damage]);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('ends where headers and trees refer to themselves', () => {
    const header = Buffer.alloc(4096);
    header.write('\x89HDF\r\n\x1a\n', 'latin1');
    header.set([0, 0, 0, 0, 0, 8, 8], 8);
    header.writeBigUInt64LE(4096n, 40);
    header.writeBigUInt64LE(96n, 64);
    const continued = Buffer.from(header);
    continued.set([1, 0, 0xff, 0xff], 96);
    continued.writeUInt32LE(24, 104);
    continued.set([0x10, 0, 16, 0], 112);
    continued.writeBigUInt64LE(112n, 120);
    continued.writeBigUInt64LE(24n, 128);
    expect(() => readHdf5(continued, () => 0)).toThrow('its structures refer to each other without end');

    // A group whose tree has one node on each of 20 levels, which is six children of the one above: 6^20 ways down.
    const tree = Buffer.from(header);
    tree.set([1, 0, 1, 0], 96);
    tree.writeUInt32LE(24, 104);
    tree.set([0x11, 0, 16, 0], 112);
    tree.writeBigUInt64LE(200n, 120);
    tree.writeBigUInt64LE(160n, 128);
    tree.write('HEAP', 160);
    for (let level = 20, at = 200; level >= 0; level--, at += 120) {
      tree.write('TREE', at);
      tree.set([0, level, level === 0 ? 0 : 6, 0], at + 4);
      for (let child = 0; child < 6; child++) tree.writeBigUInt64LE(BigInt(at + 120), at + 32 + 16 * child);
    }
    expect(() => readHdf5(tree, () => 0)).toThrow('its structures refer to each other without end');
  });

  test('ends where the blocks of a header overlap', () => {
    const blocks = 1000;
    const file = superblock(100_000);
    file.write('OHDR', 96);
    file.set([2, 2], 100);
    file.writeUInt32LE(20 * blocks, 102);
    for (let i = 0, at = 106; i < blocks; i++, at += 20) {
      file.set([0x10, 16], at);
      file.writeBigUInt64LE(BigInt(20_200 + 4 * i), at + 4);
      file.writeBigUInt64LE(70_000n, at + 12);
    }
    expect(() => readHdf5(file, () => 0)).toThrow('it has something else where OCHK belongs');
  });

  test('ends where all members have one long name', () => {
    const [members, name, tableAt] = [5000, 1_000_000, 400];
    const file = oldGroup(superblock(tableAt + 8 + 40 * members + name + 8));
    const nameAt = tableAt + 8 + 40 * members;
    file.writeBigUInt64LE(BigInt(name + 8), 168);
    file.writeBigUInt64LE(BigInt(nameAt), 184);
    file.fill('a', nameAt, nameAt + name);
    file.write('TREE', 200);
    file.set([0, 0, 1], 204);
    file.writeBigUInt64LE(BigInt(tableAt), 232);
    file.write('SNOD', tableAt);
    file.writeUInt16LE(members, tableAt + 6);
    expect(() => readHdf5(file, () => 0)).toThrow(/^a group in it has two members "a{77}\.\.\."$/);
  });

  test('refuses a list of many references to one text', () => {
    const names = new Array(4000).fill('a'.repeat(100_000));
    const file = encodeHdf5({ attributes: { names }, members: new Map() });
    expect(() => readHdf5(file, (root) => root.texts('names'))).toThrow(
      'its structures refer to each other without end',
    );
  });

  test('refuses a reference to a text that is not there', () => {
    const file = encodeHdf5({ attributes: { names: ['first', 'second'] }, members: new Map() });
    const heap = file.indexOf('GCOL');
    file.writeUInt16LE(7, heap + 16);
    expect(() => readHdf5(file, (root) => root.texts('names'))).toThrow(
      'it refers to a text that is not there',
    );
  });

  test('refuses attributes of any claimed length before it makes room', async () => {
    const file = await written((file) => file.create_attribute('fixed', ['ab', 'cd'], null, 'S2'));
    const at = file.indexOf('fixed\0\0\0');
    expect(readHdf5(file, (root) => root.texts('fixed'))).toEqual(['ab', 'cd']);
    expect([file.readUInt32LE(at + 12), file.readUInt32LE(at + 24)]).toEqual([2, 2]);
    for (const [bytes, count] of [
      [0, 2 ** 31],
      [2, 2 ** 31],
      [0, 2],
    ] as const) {
      const damaged = Buffer.from(file);
      damaged.writeUInt32LE(bytes, at + 12);
      damaged.writeUInt32LE(count, at + 24);
      expect(() => readHdf5(damaged, (root) => root.texts('fixed'))).toThrow(
        /^it has texts of no length$|^a structure in it is longer than its place$/,
      );
    }
  });

  test('refuses chunks of any claimed size', async () => {
    const chunks = await written((file) =>
      file.create_dataset({ name: 'chunks', data: VALUES, shape: SHAPE, chunks: [2, 7, 6] }),
    );
    const read = (bytes: Buffer) => readHdf5(bytes, (root) => root.weight('chunks', expected('chunks')));
    expect(read(chunks).data).toEqual(VALUES);
    const huge = replaced(chunks, [2, 7, 6, 4], [2 ** 31, 2 ** 31, 6, 4]);
    expect(() => read(huge)).toThrow(/^it has chunks of \d+ bytes, which are larger than their array$/);
    const wide = replaced(chunks, [2, 7, 6, 4], [5, 20, 2 ** 18, 4]);
    expect(() => read(wide)).toThrow('it has chunks of 104857600 bytes, which are larger than their array');
  });

  test('refuses arrays of which values are missing', async () => {
    const file = await written((file) =>
      file.create_dataset({ name: 'chunks', data: VALUES, shape: SHAPE, chunks: [5, 20, 3] }),
    );
    const tree = file.indexOf(Buffer.from('TREE\x01\0\x02\0', 'latin1'));
    file.writeUInt16LE(1, tree + 6);
    expect(() => readHdf5(file, (root) => root.weight('chunks', expected('chunks')))).toThrow(
      'it has an array with 1 of 2 chunks, 1200 bytes for 2400',
    );
  });
});
