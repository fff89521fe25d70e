import { beforeAll, describe, expect, test } from '@jest/globals';
import { above } from './compare.js';
import { device, tolerances } from './device.js';
import { shapesCases } from './shapes-cases.js';
import type { ShapesReport } from './shapes-worker.js';
import { runWorker } from './worker.js';

/** The CPU backend's, best first; other devices have but one way to run. */
const instructionSets = device.addon.buildInfo().instructionSets ?? [undefined];

describe.each(instructionSets.map((isa) => ({ isa })))(
  'instruction set $isa, against the float64 reference',
  ({ isa }) => {
    let report: ShapesReport;

    beforeAll(async () => {
      report = await runWorker('shapes-worker', isa === undefined ? {} : { CONVSWEEP_ISA: isa });
      expect(report.instructionSet).toBe(isa);
    });

    test.each(shapesCases.map(({ name }) => ({ name })))('$name', ({ name }) => {
      const distances = report.distances[name]!;
      expect({
        probabilities: above(tolerances.outputs, { all: distances.probabilities }),
        losses: above(tolerances.loss, {
          training: distances.trainingLoss,
          evaluation: distances.evaluationLoss,
        }),
        accuracies: above(1e-7, {
          training: distances.trainingAccuracy,
          evaluation: distances.evaluationAccuracy,
        }),
        gradients: above(tolerances.gradients, distances.gradients),
        statistics: above(tolerances.statistics, { all: distances.statistics }),
        adam: above(tolerances.adam, { all: distances.adam }),
      }).toEqual({ probabilities: {}, losses: {}, accuracies: {}, gradients: {}, statistics: {}, adam: {} });
    });
  },
);
