import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mergeSweep } from '../../lib/sweep/merge-sweep.js';
import { numberRanges, parseNumberRanges } from '../../lib/sweep/number-ranges.js';
import type { SweepOptions } from '../../lib/sweep/options.js';
import { planSweep } from '../../lib/sweep/plan-sweep.js';
import { type PlannedOption, plannedOptions, plannedSplits } from '../../lib/sweep/planned-options.js';
import { protocolSplits } from '../../lib/sweep/protocol.js';
import { sweep } from '../../lib/sweep/sweep.js';
import { trainPlanned } from '../../lib/sweep/train-planned.js';
import { build, data, fingerprint, grid, optionsFor } from './sweep-fixture.js';

let folder: string;
let local: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-planned-'));
  const out = join(folder, 'local');
  await sweep(optionsFor(out)).result;
  local = await fingerprint(out);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function planned(name: string): Promise<string> {
  const out = join(folder, name);
  await planSweep(optionsFor(out));
  return out;
}

const train = (out: string, numbers: number[], more = {}) =>
  trainPlanned(optionsFor(out, more), numbers).result;
const recordOf = (out: string, trial: number) => join(out, 'records', `trial_${trial}.json`);

interface Stored {
  host: string;
  engine: { instructionSet: string };
  record: { checkpoint: { sha256: string } };
}

/** Changes what a trial's record says. */
async function edit(out: string, trial: number, change: (stored: Stored) => void): Promise<void> {
  const path = recordOf(out, trial);
  const stored = JSON.parse(await readFile(path, 'utf8'));
  change(stored);
  await writeFile(path, `${JSON.stringify(stored)}\n`);
}

describe('a sweep in three steps', () => {
  test('leaves the files of a sweep on one machine, byte for byte, whatever the parts', async () => {
    const out = await planned('parts');
    await Promise.all([train(out, [1, 5]), train(out, [2, 3], { jobs: 2 })]);
    await train(out, [8, 4]);
    await Promise.all([train(out, [6, 7]), train(out, [6, 7])]);
    await mergeSweep(out);
    expect(await fingerprint(out)).toEqual(local);
    expect(await readdir(out)).not.toContain('records');
  });

  test('the merged journal has the records of a sweep on one machine, but for times and jobs', async () => {
    const lines = async (name: string) => {
      const text = await readFile(join(folder, name, 'journal.jsonl'), 'utf8');
      const records = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      return records
        .map(({ seconds, fitSeconds, imagesPerSecond, finished, jobs, ...rest }) => rest)
        .sort((a, b) => a.trial - b.trial);
    };
    expect(await lines('parts')).toEqual(await lines('local'));
  });

  test('merging again changes nothing', async () => {
    const out = join(folder, 'parts');
    await mergeSweep(out);
    expect(await fingerprint(out)).toEqual(local);
  });

  test('a sweep that is resumed takes the trials that were trained one by one', async () => {
    const out = await planned('resumed');
    await train(out, [2, 7]);
    const notices: string[] = [];
    const run = sweep(optionsFor(out, { resume: true }));
    let started: number[] = [];
    for await (const event of run) {
      if (event.type === 'notice') notices.push(event.message);
      if (event.type === 'trialStart') started = [...started, event.trial.number];
    }
    expect(started.sort()).toEqual([1, 3, 4, 5, 6, 8]);
    expect(notices).toEqual(['Took the records of 2 trials that were trained one by one']);
    await mergeSweep(out);
    expect(await fingerprint(out)).toEqual(local);
  });

  test('trains no trial that has a record, and gives its record', async () => {
    const out = await planned('once');
    const [first] = await train(out, [3]);
    const before = await readFile(recordOf(out, 3));
    const events: string[] = [];
    const run = trainPlanned(optionsFor(out), [3]);
    for await (const event of run) events.push(event.type);
    expect(events).toEqual(['start']);
    expect(await run.result).toEqual([first]);
    expect((await readFile(recordOf(out, 3))).equals(before)).toBe(true);
  });
});

describe('mergeSweep', () => {
  test('names the trials that are missing, and the command that trains them', async () => {
    const out = await planned('missing');
    await train(out, [1, 2, 4, 8]);
    const files = await readdir(out);
    await expect(mergeSweep(out)).rejects.toMatchObject({
      code: 'FILE',
      message: `4 of 8 trials are not trained yet: 3,5..7; train them: convsweep trial 3,5..7 --out ${out}`,
    });
    expect(files).not.toContain('models.csv');
    await train(out, [3, 5, 6, 7]);
    await mergeSweep(out);
    expect(await fingerprint(out)).toEqual(local);
  });

  test('wants the model of each record as it was written', async () => {
    const out = await planned('model');
    await train(out, [1, 2, 3, 4, 5, 6, 7, 8]);
    await writeFile(join(out, 'models', 'model_5.h5'), 'something else');
    const notices: string[] = [];
    const merged = mergeSweep(out, { notify: (message) => notices.push(message) });
    await expect(merged).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(/^1 of 8 .*: 5;/),
    });
    expect(notices.join()).toContain('model_5.h5 is not the file that was written');
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, 40)],
    ['of another sweep', (text: string) => text.replace(/"config":"./, '"config":"x')],
    ['with a field too many', (text: string) => text.replace('{"config"', '{"more":1,"config"')],
    ['of another trial', (text: string) => text.replace('"trial":4', '"trial":5')],
    [
      'with an accuracy that cannot be',
      (text: string) => text.replace(/"accuracy":0\.\d+,/, '"accuracy":2,'),
    ],
  ])('refuses a record that is %s', async (_, change) => {
    const out = await planned(`damaged ${_}`);
    await train(out, [4]);
    const text = await readFile(recordOf(out, 4), 'utf8');
    expect(change(text)).not.toBe(text);
    await writeFile(recordOf(out, 4), change(text));
    await expect(mergeSweep(out)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining('delete that file to train the trial again'),
    });
  });

  test('refuses a trial of another engine by name, and with mixed records what it is of', async () => {
    const out = await planned('engines');
    await train(out, [1, 2, 3, 4, 5, 6, 7, 8]);
    await edit(out, 6, (stored) => Object.assign(stored, { host: 'elsewhere' }));
    await edit(out, 6, ({ engine }) => Object.assign(engine, { instructionSet: 'other' }));
    await expect(mergeSweep(out)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /^Trial 6 was trained on elsewhere by another engine \(cpu other, .*CONVSWEEP_ISA=/,
      ),
    });
    const { trials } = await mergeSweep(out, { mixed: true });
    expect(
      trials.filter(({ engine }) => engine).map(({ trial, engine }) => [trial, engine!.instructionSet]),
    ).toEqual([[6, 'other']]);
    await expect(mergeSweep(out)).rejects.toMatchObject({
      message: expect.stringContaining('trial 6 is of cpu other'),
    });
    await expect(sweep(optionsFor(out, { resume: true })).result).rejects.toMatchObject({
      message: expect.stringContaining('trial 6 is of cpu other'),
    });
    await sweep(optionsFor(out, { resume: true, mixed: true })).result;
  });

  test('a trial that came out differently twice names both machines', async () => {
    const out = await planned('twice');
    await train(out, [1]);
    const line = JSON.parse(await readFile(recordOf(out, 1), 'utf8')).record;
    await writeFile(join(out, 'journal.jsonl'), `${JSON.stringify(line)}\n`);
    await edit(out, 1, (stored) => {
      stored.host = 'elsewhere';
      stored.record.checkpoint.sha256 = '0'.repeat(64);
    });
    await expect(mergeSweep(out)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringMatching(
        /^Trial 1 came out differently on the machine of the journal and on elsewhere/,
      ),
    });
  });

  test('refuses a folder without a sweep', async () => {
    await expect(mergeSweep(join(folder, 'nothing'))).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('convsweep sweep --plan'),
    });
  });
});

describe('trainPlanned', () => {
  test('refuses options that were not planned, naming them, before it trains', async () => {
    const out = await planned('options');
    await expect(train(out, [1], { epochs: 7, batchSize: 15 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/epochs: 6 there, 7 now\n {2}batchSize: 16 there, 15 now/),
    });
    await expect(train(out, [9])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await readdir(join(out, 'models'))).toEqual([]);
  });

  test('refuses a plan for another engine, saying how to train as planned', async () => {
    const out = await planned('engine');
    const path = join(out, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    config.engine.instructionSet = 'other';
    await writeFile(path, JSON.stringify(config));
    await expect(train(out, [1])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/planned for cpu other, .*; CONVSWEEP_ISA=other makes every machine/),
    });
    await train(out, [1], { mixed: true });
    await expect(mergeSweep(out)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('stops by its signal, and keeps what is finished', async () => {
    const out = await planned('signal');
    const controller = new AbortController();
    const run = trainPlanned(optionsFor(out, { jobs: 1, signal: controller.signal }), [1, 2, 3]);
    const stop = async () => {
      for await (const event of run) if (event.type === 'trialEnd') controller.abort();
    };
    await expect(stop()).rejects.toMatchObject({
      code: 'ABORTED',
      message: `The sweep was stopped. 1 of 3 trials are finished and kept in ${out}; run the same again to go on`,
    });
    expect(await readdir(join(out, 'records'))).toEqual(['trial_1.json']);
  });

  test('wants a plan', async () => {
    await expect(train(join(folder, 'unplanned'), [1])).rejects.toMatchObject({ code: 'FILE' });
  });
});

test('a plan holds every option that it was made with, none of them at its default', async () => {
  const seed = 3;
  const splits = protocolSplits(data, 'notebook', [50, 62.5], seed);
  const given = {
    out: join(folder, 'held'),
    splits,
    grid,
    epochs: 7,
    patience: 1,
    startFromEpoch: 2,
    batchSize: 15,
    shuffle: 'samples',
    seed,
    limit: 5,
  } satisfies Required<Pick<SweepOptions<typeof grid>, PlannedOption>>;
  const config = await planSweep({ ...given, build, device: 'cpu' });
  expect(plannedOptions(config, given.out, plannedSplits(config, data))).toEqual(given);
});

describe('numbers of trials', () => {
  test.each([
    ['3', [3]],
    ['1..4', [1, 2, 3, 4]],
    ['7,1..3, 2', [1, 2, 3, 7]],
  ])('%s', (text, numbers) => {
    expect(parseNumberRanges('numbers', text)).toEqual(numbers);
    expect(parseNumberRanges('numbers', numberRanges(numbers))).toEqual(numbers);
  });

  test.each(['', '0', '3..1', '1..', '-1', '1.5', 'a', '1..99999999'])('refuses "%s"', (text) => {
    expect(() => parseNumberRanges('numbers', text)).toThrow(/Expected numbers of trials/);
  });
});
