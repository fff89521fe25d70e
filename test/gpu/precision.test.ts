import { describe, expect, test } from '@jest/globals';
import type { NamedWeight } from '../../lib/architecture/weights.js';
import { distance, largestError, norm, relativeError } from '../parity/compare.js';
import { isCard, widened } from '../parity/device.js';
import { bits, quiet, smallModel, strokes } from './samples.js';

/*
 * TF32 keeps 10 bits of each factor's mantissa, a relative error of up to 4.9e-4 per factor; sums are float32. A layer's
 * error is some of that, relative to its largest value, and a handful of layers add up to a few times as much.
 */
const OUTPUTS = widened(5e-3);
const GRADIENTS = widened(5e-2);

const data = strokes(64);
const images = data.store.images;
const labels = [...data.store.labels];

const flat = (weights: NamedWeight[]) => weights.flatMap((weight) => [...weight.data]);

describe('TF32', () => {
  test('is the default', async () => {
    const run = async (precision: 'auto' | 'tf32') => {
      using model = smallModel({ seed: 1, precision });
      await model.fit(data, quiet);
      return bits(model);
    };
    expect(await run('auto')).toEqual(await run('tf32'));
  });

  test('gives nearly the outputs and gradients of fp32, and not the same', async () => {
    const run = async (precision: 'fp32' | 'tf32') => {
      using model = smallModel({ seed: 2, precision });
      const { loss, gradients } = await model.gradients(images, labels);
      return { loss, gradients: flat(gradients), outputs: await model.predict(images) };
    };
    const [tf32, fp32] = [await run('tf32'), await run('fp32')];
    expect(largestError(tf32.outputs, fp32.outputs)).toBeLessThan(OUTPUTS);
    // A card's libraries may stay in fp32 where that is faster.
    if (!isCard) expect(largestError(tf32.outputs, fp32.outputs)).toBeGreaterThan(0);
    expect(relativeError([tf32.loss], [fp32.loss])).toBeLessThan(OUTPUTS);
    expect(distance(tf32.gradients, fp32.gradients) / norm(fp32.gradients)).toBeLessThan(GRADIENTS);
  });

  test('learns what fp32 learns', async () => {
    const run = async (precision: 'fp32' | 'tf32') => {
      using model = smallModel({ seed: 3, precision });
      await model.fit(data, { ...quiet, epochs: 60, batchSize: 8 });
      return await model.evaluate(data);
    };
    const [tf32, fp32] = [await run('tf32'), await run('fp32')];
    expect(fp32.accuracy).toBeGreaterThan(0.7);
    expect(tf32.accuracy).toBeGreaterThan(0.7);
  });

  test('gives identical bits in repeated runs', async () => {
    const run = async () => {
      using model = smallModel({ seed: 4, precision: 'tf32' });
      await model.fit(data, quiet);
      return bits(model);
    };
    expect(await run()).toEqual(await run());
  });
});
