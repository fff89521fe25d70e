import { describe, expect, test } from '@jest/globals';
import { notebookModel } from '../../lib/model/notebook.js';
import { type ResolvedDevice, resolvePrecision } from '../../lib/native.js';

const deviceOf = (backend: 'cpu' | 'cuda') =>
  ({ addon: { buildInfo: () => ({ backend }) } }) as unknown as ResolvedDevice;

describe('resolvePrecision', () => {
  test.each([
    ['auto', 'cpu', 'fp32'],
    ['fp32', 'cpu', 'fp32'],
    ['auto', 'cuda', 'tf32'],
    ['fp32', 'cuda', 'fp32'],
    ['tf32', 'cuda', 'tf32'],
  ] as const)('%s on %s is %s', (precision, backend, expected) => {
    expect(resolvePrecision(precision, deviceOf(backend))).toBe(expected);
  });

  test('the CPU has no TF32', () => {
    expect(() => resolvePrecision('tf32', deviceOf('cpu'))).toThrow(
      'Expected "fp32" or "auto" (the CPU has no TF32) for precision but received "tf32"',
    );
  });

  test('other names are refused', () => {
    expect(() => resolvePrecision('bf16' as 'fp32', deviceOf('cuda'))).toThrow(
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
