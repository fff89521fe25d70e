import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { crc32 } from '../../lib/crc32.js';
import { decodePng, readPng } from '../../lib/data/png-image.js';
import { Random } from '../../lib/random.js';
import { runScript } from '../system/run-node.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'png-image-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** 2 x 1: half transparent red, opaque grey. */
function picture(): Buffer {
  const png = new PNG({ width: 2, height: 1 });
  png.data.set([255, 0, 0, 128, 77, 77, 77, 255]);
  return PNG.sync.write(png);
}

describe('readPng', () => {
  test('gives four bytes a pixel', async () => {
    const path = join(folder, 'two.png');
    await writeFile(path, picture());
    const { width, height, data } = await readPng(path);
    expect([width, height, [...data]]).toEqual([2, 1, [255, 0, 0, 128, 77, 77, 77, 255]]);
  });

  test('names a file that is not there, and a folder', async () => {
    const missing = join(folder, 'missing.png');
    await expect(readPng(missing)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(missing),
    });
    await expect(readPng(folder)).rejects.toMatchObject({ code: 'FILE' });
  });
});

test('wants a path', async () => {
  await expect(readPng(undefined as never)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'Expected the path of a PNG file for path but received undefined',
  });
});

describe('decodePng', () => {
  test.each<[string, Buffer, string]>([
    ['a JPEG', Buffer.from('ffd8ffe000104a464946', 'hex'), 'begins with ff d8 ff e0 00 10 4a 46 (a JPEG)'],
    ['a GIF', Buffer.from('GIF89a..'), 'begins with 47 49 46 38 39 61 2e 2e (a GIF)'],
    ['a model', Buffer.from('894844460d0a1a0a', 'hex'), '(an HDF5 file, such as a Keras model)'],
    ['text', Buffer.from('hi'), 'begins with 68 69; convert it to PNG'],
    ['nothing', Buffer.alloc(0), 'it is empty'],
  ])('says that %s is no PNG, and what it is', (_, bytes, message) => {
    const decode = () => decodePng(bytes, 'a.png');
    expect(decode).toThrow(`Expected a PNG image in a.png but`);
    expect(decode).toThrow(message);
    expect(decode).toThrow(expect.objectContaining({ code: 'INVALID_DATA' }));
  });

  test('refuses a file cut off anywhere, and one with a changed byte', () => {
    const whole = picture();
    for (let length = 8; length < whole.length; length++) {
      expect(() => decodePng(whole.subarray(0, length), 'a.png')).toThrow(
        `Expected a whole PNG image in a.png but it is truncated or damaged: it ends too early (${length} bytes)`,
      );
    }
    const changed = Buffer.from(whole);
    changed[changed.indexOf('IDAT') + 6]! ^= 1;
    expect(() => decodePng(changed, 'a.png')).toThrow('damaged: the checksum of "IDAT" differs');
  });

  test.each([
    [0x7fffffff, 0x7fffffff],
    [16385, 1],
    [1, 16385],
    [16384, 3907],
  ])('refuses a size of %i x %i before making room for it', (width, height) => {
    expect(() =>
      decodePng(png({ width, height, depth: 8, colorType: 0 }, [Buffer.alloc(100)]), 'a.png'),
    ).toThrow(
      `Expected an image of at most 64 megapixels, 16384 a side, in a.png but received ${width} x ${height}; make it smaller`,
    );
  });

  test('reads and fits the largest size within 300 MB', async () => {
    const [width, height] = [16000, 4000];
    const blank = deflateSync(Buffer.alloc(height * (1 + width)), { level: 9 });
    const path = join(folder, 'largest.png');
    await writeFile(path, png({ width, height, depth: 8, colorType: 0 }, [blank]));
    const { stdout, stderr } = await runScript(`
      const before = process.resourceUsage().maxRSS;
      const image = await convsweep.readPng(${JSON.stringify(path)});
      convsweep.fitImage(image, [28, 28, 1]);
      console.log(image.data.length, process.resourceUsage().maxRSS - before);
    `);
    expect(stderr).toBe('');
    const [length, kilobytes] = stdout.split(' ').map(Number);
    expect(length).toBe(256e6);
    expect(kilobytes! * 1024).toBeLessThan(300 * 2 ** 20);
  });

  test.each<[string, Partial<Form>, (rows: Buffer) => Buffer[], string]>([
    ['no image data', {}, () => [], 'image data is missing'],
    [
      'image data that cannot be all',
      { width: 16000, height: 4000 },
      (rows) => [deflateSync(rows)],
      'image data is missing',
    ],
    ['a row less', { height: 9 }, (rows) => [deflateSync(rows)], 'image data is missing'],
    ['its data cut', {}, (rows) => [deflateSync(rows).subarray(0, -12)], 'image data is missing'],
    ['no zlib data', {}, () => [Buffer.alloc(100, 7)], 'invalid zlib data'],
    ['another filter', {}, (rows) => [deflateSync(rows.fill(5, 0, 1))], 'there is no filter 5'],
    [
      'another color type',
      { colorType: 5 },
      (rows) => [deflateSync(rows)],
      'there is no color type 5 of 8 bits',
    ],
    [
      'another depth',
      { depth: 4, colorType: 2 },
      (rows) => [deflateSync(rows)],
      'there is no color type 2 of 4 bits',
    ],
    ['no height', { height: 0 }, (rows) => [deflateSync(rows)], 'it has no pixels'],
    ['no palette', { colorType: 3 }, (rows) => [deflateSync(rows)], 'its palette is missing'],
    [
      'too small a palette',
      { colorType: 3, palette: Buffer.alloc(3) },
      (rows) => [deflateSync(rows.fill(1, 1))],
      'there is no color 1',
    ],
  ])('refuses %s', (_, form, data, message) => {
    const rows = Buffer.alloc(8 * 9);
    expect(() =>
      decodePng(png({ width: 8, height: 8, depth: 8, colorType: 0, ...form }, data(rows)), 'a.png'),
    ).toThrow(
      expect.objectContaining({
        code: 'INVALID_DATA',
        message: expect.stringContaining(`damaged: ${message}`),
      }),
    );
  });
});

/** What {@link png} makes. */
interface Form {
  width: number;
  height: number;
  depth: number;
  colorType: number;
  isInterlaced?: boolean;
  palette?: Buffer;
  transparency?: Buffer;
}

/** A PNG file with any header, and `data` as image data. */
function png(form: Form, data: readonly Buffer[]): Buffer {
  const chunk = (type: string, body: Buffer) => {
    const whole = Buffer.concat([Buffer.alloc(4), Buffer.from(type), body, Buffer.alloc(4)]);
    whole.writeUInt32BE(body.length, 0);
    whole.writeUInt32BE(crc32(whole.subarray(4, -4)), whole.length - 4);
    return whole;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(form.width, 0);
  header.writeUInt32BE(form.height, 4);
  header.set([form.depth, form.colorType, 0, 0, form.isInterlaced ? 1 : 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...(form.palette ? [chunk('PLTE', form.palette)] : []),
    ...(form.transparency ? [chunk('tRNS', form.transparency)] : []),
    ...data.map((body) => chunk('IDAT', body)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('decodePng agrees with pngjs', () => {
  const kinds: [colorType: number, depths: number[], samples: number][] = [
    [0, [1, 2, 4, 8, 16], 1],
    [2, [8, 16], 3],
    [3, [1, 2, 4, 8], 1],
    [4, [8, 16], 2],
    [6, [8, 16], 4],
  ];
  const cases = kinds.flatMap(([colorType, depths, samples]) =>
    depths.flatMap((depth) =>
      [false, true].flatMap((isInterlaced) =>
        [false, true].map((isTransparent) => ({ colorType, depth, samples, isInterlaced, isTransparent })),
      ),
    ),
  );

  test.each(cases)(
    'on type $colorType of $depth bits, interlaced $isInterlaced, transparent $isTransparent',
    ({ colorType, depth, samples, isInterlaced, isTransparent }) => {
      const random = new Random(colorType, depth);
      const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => random.below(256)));
      for (const [width, height] of [
        [13, 11],
        [1, 1],
        [3, 2],
        [8, 8],
        [33, 5],
      ] as const) {
        const passes = isInterlaced
          ? [
              [0, 0, 8, 8],
              [4, 0, 8, 8],
              [0, 4, 4, 8],
              [2, 0, 4, 4],
              [0, 2, 2, 4],
              [1, 0, 2, 2],
              [0, 1, 1, 2],
            ]
          : [[0, 0, 1, 1]];
        const rows = passes.flatMap(([left, top, stepX, stepY]) => {
          const columns = Math.ceil((width - left!) / stepX!);
          const count = Math.max(Math.ceil((height - top!) / stepY!), 0);
          if (columns <= 0) return [];
          return Array.from({ length: count }, () => {
            const row = bytes(1 + Math.ceil((columns * depth * samples) / 8));
            row[0] = random.below(5);
            return row;
          });
        });
        const form: Form = { width, height, depth, colorType, isInterlaced };
        if (colorType === 3) form.palette = bytes(3 * 2 ** depth);
        // Of as few bits as the samples have.
        if (isTransparent && colorType === 3) form.transparency = bytes(2 ** depth - 1);
        if (isTransparent && (colorType === 0 || colorType === 2))
          form.transparency = Buffer.alloc(2 * samples, 0).fill(1, 1, 2);
        const data = deflateSync(Buffer.concat(rows));
        const file = png(form, [data.subarray(0, 7), data.subarray(7)]);
        const expected = PNG.sync.read(file);
        expect(decodePng(file, 'a.png')).toEqual({ width, height, data: Uint8Array.from(expected.data) });
      }
    },
  );
});
