import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { above } from '../parity/compare.js';
import { device, isCard, tolerances, widened } from '../parity/device.js';
import type { ShapesDistances, ShapesReport } from '../parity/shapes-worker.js';

/*
 * The largest distances from exact arithmetic over the networks of test/parity/shapes-cases.ts, as a table. In TF32 a
 * factor is rounded by up to 4.9e-4 of itself; where two values of a pooling window, or a value and zero, are nearer than
 * that, the gradient may take another way altogether, so its distance has a limit on average only.
 */
const PRECISIONS = ['fp32', 'tf32'] as const;
const MEASURES = {
  probabilities: { fp32: tolerances.outputs, tf32: widened(2e-3) },
  'training loss': { fp32: tolerances.loss, tf32: widened(1e-2) },
  'evaluation loss': { fp32: tolerances.loss, tf32: widened(1e-2) },
  gradients: { fp32: tolerances.gradients, tf32: Number.POSITIVE_INFINITY },
  'gradients, on average': { fp32: tolerances.gradients, tf32: widened(1e-2) },
  statistics: { fp32: tolerances.statistics, tf32: widened(1e-3) },
  Adam: { fp32: tolerances.adam, tf32: tolerances.adam },
} as const;
type Measure = keyof typeof MEASURES;

const largest = (values: number[]): number => Math.max(0, ...values);
const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function summary(cases: ShapesDistances[]): Record<Measure, number> {
  const of = (value: (distances: ShapesDistances) => number) => largest(cases.map(value));
  return {
    probabilities: of(({ probabilities }) => probabilities),
    'training loss': of(({ trainingLoss }) => trainingLoss),
    'evaluation loss': of(({ evaluationLoss }) => evaluationLoss),
    gradients: of(({ gradients }) => largest(Object.values(gradients))),
    'gradients, on average': mean(cases.flatMap(({ gradients }) => Object.values(gradients))),
    statistics: of(({ statistics }) => statistics),
    Adam: of(({ adam }) => adam),
  };
}

const found = {} as Record<(typeof PRECISIONS)[number], Record<Measure, number>>;

beforeAll(async () => {
  const script = join(import.meta.dirname, '..', 'parity', 'shapes-worker.js');
  for (const precision of PRECISIONS) {
    const env = { ...process.env, CONVSWEEP_TEST_PRECISION: precision };
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
    found[precision] = summary(Object.values((JSON.parse(stdout) as ShapesReport).distances));
  }
  if (!isCard) return;
  const lines = Object.keys(MEASURES).map((measure) => {
    const cells = PRECISIONS.map((precision) => found[precision][measure as Measure].toExponential(1));
    return `| ${[measure, ...cells].join(' | ')} |`;
  });
  process.stdout.write(
    `\nLargest distances from exact arithmetic on ${device.description}:\n\n| | fp32 | TF32 |\n| --- | --- | --- |\n${lines.join('\n')}\n\n${JSON.stringify(found)}\n`,
  );
});

describe('the largest distance from exact arithmetic', () => {
  test.each(PRECISIONS)('in %s is within its limits', (precision) => {
    const beyond = Object.entries(MEASURES).flatMap(([measure, limits]) =>
      Object.entries(above(limits[precision], { [measure]: found[precision][measure as Measure] })),
    );
    expect(beyond).toEqual([]);
  });

  // A card's libraries may stay in fp32 where that is faster.
  (isCard ? test.skip : test)('is larger in TF32', () => {
    expect(found.tf32.probabilities).toBeGreaterThan(10 * found.fp32.probabilities);
  });
});
