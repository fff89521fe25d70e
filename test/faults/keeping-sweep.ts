/**
 * Runs a small sweep that keeps the state of its trial after every epoch, though these take milliseconds,
 * and says what it trains: `node keeping-sweep.js --out FOLDER [--resume]`.
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { exitCode } from '../../lib/cli/exit-code.js';
import { ConvsweepError } from '../../lib/errors.js';
import { resolveDevices } from '../../lib/native/devices.js';
import type { SweepEvent } from '../../lib/sweep/events.js';
import { resolveSweepOptions } from '../../lib/sweep/options.js';
import { runSweep } from '../../lib/sweep/run-sweep.js';
import { optionsFor } from '../unit/sweep-fixture.js';

const { values } = parseArgs({
  options: { out: { type: 'string' }, resume: { type: 'boolean', default: false } },
});
const options = resolveSweepOptions(optionsFor(values.out!, { jobs: 1, limit: 3, resume: values.resume }));
try {
  await runSweep(options, resolveDevices('cpu'), follow, { leastEpochSeconds: 0, mostShare: 1e9 });
} catch (error) {
  const isExpected = error instanceof ConvsweepError;
  console.error(`convsweep: ${isExpected ? error.message : (error as Error).stack}`);
  process.exitCode = exitCode(error);
}

function follow(event: SweepEvent): void {
  if (event.type === 'trialStart') {
    say(`trial ${event.trial.number} begins after ${event.history?.loss.length ?? 0} epochs`);
  }
  if (event.type === 'epoch') say(`trial ${event.trial.number} has ${event.epoch + 1} epochs`);
}

/** At once: the process may be killed at any moment. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
