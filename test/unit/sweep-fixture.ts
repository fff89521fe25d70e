import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { holdout } from '../../lib/data/splits.js';
import { Random } from '../../lib/random.js';
import type { Builder } from '../../lib/sweep/builder.js';
import type { SweepOptions } from '../../lib/sweep/options.js';

/** Four classes, told apart by which quarter of a 4 x 4 image is bright, with noise. */
export function quarters(count: number): Dataset {
  const random = new Random(5);
  const labels = Uint8Array.from({ length: count }, () => random.below(4));
  const images = new Uint8Array(count * 16);
  for (let i = 0; i < images.length; i++) {
    const quarter = (i % 16) >> 2;
    images[i] = random.below(100) + (quarter === labels[i >> 4] ? 80 : 0);
  }
  return Dataset.from({ images, labels, height: 4, width: 4 });
}

export const data = quarters(150);
export const splits = [60, 80].map((percent) => ({
  name: `${percent}%`,
  ...holdout(data, { percent, seed: 1 }),
}));
export const grid = { units: [4, 8], rate: [0, 0.25] };
/** A small network, which drops out some of its units. */
export const build: Builder<typeof grid> = ({ units, rate }, { classes }) => ({
  layers: [
    layers.rescaling({ scale: 1 / 255 }),
    layers.flatten(),
    layers.dense({ units, activation: 'relu' }),
    layers.batchNormalization(),
    layers.dropout({ rate }),
    layers.dense({ units: classes, activation: 'softmax' }),
  ],
  optimizer: { learningRate: 0.02 },
});

/** Of a sweep of eight trials, which takes less than a second. */
export const optionsFor = (
  out: string,
  more: Partial<SweepOptions<typeof grid>> = {},
): SweepOptions<typeof grid> => ({
  out,
  splits,
  grid,
  build,
  epochs: 6,
  patience: 2,
  startFromEpoch: 1,
  batchSize: 16,
  seed: 9,
  device: 'cpu',
  ...more,
});

/** Checksums of all files but the journal. */
export async function fingerprint(out: string): Promise<Record<string, string>> {
  const names = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name !== 'journal.jsonl')
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const sums = names.map(async (name) => {
    const sum = createHash('sha256')
      .update(await readFile(name))
      .digest('hex');
    return [name.slice(out.length + 1), sum];
  });
  return Object.fromEntries(await Promise.all(sums));
}
