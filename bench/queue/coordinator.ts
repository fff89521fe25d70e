// A sweep on a queue whose trials sleep: node coordinator.js OUT URL TRIALS. Prints what it took of this process.
import { sweep } from '../../lib/sweep/sweep.js';
import { measured } from './measured.js';
import { sleepingSweep } from './sleeping.js';

const [out, queue, trials] = process.argv.slice(2) as [string, string, string];
console.log(JSON.stringify(await measured(sweep(sleepingSweep(out, queue, Number(trials))))));
