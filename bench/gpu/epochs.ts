// One model, a few epochs: what the profiler looks at. Arguments: device, precision, MNIST's folder or nothing.
import { holdout } from '../../lib/data/splits.js';
import { benchImages } from './images.js';
import { Trial } from './trial.js';

const [device = 'cuda', precision = 'tf32', data] = process.argv.slice(2);
const split = holdout(await benchImages(data), { percent: 80, seed: 0 });
using trial = new Trial(split, { device: device as 'cuda', precision: precision as 'tf32', seed: 0 });
for (let epoch = 0; epoch < 3; epoch++) await trial.train();
