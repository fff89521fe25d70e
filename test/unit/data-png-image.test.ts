import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { decodePng, readPng } from '../../lib/data/png-image.js';

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
        new RegExp(
          `Expected a whole PNG image in a\\.png but it is truncated or damaged \\(${length} bytes\\)$`,
        ),
      );
    }
    const changed = Buffer.from(whole);
    changed[changed.indexOf('IDAT') + 6]! ^= 1;
    expect(() => decodePng(changed, 'a.png')).toThrow(/truncated or damaged/);
  });

  test('refuses a size that would not fit into memory before making room for it', () => {
    const huge = picture();
    huge.writeUInt32BE(0x7fffffff, 16);
    huge.writeUInt32BE(0x7fffffff, 20);
    expect(() => decodePng(huge, 'a.png')).toThrow(
      'Expected an image of at most 67108864 pixels in a.png but received 2147483647 x 2147483647; make it smaller',
    );
  });
});
