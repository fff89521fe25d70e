import { describe, expect, test } from '@jest/globals';
import { notebookModel } from '../../lib/model/notebook.js';
import { type ResolvedDevice, resolvePrecision } from '../../lib/native.js';

const devices = {
  cpu: { name: 'cpu', description: 'a processor', tf32: false },
  'a GPU': { name: 'cuda:0', description: 'a GPU', tf32: true },
  'an old GPU': { name: 'cuda:0', description: 'an old GPU', tf32: false },
};
const deviceOf = (name: keyof typeof devices) => devices[name] as ResolvedDevice;

describe('resolvePrecision', () => {
  test.each([
    ['auto', 'cpu', 'fp32'],
    ['fp32', 'cpu', 'fp32'],
    ['auto', 'a GPU', 'tf32'],
    ['fp32', 'a GPU', 'fp32'],
    ['tf32', 'a GPU', 'tf32'],
    ['auto', 'an old GPU', 'fp32'],
  ] as const)('%s on %s is %s', (precision, name, expected) => {
    expect(resolvePrecision(precision, deviceOf(name))).toBe(expected);
  });

  test('the CPU has no TF32', () => {
    expect(() => resolvePrecision('tf32', deviceOf('cpu'))).toThrow(
      'Expected "fp32" or "auto" (the CPU has no TF32) for precision but received "tf32"',
    );
  });

  test('nor has an old GPU', () => {
    expect(() => resolvePrecision('tf32', deviceOf('an old GPU'))).toThrow(
      'Expected "fp32" or "auto" (an old GPU has no TF32) for precision but received "tf32"',
    );
  });

  test('other names are refused', () => {
    expect(() => resolvePrecision('bf16' as 'fp32', deviceOf('a GPU'))).toThrow(
      'Expected "auto", "fp32" or "tf32" for precision but received "bf16"',
    );
  });
});

describe('a model', () => {
  test('on the CPU is of fp32, and cannot be of TF32', () => {
    using model = notebookModel([4, 4, 4], { device: 'cpu' });
    expect(model.precision).toBe('fp32');
    expect(() => notebookModel([4, 4, 4], { device: 'cpu', precision: 'tf32' })).toThrow(
      'the CPU has no TF32',
    );
  });
});
