import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { NativeLayer } from '../../lib/native/contract.js';
import { resolveDevice } from '../../lib/native/devices.js';

const { addon, concurrency } = resolveDevice('cpu');
const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
const network = (...layers: NativeLayer[]) =>
  new addon.Network({ layers, adam, device: 0, seed: 0, precision: 'fp32', threads: concurrency });
const softmax = (inputs: number, outputs: number): NativeLayer => ({
  type: 'Dense',
  inputShape: [inputs],
  outputShape: [outputs],
  activation: 'softmax',
  useBias: true,
});
const dataset = (imageSize: number) =>
  new addon.Dataset({
    images: Uint8Array.from({ length: 4 * imageSize }, (_, i) => i % 251),
    labels: Uint8Array.of(0, 1, 2, 1),
    count: 4,
    imageSize,
    device: 0,
  });

// What other tests have left in this process may be collected at any moment: not in the middle of a count.
beforeEach(async () => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  // Finalizers come after it.
  for (let i = 0; i < 3; i++) await setImmediate();
});

describe('the addon on the CPU', () => {
  test('gives back what a call took that ran out of memory, and the network still works', async () => {
    const wide = network(softmax(1, 2 ** 20));
    const data = dataset(1);
    const few = Uint32Array.of(0, 1, 2, 3);
    const { loss } = await wide.evaluate(data, few, 1);
    const before = addon.memoryInUse();
    // The outputs of one batch of all these would take 16 TiB.
    const many = new Uint32Array(2 ** 22);
    await expect(wide.evaluate(data, many, many.length)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(addon.memoryInUse()).toBeLessThanOrEqual(before);
    expect(await wide.evaluate(data, few, 1)).toMatchObject({ loss });
    expect(addon.memoryInUse()).toBe(before);
    wide.dispose();
    data.dispose();
  });

  test('counts what a softmax takes', async () => {
    const classes = 2 ** 22;
    const before = addon.memoryInUse();
    const shape = { inputShape: [classes], outputShape: [classes] };
    // No parameters: pixels and logits are the same array, of 4 bytes a class, and each exponential takes 8.
    const bare = network({ type: 'Activation', ...shape, activation: 'softmax' });
    const data = dataset(classes);
    await bare.evaluate(data, Uint32Array.of(0), 1);
    const pixels = 4 * (classes + 1);
    expect(addon.memoryInUse() - before - pixels).toBeGreaterThanOrEqual((4 + 8) * classes);
    bare.dispose();
    data.dispose();
    expect(addon.memoryInUse()).toBe(before);
  });

  test.each([
    ['of layers that do not fit together', () => network(softmax(4, 3), softmax(4, 3))],
    ['on a device that is not there', () => new addon.Dataset({ ...sample, device: 7 })],
  ])('a constructor throws for what is %s, and keeps nothing of it', (_, construct) => {
    const before = addon.memoryInUse();
    expect(construct).toThrow(expect.objectContaining({ code: 'NATIVE' }));
    expect(addon.memoryInUse()).toBe(before);
  });
});

const sample = { images: new Uint8Array(1), labels: new Uint8Array(1), count: 1, imageSize: 1 };
