// Epochs of models side by side. Arguments: images, numbers of models between commas. CUDA_DEVICE_MAX_CONNECTIONS is the
// caller's.
import { holdout } from '../../../../lib/data/splits.js';
import { benchImages } from '../../images.js';
import { sideBySide } from '../../side-by-side.js';

export interface ThroughputFact {
  models: number;
  /** Of an epoch of all models. */
  seconds: number;
  imagesPerSecond: number;
}

const [images = '', jobs = ''] = process.argv.slice(2);
const split = holdout(await benchImages(undefined, Number(images)), { percent: 80, seed: 0 });
for (const models of jobs.split(',').map(Number)) {
  const seconds = await sideBySide(split, { device: 'cuda', precision: 'tf32' }, models, 1);
  const imagesPerSecond = Math.round((models * split.train.size) / seconds);
  console.log(JSON.stringify({ models, seconds, imagesPerSecond } satisfies ThroughputFact));
}
