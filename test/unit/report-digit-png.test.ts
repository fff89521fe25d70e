import { describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { Dataset } from '../../lib/data/dataset.js';
import { digitPng } from '../../lib/report/digit-png.js';

/** The red, green and blue of each pixel, row by row. */
function pixels(png: Uint8Array): { width: number; height: number; rgb: number[][] } {
  const { width, height, data } = PNG.sync.read(Buffer.from(png));
  const rgb = Array.from({ length: width * height }, (_, i) => [...data.subarray(i * 4, i * 4 + 3)]);
  return { width, height, rgb };
}

const grey = (value: number) => [value, value, value];

describe('digitPng', () => {
  const images = Uint8Array.of(1, 2, 3, 4, 5, 6, 70, 80, 90, 100, 110, 120);
  const labels = Uint8Array.of(0, 1);

  test('draws each pixel as a square', () => {
    const dataset = Dataset.from({ images, labels, height: 2, width: 3 });
    const { width, height, rgb } = pixels(digitPng(dataset, 1, 2));
    expect([width, height]).toEqual([6, 4]);
    const rows = [
      [70, 70, 80, 80, 90, 90],
      [100, 100, 110, 110, 120, 120],
    ];
    expect(rgb).toEqual([rows[0]!, rows[0]!, rows[1]!, rows[1]!].flat().map(grey));
  });

  test('is ten times as large by default', () => {
    const dataset = Dataset.from({ images, labels, height: 2, width: 3 });
    expect(pixels(digitPng(dataset, 0))).toMatchObject({ width: 30, height: 20 });
  });

  test('keeps three channels as colour and averages any other number', () => {
    const color = Dataset.from({ images, labels, height: 1, width: 2, channels: 3 });
    expect(pixels(digitPng(color, 1, 1)).rgb).toEqual([
      [70, 80, 90],
      [100, 110, 120],
    ]);
    const pairs = Dataset.from({ images, labels, height: 1, width: 3, channels: 2 });
    expect(pixels(digitPng(pairs, 1, 1)).rgb).toEqual([75, 95, 115].map(grey));
  });

  test('refuses a position outside the data set', () => {
    const dataset = Dataset.from({ images, labels, height: 2, width: 3 });
    expect(() => digitPng(dataset, 2)).toThrow('Expected an integer from 0 to 1 for position but received 2');
  });
});
