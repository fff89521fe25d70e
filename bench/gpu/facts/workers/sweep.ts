// The sweep, cold and warm. Arguments: images, trials, epochs.
import { benchImages } from '../../images.js';
import { sweepTimes } from '../../sweep-times.js';

const [images = 0, limit = 0, epochs = 0] = process.argv.slice(2).map(Number);
// Without early stopping, so that any two machines do the same.
const options = { device: 'cuda', limit, epochs, patience: epochs } as const;
for await (const time of sweepTimes(await benchImages(undefined, images), options))
  console.log(JSON.stringify(time));
