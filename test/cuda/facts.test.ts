import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallFact } from '../../bench/gpu/facts/stages/calls.js';
import { stages } from '../../bench/gpu/facts/stages.js';
import { packageRoot } from '../../lib/package.js';
import { runNode } from '../system/run-node.js';

/** A line of the file. */
interface Line {
  stage: string;
  outcome: string;
  facts: unknown[];
  error?: string;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-facts-'));
  const driver = join(folder, 'nvidia-smi');
  writeFileSync(driver, '#!/bin/sh\ncase "$1" in *=compute_cap) echo 9.0 ;; *) echo Simulated GPU ;; esac\n');
  chmodSync(driver, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const main = join(packageRoot(), 'dist', 'bench', 'gpu', 'facts', 'main.js');
/** As little as there can be of everything. */
const SMALL = '--images 40 --epochs 1 --trials 2 --batches 1 --jobs 2'.split(' ');

/** Runs stages over the stand-in, whose devices are as `standin` says: test/native/standin/device.h. */
async function facts(out: string, args: readonly string[], env: Record<string, string> = {}) {
  const file = join(folder, out);
  const ended = await runNode([main, '--out', file, ...args], {
    env: {
      PATH: `${folder}:${process.env.PATH}`,
      CONVSWEEP_PROBE: join(packageRoot(), 'build', 'standin', 'Release', 'standin_probe'),
      ...env,
    },
  });
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const records = lines.map((line) => JSON.parse(line) as Line);
  const outcomes = Object.fromEntries(records.map(({ stage, outcome }) => [stage, outcome]));
  return { ...ended, records, outcomes };
}

const factsOf = <T>(records: readonly Line[], stage: string) =>
  records.find((record) => record.stage === stage)!.facts as T[];

test('the stages take ten minutes at most', () => {
  expect(stages.reduce((sum, { limit }) => sum + limit, 0)).toBeLessThanOrEqual(600);
});

test('every stage that no other test runs finds out what it is there for', async () => {
  // The suites are run by other tests, and what has no stand-in is left out.
  const names = stages.map(({ name }) => name).filter((name) => name !== 'suites' && name !== 'kernels');
  const { code, stdout, records, outcomes } = await facts('whole', [...names, ...SMALL]);
  const { sanitizer, pytorch, 'torch-compile': compiled, jax, ...ours } = outcomes;
  expect(new Set(Object.values(ours))).toEqual(new Set(['done']));
  for (const outcome of [sanitizer, pytorch, compiled, jax]) expect(outcome).toBe('left out');
  expect(code).toBe(0);
  for (const name of names) expect(stdout).toContain(`\n| ${name} |`);

  const calls = factsOf<CallFact>(records, 'calls');
  expect(calls.map(({ call }) => call)).toEqual(
    expect.arrayContaining(['batch norm 80', 'logistic regression']),
  );
  for (const call of calls) expect(call).toMatchObject({ status: 'ok', repeats: true, recordedAsRun: true });
  expect(factsOf(records, 'captures')).toContainEqual(
    expect.objectContaining({ beside: 'nothing', recordings: { cudaSuccess: expect.any(Number) } }),
  );
  // The stand-in refuses convolutions of memory that is aligned worse than it was told, and the device is lost: each
  // combination after that is in a process of its own.
  const offsets = factsOf<CallFact>(records, 'offsets');
  expect(new Set(offsets.map(({ call, precision }) => `${call} ${precision}`)).size).toBe(offsets.length);
  expect(offsets.filter(({ status }) => status !== 'ok').map(({ call }) => call.split(/ |,/)[0])).toEqual(
    new Array(6).fill('convolution'),
  );
  expect(factsOf(records, 'epoch')).toHaveLength(4);
  expect(factsOf(records, 'side-by-side')).toEqual([{ models: 2, equal: 2 }]);
  expect(factsOf(records, 'throughput')).toHaveLength(2);
  expect(factsOf(records, 'sweep')).toMatchObject([{ run: 'cold' }, { run: 'warm' }]);
}, 300_000);

describe('a stage', () => {
  test('that fails stops no other', async () => {
    const { code, records, outcomes } = await facts('failing', ['epoch', 'sanitizer', ...SMALL], {
      CONVSWEEP_STANDIN: 'sticky=60',
    });
    expect(code).toBe(1);
    expect(outcomes).toEqual({ epoch: 'failed', sanitizer: 'left out' });
    expect(records[0]!.error).toMatch(/cudaErrorIllegalAddress/);
  });

  test('that hangs is ended with all that it started', async () => {
    const { stdout, outcomes, records } = await facts(
      'hanging',
      ['calls', 'suites', 'throughput', ...SMALL, '--limit', '3'],
      { CONVSWEEP_STANDIN: 'hang=60' },
    );
    expect(outcomes).toEqual({ calls: 'timed out', throughput: 'timed out', suites: 'timed out' });
    expect(stdout).toMatch(/\| suites \| timed out \| \d\.\d \| not done within 3 s \|/);
    expect(factsOf<CallFact>(records, 'calls')[0]!.status).toMatch(/it said nothing for 1\.5 s/);
    // Processes that were left behind would have the folder in their environment.
    const { stdout: left } = await runNode([
      '-e',
      `const { readdirSync, readFileSync } = require('node:fs');
       const environment = (pid) => { try { return readFileSync('/proc/' + pid + '/environ', 'utf8') } catch { return '' } };
       const others = readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid);
       console.log(others.filter((pid) => environment(pid).includes(${JSON.stringify(`PATH=${folder}:`)})).length);`,
    ]);
    expect(left).toBe('0\n');
  });
});

// Where there is a card, none can be hidden from the driver's files.
(existsSync('/dev/nvidia0') ? test.skip : test)('without a card every stage says so', async () => {
  const { code, stdout, outcomes } = await facts('none', [], { PATH: dirname(process.execPath) });
  expect(code).toBe(1);
  const { versions, ...others } = outcomes;
  expect(versions).toBe('done');
  expect(Object.keys(outcomes)).toEqual(stages.map(({ name }) => name));
  expect(new Set(Object.values(others))).toEqual(new Set(['no card']));
  expect(stdout).toContain('| calls | no card | 0.0 | there is neither nvidia-smi nor /dev/nvidia0 |');
});

test('a stage that does not exist is wrong usage', async () => {
  const ended = await runNode([main, 'nonsense']);
  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(ended.stderr).toMatch(/^There is no stage nonsense/);
});
