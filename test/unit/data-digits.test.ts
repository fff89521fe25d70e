import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { loadDigits, readDigits } from '../../lib/data/digits.js';

const require = createRequire(import.meta.url);

describe('loadDigits', () => {
  test('keeps the exact bytes that JSON.parse gives, class by class', async () => {
    const digits = await loadDigits();
    expect(digits.name).toBe('embedded-digits');
    expect(digits.size).toBe(10000);
    expect(digits.imageShape).toEqual([28, 28, 1]);
    expect(digits.classes).toBe(10);
    expect(digits.classCounts()).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
    let start = 0;
    const labels: number[] = [];
    for (let digit = 0; digit < 10; digit++) {
      const { data } = JSON.parse(
        readFileSync(require.resolve(`mnist/src/digits/${digit}.json`), 'utf8'),
      ) as { data: number[] };
      const expected = new Uint8Array(data.length);
      for (let i = 0; i < data.length; i++) expected[i] = Math.round(data[i]! * 255);
      expect(Buffer.compare(digits.store.images.subarray(start, start + data.length), expected)).toBe(0);
      start += data.length;
      labels.push(...new Array<number>(data.length / 784).fill(digit));
    }
    expect(start).toBe(10000 * 784);
    expect([...digits.store.labels]).toEqual(labels);
  });

  test('gives a permutation, always the same one, in which every batch has all classes', async () => {
    const digits = await loadDigits();
    expect([...digits.rows].sort((a, b) => a - b)).toEqual([...digits.rows.keys()]);
    expect((await loadDigits()).rows).toEqual(digits.rows);
    const labels = digits.labels();
    for (let first = 0; first < 10000; first += 128) {
      expect(new Set(labels.subarray(first, first + 128)).size).toBeGreaterThanOrEqual(first < 9900 ? 8 : 4);
    }
  });

  test('row 5 of the first five is that of the first image of MNIST', async () => {
    const digits = await loadDigits();
    const five = digits.image(digits.rows.indexOf(digits.store.labels.indexOf(5)));
    const inked = [...five.subarray(5 * 28, 6 * 28)].filter((pixel) => pixel > 0);
    expect(inked).toEqual([3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127]);
  });
});

describe('readDigits', () => {
  const file = fileURLToPath(new URL('../../digits.br', import.meta.url));

  test.each([
    ['what is not compressed', (_: Buffer) => Buffer.from('digits'), 'cannot be decompressed'],
    ['a cut', (whole: Buffer) => whole.subarray(0, whole.length / 2), 'cannot be decompressed'],
    [
      'another pixel',
      (whole: Buffer) => {
        const pixels = brotliDecompressSync(whole);
        pixels[100_000]! ^= 1;
        return brotliCompressSync(pixels, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
      },
      'other ones',
    ],
  ])('refuses %s', async (_, change, received) => {
    const folder = mkdtempSync(join(tmpdir(), 'convsweep-digits-'));
    try {
      const path = join(folder, 'digits.br');
      writeFileSync(path, change(readFileSync(file)));
      await expect(readDigits(path)).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: expect.stringMatching(`${received}.*npm run build:ts`),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('says how to get them where they are missing', async () => {
    await expect(readDigits(`${file}.none`)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('npm run build:ts'),
    });
  });
});
