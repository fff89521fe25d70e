import { expect, test } from '@jest/globals';
import { progressLine } from '../../lib/cli/progress-line.js';
import type { SweepProgress } from '../../lib/sweep/progress.js';

const progress = {
  done: 42,
  total: 81,
  epochs: 1234,
  imagesPerSecond: 12_345.6,
  secondsLeft: 4321,
  best: { accuracy: 0.98376, split: '60%', parameters: { neuron_counts: [100, 100, 100] } },
} as unknown as SweepProgress;

test('shows everything where there is room', () => {
  expect(progressLine('==--', progress, 200)).toMatch(
    /^==-- {2}42\/81 trials {2}.* left {2}best 0\.9838 60% \(100, 100, 100\) {2}12,346 images\/s {2}1234 epochs$/,
  );
});

test('leaves out what does not fit', () => {
  const line = progressLine('=====-----', progress, 80);
  expect(line).toMatch(/best 0\.9838 60% \(100, 100, 100\)$/);
  expect(line.length).toBeLessThan(80);
  expect(progressLine('=====-----', progress, line.length)).not.toContain('best');
  expect(progressLine('=====-----', progress, 10)).toBe('=====-----');
});

test('knows neither the end nor the best at the beginning', () => {
  const { secondsLeft, best, ...begun } = progress;
  expect(progressLine('----', begun, 80)).toContain('? left  best -');
});
