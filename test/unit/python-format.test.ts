import { describe, expect, test } from '@jest/globals';
import { pythonFloat } from '../../lib/python/float.js';
import { formatFixed, formatScientific } from '../../lib/python/format.js';

// Every expected text is what CPython 3.11 prints.
describe('python-format', () => {
  test.each<[number, number, string]>([
    [0.03125, 4, '0.0312'],
    [0.09375, 4, '0.0938'],
    [0.90625, 4, '0.9062'],
    [0.96875, 4, '0.9688'],
    [0.015625, 5, '0.01562'],
    [0.125, 2, '0.12'],
    [0.375, 2, '0.38'],
    [0.285, 2, '0.28'],
    [1.005, 2, '1.00'],
    [0.5, 0, '0'],
    [1.5, 0, '2'],
    [2.5, 0, '2'],
    [0.99999, 4, '1.0000'],
    [-0.03125, 4, '-0.0312'],
    [12.5, 0, '12'],
    [Number.NaN, 4, 'nan'],
    [Number.POSITIVE_INFINITY, 5, 'inf'],
    [Number.NEGATIVE_INFINITY, 5, '-inf'],
  ])('%d at %i digits is %s', (value, digits, text) => {
    expect(formatFixed(value, digits)).toBe(text);
  });

  test.each<[number, string]>([
    [0.00048828125, '4.8828e-04'],
    [1e-3, '1.0000e-03'],
    [0, '0.0000e+00'],
    [1.23456e-12, '1.2346e-12'],
    [1e-100, '1.0000e-100'],
    [Number.NaN, 'nan'],
  ])('%d in scientific notation is %s', (value, text) => {
    expect(formatScientific(value, 4)).toBe(text);
  });

  test.each<[number, string]>([
    [1, '1.0'],
    [0, '0.0'],
    [-0, '-0.0'],
    [0.001, '0.001'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.000025, '2.5e-05'],
    [1e-7, '1e-07'],
    [1.5e-300, '1.5e-300'],
    [123456.789, '123456.789'],
    [100, '100.0'],
    [9999999999999998, '9999999999999998.0'],
    [1e16, '1e+16'],
    [1.5e21, '1.5e+21'],
    [-2.5, '-2.5'],
    [Number.NaN, 'nan'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ])('the repr of %d is %s', (value, text) => {
    expect(pythonFloat(value)).toBe(text);
  });
});
