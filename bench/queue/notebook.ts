// The first trials of the notebook's sweep: node notebook.js OUT TRIALS [URL]; with a queue's address workers train them,
// else two at a time this process. Prints how many seconds that took, and how much of the processors' time here.
import { loadDigits } from '../../lib/data/digits.js';
import { protocolSplits } from '../../lib/sweep/protocol.js';
import { sweep } from '../../lib/sweep/sweep.js';
import { measured } from './measured.js';

const [out, trials, queue] = process.argv.slice(2) as [string, string, string | undefined];
const splits = protocolSplits(await loadDigits(), 'holdout', [60, 70, 80], 0);
const where = queue === undefined ? { jobs: 2 } : { jobs: 0, queue };
console.log(
  JSON.stringify(await measured(sweep({ out, splits, device: 'cpu', limit: Number(trials), ...where }))),
);
