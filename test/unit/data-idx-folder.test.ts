import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadIdx } from '../../lib/data/idx-folder.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'convsweep-idx-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The format written out by hand: magic, big-endian lengths, bytes. */
function idx(shape: number[], data: ArrayLike<number>, magic = 0x800 + shape.length): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  for (const [i, length] of shape.entries()) header.writeUInt32BE(length, 4 + 4 * i);
  return Buffer.concat([header, Uint8Array.from(data)]);
}

const range = (length: number, start = 0): number[] => Array.from({ length }, (_, i) => (start + i) % 256);
const names = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
};
/** Three training and two test images, 2 x 3. */
const contents = () => ({
  trainImages: idx([3, 2, 3], range(18)),
  trainLabels: idx([3], [0, 2, 1]),
  testImages: idx([2, 2, 3], range(12, 100)),
  testLabels: idx([2], [1, 0]),
});
type Contents = ReturnType<typeof contents>;

async function write(files: Partial<Contents>, nameOf = (name: string) => name): Promise<void> {
  for (const [key, bytes] of Object.entries(files) as [keyof Contents, Buffer][]) {
    await writeFile(join(directory, nameOf(names[key])), bytes);
  }
}

const failure = (code: string, ...parts: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(
      new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')),
    ),
  });

describe('loadIdx', () => {
  test('reads the four files into one store, training images first', async () => {
    await write(contents());
    await writeFile(join(directory, 'README'), 'not data');
    const { all, train, test: held, note } = await loadIdx(directory);
    expect(all.imageShape).toEqual([2, 3, 1]);
    expect(all.classes).toBe(3);
    expect(all.name).toBe(basename(directory));
    expect(train.name).toBe(`${basename(directory)} train`);
    expect(held.name).toBe(`${basename(directory)} test`);
    expect(note).toBeUndefined();
    expect([...all.store.images]).toEqual([...range(18), ...range(12, 100)]);
    expect([...all.labels()]).toEqual([0, 2, 1, 1, 0]);
    expect(train.store).toBe(all.store);
    expect(held.store).toBe(all.store);
    expect([...train.rows]).toEqual([0, 1, 2]);
    expect([...held.rows]).toEqual([3, 4]);
    expect([...held.image(1)]).toEqual(range(6, 106));
  });

  test.each([
    ['.gz', (name: string) => `${name}.gz`],
    ['.idx', (name: string) => name.replace('-idx', '.idx')],
    ['test- for t10k-', (name: string) => name.replace('t10k', 'test')],
    ['a prefix', (name: string) => `fashion-mnist-${name}`],
  ])('knows the files by their names with %s', async (_, nameOf) => {
    const plain = contents();
    const packed = Object.fromEntries(Object.entries(plain).map(([key, bytes]) => [key, gzipSync(bytes)]));
    await write(nameOf('').endsWith('.gz') ? packed : plain, nameOf);
    const { all } = await loadIdx(directory);
    expect([...all.store.images]).toEqual([...range(18), ...range(12, 100)]);
    expect(all.name).toBe(nameOf('').startsWith('fashion') ? 'fashion-mnist' : basename(directory));
  });

  test('reads the compressed one of two', async () => {
    await write(contents());
    await writeFile(join(directory, `${names.trainLabels}.gz`), gzipSync(idx([3], [1, 1, 0])));
    expect([...(await loadIdx(directory)).train.labels()]).toEqual([1, 1, 0]);
  });

  test('reads a file that has been unpacked but kept its .gz name', async () => {
    await write(contents(), (name) => `${name}.gz`);
    expect((await loadIdx(directory)).all.size).toBe(5);
  });

  test('turns the images of EMNIST upright, and only those', async () => {
    await write(contents(), (name) => `emnist-digits-${name.replace('t10k', 'test')}`);
    const { all, train, test: held } = await loadIdx(directory);
    expect(all.name).toBe('emnist-digits');
    expect(all.imageShape).toEqual([3, 2, 1]);
    expect([...train.image(1)]).toEqual([6, 9, 7, 10, 8, 11]);
    expect([...held.image(0)]).toEqual([100, 103, 101, 104, 102, 105]);
  });

  test('takes classes that do not begin at zero, as in EMNIST letters', async () => {
    await write({ ...contents(), trainLabels: idx([3], [1, 3, 2]), testLabels: idx([2], [3, 1]) });
    expect((await loadIdx(directory)).all.classes).toBe(4);
  });

  test('takes the number of classes that is given', async () => {
    await write({ ...contents(), trainLabels: idx([3], [0, 7, 2]) });
    expect((await loadIdx(directory, { classes: 10 })).all.classes).toBe(10);
    await expect(loadIdx(directory, { classes: 7 })).rejects.toEqual(
      failure('INVALID_DATA', names.trainLabels, 'labels from 0 to 6', '7 at index 1'),
    );
    await expect(loadIdx(directory, { classes: 0 })).rejects.toEqual(
      failure('INVALID_ARGUMENT', 'classes', '0'),
    );
    await expect(loadIdx(directory, { clases: 9 } as object)).rejects.toEqual(
      failure('INVALID_ARGUMENT', 'clases', 'did you mean classes?'),
    );
  });
});

/** The CRC-32 is at the eighth byte from the end of a gzip file. */
function wrongChecksum(packed: Buffer): Buffer {
  packed[packed.length - 8]! ^= 1;
  return packed;
}

describe('loadIdx refuses', () => {
  const cases: [string, Partial<Contents>, string[]][] = [
    [
      'a wrong magic',
      { trainImages: idx([3, 2, 3], range(18), 0x0d03) },
      [names.trainImages, '0x00000803', '0x00000d03'],
    ],
    [
      'labels in the place of images',
      { testImages: contents().testLabels },
      [names.testImages, '0x00000803', '0x00000801 (labels'],
    ],
    ['an empty file', { testLabels: Buffer.alloc(0) }, [names.testLabels, 'a file of 0 bytes']],
    [
      'a cut header',
      { trainImages: contents().trainImages.subarray(0, 10) },
      [names.trainImages, 'a header of 16 bytes', 'a file of 10 bytes'],
    ],
    [
      'a short file',
      { trainImages: contents().trainImages.subarray(0, 33) },
      [names.trainImages, '34 bytes', '3 x 2 x 3', '33: the file is cut short'],
    ],
    [
      'trailing bytes',
      { testLabels: Buffer.concat([contents().testLabels, Buffer.alloc(2)]) },
      [names.testLabels, '10 bytes', '12: there are trailing bytes'],
    ],
    ['no images', { testImages: idx([0, 2, 3], []) }, [names.testImages, 'at least 1', '0 x 2 x 3']],
    [
      'fewer labels than images',
      { trainLabels: idx([2], [0, 1]) },
      [names.trainLabels, '3 labels', names.trainImages, '2'],
    ],
    [
      'test images of another size',
      { testImages: idx([2, 3, 2], range(12)) },
      [names.testImages, '2 x 3', names.trainImages, '3 x 2'],
    ],
    [
      'a label far above the others',
      { trainLabels: idx([3], [0, 200, 1]) },
      [names.trainLabels, 'label 200 at index 1', 'no image has label 199'],
    ],
    [
      'a test label that training does not know',
      { testLabels: idx([2], [1, 3]) },
      [names.testLabels, 'labels from 0 to 2', '3 at index 1'],
    ],
    [
      'a damaged gzip file',
      { trainImages: gzipSync(contents().trainImages).subarray(0, 30) },
      [names.trainImages, 'a whole gzip file', 'damaged'],
    ],
    [
      'a gzip file of far more than its header says, which is not unpacked',
      { trainLabels: gzipSync(Buffer.concat([contents().trainLabels, Buffer.alloc(1e8)])) },
      [names.trainLabels, 'bytes, as the header says but received more: there are trailing bytes'],
    ],
    [
      'a gzip file whose header says far more than it can hold',
      { trainLabels: gzipSync(idx([2 ** 30], [1, 1, 0])) },
      [names.trainLabels, '1073741832 bytes', ': the file is cut short'],
    ],
    [
      'a header of more than anyone has',
      { trainImages: gzipSync(idx([2 ** 30, 28, 28], [])) },
      [names.trainImages, 'at most 2147483648 bytes but received a header of 1073741824 x 28 x 28'],
    ],
    [
      'a gzip file with a wrong checksum',
      { trainLabels: wrongChecksum(gzipSync(contents().trainLabels)) },
      [names.trainLabels, 'a whole gzip file', 'damaged'],
    ],
  ];
  test.each(cases)('%s', async (_, replaced, parts) => {
    await write({ ...contents(), ...replaced });
    await expect(loadIdx(directory)).rejects.toEqual(failure('INVALID_DATA', ...parts));
  });

  test('a directory without some of the files, saying how to get them', async () => {
    const { trainImages, trainLabels } = contents();
    await write({ trainImages, trainLabels });
    await expect(loadIdx(directory)).rejects.toEqual(
      failure(
        'FILE',
        'test images, test labels',
        directory,
        't10k-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz]',
        `npx convsweep data download ${directory}`,
      ),
    );
  });

  test('a directory that is missing', async () => {
    const missing = join(directory, 'missing');
    await expect(loadIdx(missing)).rejects.toEqual(
      failure('FILE', missing, `npx convsweep data download ${missing}`),
    );
  });

  test('a directory with several sets', async () => {
    await write(contents(), (name) => `emnist-digits-${name}`);
    await write(contents(), (name) => `emnist-letters-${name}`);
    await expect(loadIdx(directory)).rejects.toEqual(
      failure('FILE', 'found 2: emnist-digits, emnist-letters'),
    );
  });

  test('no directory at all', async () => {
    await expect(loadIdx(undefined as never)).rejects.toEqual(
      failure('INVALID_ARGUMENT', 'for directory but received undefined'),
    );
  });
});
