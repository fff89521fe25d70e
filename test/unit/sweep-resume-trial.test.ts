import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { resolveDevices } from '../../lib/native/devices.js';
import type { SweepEvent } from '../../lib/sweep/events.js';
import { resolveSweepOptions, type SweepOptions } from '../../lib/sweep/options.js';
import { runSweep } from '../../lib/sweep/run-sweep.js';
import type { KeepingRule } from '../../lib/sweep/state-keeper.js';
import { sweep } from '../../lib/sweep/sweep.js';
import { libraryUrl, runNode } from '../system/run-node.js';
import { fingerprint, type grid, optionsFor } from './sweep-fixture.js';

let folder: string;
let count = 0;
const newOut = (): string => join(folder, String(count++));
/** Writes the state after every epoch, though these take milliseconds. */
const ALWAYS = { leastEpochSeconds: 0, mostShare: 1e9 };
const limit = 3;

function run(
  out: string,
  more: Partial<SweepOptions<typeof grid>> = {},
  show: (event: SweepEvent) => void = () => {},
  rule: KeepingRule = ALWAYS,
) {
  const options = resolveSweepOptions(optionsFor(out, { jobs: 1, limit, ...more }));
  return runSweep(options, resolveDevices('cpu'), show, rule);
}

const states = async (out: string): Promise<string[]> =>
  (await readdir(join(out, 'models'))).filter((name) => name.endsWith('.state'));

/** Stops a sweep as an epoch of a trial ends. */
async function stopAt(out: string, trial: number, epoch: number, rule?: KeepingRule): Promise<void> {
  const controller = new AbortController();
  const show = (event: SweepEvent): void => {
    if (event.type === 'epoch' && event.trial.number === trial && event.epoch === epoch) controller.abort();
  };
  const running = run(out, { signal: controller.signal }, show, rule);
  await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
}

/** Resumes a sweep: the trials and epochs that were trained, and what is as it was not expected. */
async function resume(out: string) {
  const trained: [trial: number, epoch: number][] = [];
  const notices: string[] = [];
  const begun = new Map<number, number>();
  await run(out, { resume: true }, (event) => {
    if (event.type === 'notice') notices.push(event.message);
    if (event.type === 'trialStart') begun.set(event.trial.number, event.history?.loss.length ?? 0);
    if (event.type === 'epoch') trained.push([event.trial.number, event.epoch]);
  });
  return { trained, notices, begun };
}

async function histories(out: string): Promise<unknown[]> {
  const lines = (await readFile(join(out, 'journal.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines
    .map((line) => JSON.parse(line))
    .sort((a, b) => a.trial - b.trial)
    .map(({ history, epochs, bestEpoch, stoppedEarly }) => ({ history, epochs, bestEpoch, stoppedEarly }));
}

let reference: Record<string, string>;
let expected: unknown[];
/** Epochs of each trial. */
let lengths: number[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-resume-trial-'));
  const out = newOut();
  await sweep(optionsFor(out, { jobs: 1, limit })).result;
  reference = await fingerprint(out);
  expected = await histories(out);
  lengths = (expected as { epochs: number }[]).map(({ epochs }) => epochs);
});
afterAll(() => rm(folder, { recursive: true }));

describe('a trial that was stopped', () => {
  test('in a sweep of short epochs, leaves no state', async () => {
    const out = newOut();
    const controller = new AbortController();
    const running = async () => {
      for await (const { type } of sweep(optionsFor(out, { limit, signal: controller.signal }))) {
        if (type === 'epoch') controller.abort();
      }
    };
    await expect(running()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await states(out)).toEqual([]);
  });

  test('leaves no state where the trial before has shown that writing takes too long', async () => {
    const dear = { leastEpochSeconds: 0, mostShare: 1e-9 };
    const [first, second] = [newOut(), newOut()];
    await stopAt(first, 1, 1, dear);
    expect(await states(first)).toEqual(['.trial_1.state']);
    await stopAt(second, 2, 1, dear);
    expect(await states(second)).toEqual([]);
  });

  test('goes on where it was, to the same bytes, after any epoch of any trial', async () => {
    for (const trial of [1, 2, 3]) {
      for (let epoch = 0; epoch < lengths[trial - 1]! - 1; epoch++) {
        const out = newOut();
        await stopAt(out, trial, epoch);
        expect(await states(out)).toEqual([`.trial_${trial}.state`]);
        const { trained, notices, begun } = await resume(out);
        expect(notices).toEqual([]);
        expect(begun.get(trial)).toBe(epoch + 1);
        const rest = lengths
          .slice(trial - 1)
          .flatMap((length, i) => Array.from({ length }, (_, e) => [trial + i, e]));
        expect(trained).toEqual(rest.slice(epoch + 1));
        expect(await fingerprint(out)).toEqual(reference);
        expect(await histories(out)).toEqual(expected);
      }
    }
  });

  test('is stopped and goes on as often as one likes', async () => {
    const out = newOut();
    await stopAt(out, 1, 0);
    for (const epoch of [1, 2]) {
      const controller = new AbortController();
      const options = { resume: true, signal: controller.signal };
      const running = run(out, options, (event) => {
        if (event.type === 'epoch' && event.epoch === epoch) controller.abort();
      });
      await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    }
    expect((await resume(out)).begun.get(1)).toBe(3);
    expect(await fingerprint(out)).toEqual(reference);
    expect(await histories(out)).toEqual(expected);
  });

  test('begins again, and says so, if its state is damaged or of another trial', async () => {
    for (const damage of ['cut', 'swapped'] as const) {
      const out = newOut();
      await stopAt(out, damage === 'cut' ? 1 : 2, 1);
      const name = join(out, 'models', (await states(out))[0]!);
      const bytes = await readFile(name);
      if (damage === 'cut') await writeFile(name, bytes.subarray(0, bytes.length - 1));
      else await writeFile(join(out, 'models/.trial_3.state'), bytes);
      const trial = damage === 'cut' ? 1 : 3;
      const { notices, begun } = await resume(out);
      expect(notices).toEqual([
        expect.stringMatching(
          new RegExp(
            `trial_${trial}.state is damaged or of another sweep; trial ${trial} .* from its first epoch`,
          ),
        ),
      ]);
      expect(begun.get(trial)).toBe(0);
      expect(await fingerprint(out)).toEqual(reference);
    }
  });

  test('by being killed goes on after its last epoch but one', async () => {
    const out = newOut();
    const killed = await killAt(out, 2, 3);
    const { trained, notices, begun } = await resume(out);
    expect([killed.signal, killed.stderr, notices]).toEqual(['SIGKILL', '', []]);
    expect(begun.get(2)).toBeGreaterThanOrEqual(3);
    expect(trained).not.toContainEqual([2, 0]);
    expect(await fingerprint(out)).toEqual(reference);
    expect(await histories(out)).toEqual(expected);
  });
});

/** Kills a process in a sweep as an epoch of a trial has ended, whose state may not have been written. */
async function killAt(out: string, trial: number, epoch: number) {
  const fixture = JSON.stringify(pathToFileURL(join(import.meta.dirname, 'sweep-fixture.js')).href);
  const script = `
    import { resolveDevices } from ${libraryUrl('native/devices')};
    import { resolveSweepOptions } from ${libraryUrl('sweep/options')};
    import { runSweep } from ${libraryUrl('sweep/run-sweep')};
    import { optionsFor } from ${fixture};
    const options = resolveSweepOptions(optionsFor(${JSON.stringify(out)}, { jobs: 1, limit: ${limit} }));
    await runSweep(options, resolveDevices('cpu'), (event) => {
      if (event.type === 'epoch' && event.trial.number === ${trial} && event.epoch === ${epoch}) {
        process.kill(process.pid, 'SIGKILL');
      }
    }, ${JSON.stringify(ALWAYS)});`;
  return runNode(['--input-type=module', '-e', script]);
}
