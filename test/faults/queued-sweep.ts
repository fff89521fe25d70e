/**
 * A small sweep on a queue, as a coordinator or a worker, whose trials take a good tenth of a second:
 * `node queued-sweep.js sweep --out FOLDER [--queue URL] [--jobs N] [--resume]`, `node queued-sweep.js worker --queue URL`.
 * Lost workers are noticed after a second. Says what happens, a line each.
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { exitCode } from '../../lib/cli/exit-code.js';
import { ConvsweepError } from '../../lib/errors.js';
import { protocolSplits } from '../../lib/sweep/protocol.js';
import { runWorker } from '../../lib/sweep/queue/worker.js';
import { sweep } from '../../lib/sweep/sweep.js';
import { build, data, optionsFor } from '../unit/sweep-fixture.js';

const { values, positionals } = parseArgs({
  options: {
    out: { type: 'string' },
    queue: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const jobs = Number(values.jobs);

try {
  if (positionals[0] === 'worker') await work(values.queue!);
  else await coordinate(values.out!);
} catch (error) {
  const isExpected = error instanceof ConvsweepError;
  say(`convsweep: ${isExpected ? error.message : (error as Error).stack}`);
  process.exitCode = exitCode(error);
}

async function coordinate(out: string): Promise<void> {
  const { queue, resume } = values;
  const seed = 9;
  const splits = protocolSplits(data, 'holdout', [60, 80], seed);
  const epochs = 200;
  const options = {
    splits,
    seed,
    epochs,
    patience: epochs,
    jobs,
    resume,
    ...(queue !== undefined && { queue }),
  };
  for await (const event of sweep(optionsFor(out, options))) {
    if (event.type === 'start') say(`${event.progress.total} trials`);
    if (event.type === 'notice') say(event.message);
    if (event.type === 'trialStart') say(`begins ${event.trial.number}`);
    if (event.type === 'trialEnd') say(`has ${event.record.trial}`);
  }
}

async function work(queue: string): Promise<void> {
  const lease = { lock: 1000, check: 500 };
  await runWorker({ queue, data, build: { build }, device: 'cpu', jobs, notify: say }, { lease });
}

/** At once: the process may be killed at any moment. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
