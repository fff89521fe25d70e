import { describe, expect, test } from '@jest/globals';
import { fitImage } from '../../lib/data/fit-image.js';
import type { RgbaImage } from '../../lib/data/png-image.js';

/** A picture of grey values, row by row. */
function greys(rows: number[][]): RgbaImage {
  const data = rows.flat().flatMap((value) => [value, value, value, 255]);
  return { width: rows[0]!.length, height: rows.length, data: Uint8Array.from(data) };
}

function fitted(image: RgbaImage, shape: [number, number, number]) {
  const { pixels, steps } = fitImage(image, shape);
  return { pixels: [...pixels], steps };
}

/** Black with something bright inside. */
const DRAWING = [
  [0, 0, 0, 0],
  [0, 200, 100, 0],
  [0, 60, 255, 0],
  [0, 0, 0, 0],
];

describe('fitImage', () => {
  test.each<[string, () => unknown]>([
    ['image but received undefined', () => fitImage(undefined as never, [4, 4, 1])],
    ['image.width but received undefined', () => fitImage({} as never, [4, 4, 1])],
    ['image.data but received 3', () => fitImage({ ...greys([[0]]), data: new Uint8Array(3) }, [4, 4, 1])],
    ['shape but received undefined', () => fitImage(greys(DRAWING), undefined as never)],
    ['shape[0] but received 0', () => fitImage(greys(DRAWING), [0, 4, 1])],
  ])('names a wrong argument: %s', (message, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(call).toThrow(message);
  });

  test('leaves a picture alone that is as the model takes it', () => {
    expect(fitted(greys(DRAWING), [4, 4, 1])).toEqual({ pixels: DRAWING.flat(), steps: [] });
  });

  test('averages areas', () => {
    expect(fitted(greys(DRAWING), [2, 2, 1])).toEqual({
      pixels: [50, 25, 15, 64],
      steps: ['resized from 4 x 4 to 2 x 2'],
    });
  });

  test('weighs what an area covers in part', () => {
    const row = [0, 96, 60, 0];
    const { pixels } = fitted(greys([row, row, row, row]), [3, 3, 1]);
    // (0 + 96/3) / (4/3), (96*2/3 + 60*2/3) / (4/3), (60/3 + 0) / (4/3)
    expect(pixels.slice(0, 3)).toEqual([24, 78, 15]);
  });

  test('gets back a picture that was enlarged by a whole factor, and the other way round', () => {
    const tripled = DRAWING.flatMap((row) =>
      new Array(3).fill(row.flatMap((value) => [value, value, value])),
    );
    expect(fitted(greys(tripled), [4, 4, 1]).pixels).toEqual(DRAWING.flat());
    expect(fitted(greys(DRAWING), [12, 12, 1]).pixels).toEqual(tripled.flat());
  });

  test('inverts a bright background, and says so', () => {
    const inverted = DRAWING.map((row) => row.map((value) => 255 - value));
    expect(fitted(greys(inverted), [4, 4, 1])).toEqual({
      pixels: DRAWING.flat(),
      steps: ['inverted (bright background)'],
    });
  });

  test('takes the background to be what most of the border is', () => {
    const touching = [
      [255, 0, 0],
      [255, 255, 0],
      [255, 0, 0],
    ];
    expect(fitted(greys(touching), [3, 3, 1]).steps).toEqual([]);
    const mostlyBright = [
      [255, 0, 0],
      [255, 0, 255],
      [255, 0, 255],
    ];
    expect(fitted(greys(mostlyBright), [3, 3, 1]).steps).toEqual(['inverted (bright background)']);
  });

  test('makes colour grey as BT.601 weighs it', () => {
    const data = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 10, 10, 10, 255];
    const image = { width: 2, height: 2, data: Uint8Array.from(data) };
    expect(fitted(image, [2, 2, 1])).toEqual({ pixels: [76, 150, 29, 10], steps: ['colour made grey'] });
  });

  test('keeps colour, and a bright background, for models of three channels', () => {
    const data = [255, 250, 245, 255, 0, 10, 20, 255, 250, 250, 250, 255, 250, 250, 250, 255];
    const image = { width: 2, height: 2, data: Uint8Array.from(data) };
    expect(fitted(image, [2, 2, 3])).toEqual({
      pixels: data.filter((_, i) => i % 4 !== 3),
      steps: [],
    });
  });

  test('lays transparency over what the drawing contrasts with', () => {
    const drawn = (ink: number): RgbaImage => {
      const data = DRAWING.flat().flatMap((opacity) => [ink, ink, ink, opacity]);
      return { width: 4, height: 4, data: Uint8Array.from(data) };
    };
    expect(fitted(drawn(0), [4, 4, 1])).toEqual({
      pixels: DRAWING.flat(),
      steps: ['transparency laid over white', 'inverted (bright background)'],
    });
    expect(fitted(drawn(255), [4, 4, 1])).toEqual({
      pixels: DRAWING.flat(),
      steps: ['transparency laid over black'],
    });
    const nothing = { width: 1, height: 1, data: new Uint8Array(4) };
    expect(fitted(nothing, [2, 2, 1]).pixels).toEqual([0, 0, 0, 0]);
  });

  test('keeps the proportions and fills up with the background, in the middle', () => {
    const wide = [
      [40, 40, 40, 40],
      [40, 200, 40, 40],
    ];
    expect(fitted(greys(wide), [4, 4, 1])).toEqual({
      pixels: [...[40, 40, 40, 40], ...wide.flat(), ...[40, 40, 40, 40]],
      steps: ['resized from 4 x 2 to 4 x 4', 'padded with its background'],
    });
    const line = greys([[0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
    expect(fitted(line, [3, 3, 1]).pixels).toEqual([0, 0, 0, 64, 0, 0, 0, 0, 0]);
  });

  test('refuses models of other channels', () => {
    expect(() => fitImage(greys(DRAWING), [4, 4, 2])).toThrow(
      'Expected a model of 1 (grey) or 3 (colour) channels for image files but it takes 4 x 4 x 2',
    );
  });
});
