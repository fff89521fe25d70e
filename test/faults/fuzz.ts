/**
 * Gives every reader damaged files: `node dist/test/faults/fuzz.js --inputs 20000 --seed 1 [--reader NAME ...]
 * [--keep FOLDER]`. Each must be read, and then right, or be refused with an error of our own, in bounded time and
 * memory. Any other is kept in FOLDER (build/faults/fuzz), and the exit code is 1.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../lib/package.js';
import { fuzzReader, keepFindings } from './fuzz-reader.js';
import { TARGETS } from './fuzzed-readers.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    reader: { type: 'string', multiple: true, default: Object.keys(TARGETS) },
    keep: { type: 'string', default: join(packageRoot(), 'build', 'faults', 'fuzz') },
  },
});
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
const waiting = [...values.reader];
const workers = Array.from({ length: availableParallelism() }, async () => {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const { loaded, findings } = await fuzzReader(name, inputs, seed);
    console.log(`${name}: ${inputs} inputs, ${loaded} read, ${findings.length} findings`);
    if (findings.length === 0) continue;
    process.exitCode = 1;
    for (const { input, problem } of findings) console.log(`  input ${input}: ${problem.split('\n')[0]}`);
    await keepFindings(values.keep, name, seed, findings);
  }
});
await Promise.all(workers);
