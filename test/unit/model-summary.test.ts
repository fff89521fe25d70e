import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { resolveLayers } from '../../lib/architecture/resolve-layers.js';
import { summary } from '../../lib/architecture/summary.js';
import { fixtures } from '../golden.js';

test("is Keras' text, byte for byte", () => {
  const counters: Record<string, [string, number]> = {
    Rescaling: ['rescaling', 91],
    Conv2D: ['conv2d', 182],
    MaxPooling2D: ['max_pooling2d', 182],
    BatchNormalization: ['batch_normalization', 455],
    Flatten: ['flatten', 91],
    Dense: ['dense', 364],
  };
  const specs = notebookLayers([100, 60, 100]).map((spec) => {
    const counter = counters[spec.type]!;
    return { ...spec, name: `${counter[0]}_${counter[1]++}` };
  });
  const expected = readFileSync(join(fixtures, 'golden', 'summary_sequential_91.txt'), 'utf8');
  expect(summary('sequential_91', resolveLayers(specs, [28, 28, 1]))).toBe(expected);
});

test('wraps every column', () => {
  const specs = [
    layers.flatten({ name: 'a_name_that_is_longer_than_two_of_the_lines_of_its_column' }),
    layers.dense({ units: 12345678 }),
  ];
  const lines = summary('wide', resolveLayers(specs, [1, 10, 1])).split('\n');
  expect(lines.slice(4, 8).map((line) => line.trimEnd())).toEqual([
    ' a_name_that_is_longer_than_  (None, 10)               0',
    ' two_of_the_lines_of_its_col',
    ' umn (Flatten)',
    '',
  ]);
  expect(lines[8]).toBe(' dense (Dense)               (None, 12345678)          135802458 ');
  expect(lines.at(-5)).toBe('Total params: 135,802,458');
});
