import { describe, expect, test } from '@jest/globals';
import { pythonFloat32 } from '../../lib/python/float.js';
import { pythonText } from '../../lib/python/text.js';
import type { GridValue } from '../../lib/sweep/grid.js';
import { modelsCsv } from '../../lib/sweep/models-csv.js';

const row = (split: string, parameters: Record<string, GridValue>, accuracy: number) => ({
  split,
  parameters,
  accuracy,
});

describe('modelsCsv', () => {
  test('is what csv.DictWriter writes of the notebook results', () => {
    const text = modelsCsv([
      row('60%', { neuron_counts: [60, 60, 60] }, Math.fround(63991 / 64000)),
      row('80%', { neuron_counts: [100, 60, 100] }, 1),
    ]);
    expect(text).toBe(
      'test_split,neuron_counts,accuracy\r\n60%,"(60, 60, 60)",0.9998594\r\n80%,"(100, 60, 100)",1.0\r\n',
    );
  });

  test('has a column per hyperparameter, quoted only where Python quotes', () => {
    const text = modelsCsv([
      row('a,b', { rate: 0.00001, units: 64, note: 'say "hi"', flag: true, none: null, lines: 'x\ny' }, 0.5),
      row('plain', { rate: 0.5, units: 8, note: ' spaced ', flag: false, none: 'x', lines: 'z' }, 0),
    ]);
    expect(text).toBe(
      'test_split,rate,units,note,flag,none,lines,accuracy\r\n' +
        '"a,b",1e-05,64,"say ""hi""",True,,"x\ny",0.5\r\n' +
        'plain,0.5,8, spaced ,False,x,z,0.0\r\n',
    );
  });
});

// Every expected text is what CPython 3.11 prints.
test.each<[GridValue, string]>([
  [[60, 60, 60], '(60, 60, 60)'],
  [[60], '(60,)'],
  [[], '()'],
  [[[1, 2], 'a', null, true, 0.5], "((1, 2), 'a', None, True, 0.5)"],
  [["it's", 'a"b', 'a\\b'], `("it's", 'a"b', 'a\\\\b')`],
  ['60%', '60%'],
  [null, ''],
  [false, 'False'],
  [1e-7, '1e-07'],
])('%j is written as %s', (value, text) => {
  expect(pythonText(value)).toBe(text);
});

// Every expected text is what numpy prints for the float32 nearest to the value.
test.each<[number, string]>([
  [63991 / 64000, '0.9998594'],
  [61999 / 62000, '0.99998385'],
  [1, '1.0'],
  [0, '0.0'],
  [1e-5, '1e-05'],
  [1e-4, '1e-04'],
  [0.00010001, '0.00010001'],
  [1 / 3, '0.33333334'],
  [1 / 4096, '0.00024414062'],
  [3 / 62000, '4.8387097e-05'],
  [0.97, '0.97'],
  [123.456, '123.456'],
  [1e16, '1e+16'],
  [-0, '-0.0'],
  [-0.1, '-0.1'],
  [Number.NaN, 'nan'],
  [Number.POSITIVE_INFINITY, 'inf'],
])('the float32 of %d is %s', (value, text) => {
  expect(pythonFloat32(value)).toBe(text);
});
