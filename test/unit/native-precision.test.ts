import { describe, expect, test } from '@jest/globals';
import { notebookModel } from '../../lib/model/notebook.js';
import type { NativeDevice, NativePrecision } from '../../lib/native/contract.js';
import { resolvePrecision } from '../../lib/native/devices.js';

const deviceOf = (precisions: NativePrecision[], defaultPrecision: NativePrecision): NativeDevice => ({
  name: 'cuda:0',
  description: 'of a test',
  concurrency: 1,
  precisions,
  defaultPrecision,
});
const withTf32 = deviceOf(['fp32', 'tf32'], 'tf32');
const withoutTf32 = deviceOf(['fp32'], 'fp32');

describe('resolvePrecision', () => {
  test.each([
    ['auto', withoutTf32, 'fp32'],
    ['fp32', withoutTf32, 'fp32'],
    ['auto', withTf32, 'tf32'],
    ['fp32', withTf32, 'fp32'],
    ['tf32', withTf32, 'tf32'],
  ] as const)('%s on a device of %j is %s', (precision, device, expected) => {
    expect(resolvePrecision(precision, device)).toBe(expected);
  });

  test('what the device does not compute in is refused', () => {
    expect(() => resolvePrecision('tf32', withoutTf32)).toThrow(
      'Expected "auto" or "fp32" (all that cuda:0 computes in) for precision but received "tf32"',
    );
  });

  test('other names are refused', () => {
    expect(() => resolvePrecision('bf16' as 'fp32', withTf32)).toThrow(
      'Expected "auto", "fp32" or "tf32" for precision but received "bf16"',
    );
  });
});

describe('a model', () => {
  test('on the CPU is of fp32, and cannot be of TF32', () => {
    using model = notebookModel([4, 4, 4], { device: 'cpu' });
    expect(model.precision).toBe('fp32');
    expect(() => notebookModel([4, 4, 4], { device: 'cpu', precision: 'tf32' })).toThrow(
      'all that cpu computes in',
    );
  });
});
