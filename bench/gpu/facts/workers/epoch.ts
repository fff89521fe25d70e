// The notebook's model on a GPU in both precisions, beside the CPU, from the same weights on the same batches. Argument:
// the most images.

import { loadDigits } from '../../../../lib/data/digits.js';
import { holdout } from '../../../../lib/data/splits.js';
import { type Model, notebookModel } from '../../../../lib/index.js';
import type { NativeState } from '../../../../lib/native/contract.js';
import type { DeviceName } from '../../../../lib/native/devices.js';
import { BATCH_SIZE, WIDTHS } from '../../trial.js';

type Both = Record<'cuda' | 'cpu', number>;
export interface EpochFact {
  precision: 'fp32' | 'tf32';
  steps: number;
  loss: Both;
  /** Of what the steps added to the weights, as a whole: the distance, relative to the CPU's. */
  movement: number;
  /** Of the moving statistics, likewise. */
  statistics: number;
  /** The accuracy after an epoch. */
  validation?: Both;
}

const STEPS = 3;

const images = Number(process.argv[2]);
const digits = await loadDigits();
const rows = Array.from({ length: Math.min(images, digits.size) }, (_, i) => i);
const { train, validation } = holdout(digits.subset(rows), { percent: 80, seed: 0 });
const few = train.subset(Array.from({ length: Math.min(STEPS * BATCH_SIZE, train.size) }, (_, i) => i));

const build = (device: DeviceName, precision: 'fp32' | 'tf32'): Model =>
  notebookModel(WIDTHS, { device, precision, seed: 0 });
const state = (model: Model) => model.snapshot() as NativeState;
const options = { epochs: 1, batchSize: BATCH_SIZE, shuffle: 'none', verbose: 0 } as const;

function distance(actual: Float32Array, expected: Float32Array, from: Float32Array): number {
  let difference = 0;
  let norm = 0;
  for (const [i, value] of expected.entries()) {
    difference += (actual[i]! - value) ** 2;
    norm += (value - from[i]!) ** 2;
  }
  return Math.sqrt(difference / (norm || 1));
}

for (const precision of ['fp32', 'tf32'] as const) {
  for (const [data, whole] of [
    [few, false],
    [train, true],
  ] as const) {
    using cuda = build('cuda', precision);
    using cpu = build('cpu', 'fp32');
    const start = state(cpu);
    const loss = async (model: Model) => (await model.fit(data, options)).history.loss!.at(-1)!;
    const losses = { cuda: await loss(cuda), cpu: await loss(cpu) };
    const [actual, expected] = [state(cuda), state(cpu)];
    const accuracy = async (model: Model) => (await model.evaluate(validation)).accuracy;
    const fact: EpochFact = {
      precision,
      steps: Math.ceil(data.size / BATCH_SIZE),
      loss: losses,
      movement: distance(actual.parameters, expected.parameters, start.parameters),
      statistics: distance(actual.statistics, expected.statistics, start.statistics),
      ...(whole ? { validation: { cuda: await accuracy(cuda), cpu: await accuracy(cpu) } } : {}),
    };
    console.log(JSON.stringify(fact));
  }
}
