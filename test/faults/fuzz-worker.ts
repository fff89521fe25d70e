/**
 * Reads damaged files, one after the other, and tells of each before it is read: whoever watches knows which one it was
 * that never ended. Arguments: the reader's name, the seed, the first input and the number of inputs.
 */
import { writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConvsweepError } from '../../lib/errors.js';
import { Random } from '../../lib/random.js';
import { TARGETS } from './fuzzed-readers.js';

/** A process that reads small files. */
const MAX_RSS_KIB = 512 * 1024;

const [name, seed, first, inputs] = process.argv.slice(2) as [string, string, string, string];
const folder = await mkdtemp(join(tmpdir(), 'convsweep-fuzz-'));
const target = await TARGETS[name]!(folder);
const EXPECTED = new Set(['INVALID_MODEL', 'INVALID_DATA', 'FILE']);
/** More problems tell nothing new. */
const ENOUGH = 20;
let problems = 0;
let loaded = 0;
for (let input = Number(first); input < Number(inputs); input++) {
  say({ input, loaded });
  const problem = await read(target.input(new Random(Number(seed), name, input)));
  if (problem !== undefined) {
    say({ problem });
    if (++problems === ENOUGH) break;
  }
  const { maxRSS } = process.resourceUsage();
  if (maxRSS > MAX_RSS_KIB) {
    say({ problem: `${Math.round(maxRSS / 1024)} MiB of memory` });
    // The next input would be blamed for it.
    process.exit(1);
  }
}
say({ done: true, loaded });
await rm(folder, { recursive: true });

async function read(bytes: Buffer): Promise<string | undefined> {
  try {
    await target.read(bytes);
    loaded++;
    return undefined;
  } catch (error) {
    const bug = findBug(error);
    if (error instanceof ConvsweepError && EXPECTED.has(error.code) && !bug) return undefined;
    if (bug) return bug.stack;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** An error among the causes that no reader means to throw. Those of Node have codes. */
function findBug(error: unknown): Error | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const isBug =
      cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError;
    if (isBug && !('code' in cause)) return cause;
  }
  return undefined;
}

function say(message: object): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}
