// Models that train side by side, and each of them alone: how many are equal to the bit. Arguments: the most images,
// numbers of models between commas.
import { createHash } from 'node:crypto';
import { loadDigits } from '../../../../lib/data/digits.js';
import { notebookModel } from '../../../../lib/model/notebook.js';
import type { NativeState } from '../../../../lib/native/contract.js';
import { BATCH_SIZE } from '../../trial.js';

export interface SideBySideFact {
  models: number;
  equal: number;
}

/** With a last batch that is smaller. */
const IMAGES = 20 * BATCH_SIZE + 104;

const [images = '', jobs = ''] = process.argv.slice(2);
const sideBySide = jobs.split(',').map(Number);
const digits = await loadDigits();
const data = digits.subset(Array.from({ length: Math.min(Number(images), IMAGES) }, (_, i) => i));

async function train(seed: number): Promise<string> {
  // Widths of the notebook's grid, so that memory moves from one network to another of other sizes.
  const [a, b, c] = [seed % 3, (seed % 5) % 3, (seed % 7) % 3].map((i) => 60 + 20 * i) as [
    number,
    number,
    number,
  ];
  using model = notebookModel([a, b, c], { device: 'cuda', seed });
  await model.fit(data, { epochs: 2, batchSize: BATCH_SIZE, verbose: 0 });
  const { parameters, statistics, m, v } = model.snapshot() as NativeState;
  const hash = createHash('sha256');
  for (const part of [parameters, statistics, m, v]) hash.update(part);
  return hash.digest('hex');
}

const seeds = Array.from({ length: Math.max(...sideBySide) }, (_, seed) => seed);
const alone: string[] = [];
for (const seed of seeds) alone.push(await train(seed));
for (const models of sideBySide) {
  const together = await Promise.all(seeds.slice(0, models).map(train));
  const equal = together.filter((hash, seed) => hash === alone[seed]).length;
  console.log(JSON.stringify({ models, equal } satisfies SideBySideFact));
}
