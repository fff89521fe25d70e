import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { loadDigits, parseDigits } from '../../lib/data/digits.js';

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

describe('parseDigits', () => {
  const parse = (text: string, pixels: number): Uint8Array => {
    const target = new Uint8Array(pixels);
    parseDigits(Buffer.from(text), target, 'digits.json');
    return target;
  };

  test('reads every byte in the spelling of the files', () => {
    const spelled = Array.from({ length: 256 }, (_, k) => Number((k / 255).toFixed(3)));
    expect([...parse(`{ "data": [${spelled.join(',')}]}`, 256)]).toEqual(spelled.map((_, k) => k));
  });

  test.each([
    ['another beginning', '{"data":[0,1]}', 'Expected { \\"data\\": [ at byte 0'],
    [
      'a value that is no byte',
      '{ "data": [0,0.001]}',
      'Expected a pixel k/255 with up to three decimals at byte 13',
    ],
    ['a value above one', '{ "data": [0,2]}', 'Expected a pixel'],
    ['a negative value', '{ "data": [0,-1]}', 'Expected a pixel'],
    ['four decimals', '{ "data": [0,0.5020]}', 'Expected "]" after 2 pixels'],
    ['too few values', '{ "data": [0]}', 'Expected "," after pixel 0'],
    ['too many values', '{ "data": [0,1,0]}', 'Expected "]" after 2 pixels'],
    ['a cut', '{ "data": [0,', 'Expected a pixel'],
    ['no closing brace', '{ "data": [0,1]', 'Expected "}" and the end'],
    ['something after the end', '{ "data": [0,1]} x', 'Expected "}" and the end'],
  ])('refuses %s', (_, text, message) => {
    expect(() => parse(text, 2)).toThrow(
      expect.objectContaining({
        code: 'INVALID_DATA',
        message: expect.stringContaining(message.replaceAll('\\"', '"')),
      }),
    );
    expect(() => parse(text, 2)).toThrow('digits.json');
  });
});
