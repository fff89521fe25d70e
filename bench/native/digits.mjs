// The job's training images, shuffled, for the native benchmarks: records of a label and the pixels.
//   node bench/native/digits.mjs FILE
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadJob } from '../../dist/bench/job.js';

const [file] = process.argv.slice(2);
if (!file) throw new Error('Usage: node bench/native/digits.mjs FILE');
const { train } = await loadJob();
const records = [...train.labels()].flatMap((label, i) => [Uint8Array.of(label), train.image(i)]);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, Buffer.concat(records));
