import { describe, expect, test } from '@jest/globals';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { resolveLayers } from '../../lib/architecture/resolve-layers.js';
import { glorotLimit, initialWeights } from '../../lib/model/initializers.js';

function draw(specs: LayerSpec[], seed: number): Map<string, Float32Array> {
  const architecture = resolveLayers(specs, [28, 28, 1]);
  const values = initialWeights(architecture, seed);
  return new Map(architecture.weights.map(({ name }, i) => [name, values[i]!]));
}

const notebook = (...widths: [number, number, number]) => draw(notebookLayers(widths), 7);

describe('initialWeights', () => {
  test("has Keras' limits", () => {
    expect(glorotLimit(9, 9 * 28)).toBeCloseTo(0.15162, 5);
    expect(glorotLimit(9 * 28, 9 * 28)).toBeCloseTo(0.10911, 5);
  });

  test.each([
    ['conv2d/kernel', 6 / 261],
    ['conv2d_1/kernel', 6 / 504],
    ['dense/kernel', 6 / 800],
    ['dense_3/kernel', 6 / 110],
  ])('%s is uniform within the limit', (name, limitSquared) => {
    const values = notebook(100, 60, 100).get(name)!;
    const limit = Math.sqrt(limitSquared);
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(limit));
    expect(largest).toBeGreaterThan(0.95 * limit);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // Four standard errors of the mean and of the variance of a uniform distribution.
    expect(Math.abs(mean)).toBeLessThan((4 * limit) / Math.sqrt(3 * values.length));
    expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(4 * Math.sqrt(0.8 / values.length));
  });

  test('the other variables are zeros and ones', () => {
    const weights = notebook(4, 4, 4);
    for (const [variable, value] of Object.entries({
      bias: 0,
      gamma: 1,
      beta: 0,
      moving_mean: 0,
      moving_variance: 1,
    })) {
      const found = [...weights].filter(([name]) => name.endsWith(`/${variable}`));
      expect(found.length).toBeGreaterThan(3);
      for (const [, values] of found) expect(values.every((v) => v === value)).toBe(true);
    }
  });

  test('a weight depends on the seed, its layer and its own shape, not on other layers or on names', () => {
    const weights = notebook(10, 20, 30);
    const others = notebook(10, 20, 99);
    for (const name of ['conv2d/kernel', 'conv2d_1/kernel', 'dense/kernel', 'dense_1/kernel']) {
      expect(others.get(name)).toEqual(weights.get(name));
    }
    const specs = notebookLayers([10, 20, 30]);
    expect(draw(specs, 8).get('dense/kernel')).not.toEqual(weights.get('dense/kernel'));
    specs[1] = layers.conv2d({ filters: 28, kernelSize: 3, activation: 'relu', name: 'first' });
    expect(draw(specs, 7).get('first/kernel')).toEqual(weights.get('conv2d/kernel'));
  });

  test('layers of the same shape differ', () => {
    const weights = notebook(30, 30, 30);
    expect(weights.get('dense_1/kernel')).not.toEqual(weights.get('dense_2/kernel'));
  });
});
