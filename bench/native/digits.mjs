// The job's training images, shuffled, for the native benchmarks: records of a label and the pixels.
//   node bench/native/digits.mjs FILE
import { writeFileSync } from 'node:fs';
import { loadJob } from '../../dist/bench/job.js';

const { train } = await loadJob();
const records = [...train.labels()].flatMap((label, i) => [Uint8Array.of(label), train.image(i)]);
writeFileSync(process.argv[2], Buffer.concat(records));
