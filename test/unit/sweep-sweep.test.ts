import { closeSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { holdout } from '../../lib/data/splits.js';
import { Model } from '../../lib/model/model.js';
import type { SweepEvent } from '../../lib/sweep/events.js';
import { FolderLock } from '../../lib/sweep/lock.js';
import type { SweepOptions } from '../../lib/sweep/options.js';
import { sweep } from '../../lib/sweep/sweep.js';
import type { FinishedTrial } from '../../lib/sweep/trial.js';
import { descriptorsOf } from './open-files.js';
import { build, data, fingerprint, type grid, optionsFor, quarters, splits } from './sweep-fixture.js';

let folder: string;
let count = 0;
const newOut = (): string => join(folder, String(count++));

const journalOf = async (out: string): Promise<FinishedTrial[]> =>
  (await readFile(join(out, 'journal.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

let whole: string;
let reference: Record<string, string>;
const events: SweepEvent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-'));
  whole = newOut();
  for await (const event of sweep(optionsFor(whole, { jobs: 1 }))) events.push(event);
  reference = await fingerprint(whole);
});
afterAll(() => rm(folder, { recursive: true }));

describe('a sweep', () => {
  test('writes its files and nothing else', () => {
    expect(Object.keys(reference)).toEqual(
      [
        'config.json',
        'model.h5',
        'models.csv',
        ...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => `models/model_${i}.h5`),
        'summary.txt',
      ].sort(),
    );
  });

  test('tests each reloaded checkpoint on the validation images of its split', async () => {
    for (const record of await journalOf(whole)) {
      const { validation } = splits.find(({ name }) => name === record.split)!;
      const model = await Model.load(join(whole, record.checkpoint.file), { device: 'cpu' });
      const { loss, accuracy } = await model.evaluate(validation);
      model.dispose();
      expect(record.accuracy).toBe(Math.fround(accuracy));
      expect(loss).toBeCloseTo(record.history.val_loss![record.bestEpoch]!, 5);
      expect(
        record.history
          .val_loss!.slice(1)
          .every((value) => value >= record.history.val_loss![record.bestEpoch]!),
      ).toBe(true);
      expect(record.bestEpoch).toBeGreaterThanOrEqual(1);
      expect(record.epochs).toBe(record.history.loss.length);
    }
  });

  test('learns, and keeps the best model with its summary', async () => {
    const records = await journalOf(whole);
    const accuracies = records.map(({ accuracy }) => accuracy);
    const best = accuracies.indexOf(Math.max(...accuracies)) + 1;
    expect(accuracies[best - 1]).toBeGreaterThan(0.8);
    expect(reference['model.h5']).toBe(reference[`models/model_${best}.h5`]);
    const model = await Model.load(join(whole, 'model.h5'), { device: 'cpu' });
    expect(await readFile(join(whole, 'summary.txt'), 'utf8')).toBe(model.summary());
    model.dispose();
    const csv = (await readFile(join(whole, 'models.csv'), 'utf8')).split('\r\n');
    expect(csv[0]).toBe('test_split,units,rate,accuracy');
    expect(csv[6]).toMatch(/^80%,4,0.25,/);
    expect(csv).toHaveLength(10);
  });

  test('reports every step with how far it is', () => {
    const steps = events.filter(({ type }) => type !== 'epoch').map((event) => event.type);
    expect(steps).toEqual(['start', ...Array.from({ length: 8 }, () => ['trialStart', 'trialEnd']).flat()]);
    expect(events[0]).toMatchObject({ type: 'start', jobs: 1, resumed: [], progress: { done: 0, total: 8 } });
    const last = events.at(-1)!;
    const epochs = events.filter(({ type }) => type === 'epoch').length;
    expect(last).toMatchObject({
      type: 'trialEnd',
      progress: { done: 8, running: 0, epochs, secondsLeft: 0 },
    });
    expect(last.progress.best!.accuracy).toBe(
      Math.max(
        ...events.flatMap((e) =>
          e.type === 'trialEnd' && e.record.status === 'finished' ? [e.record.accuracy] : [],
        ),
      ),
    );
  });

  test('gives the same files with two jobs', async () => {
    const out = newOut();
    await sweep(optionsFor(out, { jobs: 2 })).result;
    expect(await fingerprint(out)).toEqual(reference);
  });

  test('has no more jobs than trials, however many are asked for', async () => {
    const jobs = Number.MAX_SAFE_INTEGER;
    const { trials } = await sweep(optionsFor(newOut(), { jobs, limit: 2 })).result;
    expect(trials.map((record) => record.jobs)).toEqual([2, 2]);
  });

  test('gives other models for another seed', async () => {
    const out = newOut();
    await sweep(optionsFor(out, { seed: 10, limit: 1 })).result;
    expect((await fingerprint(out))['models/model_1.h5']).not.toBe(reference['models/model_1.h5']);
  });

  test('returns what it found', async () => {
    const out = newOut();
    const { trials, best, config, files } = await sweep(optionsFor(out, { limit: 2 })).result;
    expect(trials.map(({ trial }) => trial)).toEqual([1, 2]);
    expect(trials).toContain(best);
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toEqual(config);
    expect(config).toMatchObject({
      seed: 9,
      trials: 2,
      splits: [{ data: 'custom', startFromEpoch: { epoch: 1, reason: 'given' } }, {}],
    });
    expect(files.csv).toBe(join(out, 'models.csv'));
  });

  test('also tests images that validation should not have had', async () => {
    const { train, validation } = splits[0]!;
    const leaking = { name: 'leaking', train, validation: data, unseen: validation };
    const { best, files } = await sweep(optionsFor(newOut(), { splits: [leaking], limit: 1 })).result;
    const model = await Model.load(files.model, { device: 'cpu' });
    expect(best.accuracy).toBe(Math.fround((await model.evaluate(data)).accuracy));
    expect(best.unseenAccuracy).toBe(Math.fround((await model.evaluate(validation)).accuracy));
    model.dispose();
    expect(best.unseenAccuracy).not.toBe(best.accuracy);
  });

  test('of its own accord starts to look where batch norm has settled, at most at the last epoch', async () => {
    const { startFromEpoch: _, ...options } = optionsFor(newOut(), { limit: 1 });
    const { config, best } = await sweep(options).result;
    expect(config.splits.map((split) => split.startFromEpoch.epoch)).toEqual([5, 5]);
    expect(best).toMatchObject({ startFromEpoch: 5, bestEpoch: 5, epochs: 6 });
  });
});

describe('an interrupted sweep', () => {
  async function interrupt(out: string, after: number): Promise<void> {
    const controller = new AbortController();
    let done = 0;
    const run = async () => {
      for await (const event of sweep(optionsFor(out, { jobs: 2, signal: controller.signal }))) {
        if (event.type === 'trialEnd' && ++done === after) controller.abort(new Error('enough'));
      }
    };
    await expect(run()).rejects.toMatchObject({
      code: 'ABORTED',
      message: expect.stringMatching(
        /^The sweep was stopped\. \d of 8 trials are finished and kept in .*--resume/,
      ),
      cause: { message: 'enough' },
    });
  }

  test('is resumed to the same files, without training what is finished', async () => {
    const out = newOut();
    await interrupt(out, 3);
    const finished = await journalOf(out);
    expect(finished.length).toBeGreaterThanOrEqual(3);
    expect(finished.length).toBeLessThan(8);
    expect(await readdir(out)).not.toContain('lock');
    const trained: number[] = [];
    for await (const event of sweep(optionsFor(out, { resume: true, jobs: 1 }))) {
      if (event.type === 'start') expect(event.resumed).toEqual(finished);
      if (event.type === 'trialStart') trained.push(event.trial.number);
    }
    const all = [...finished.map(({ trial }) => trial), ...trained];
    expect(all.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await fingerprint(out)).toEqual(reference);
  });

  test('leaves what other processes are writing beside it', async () => {
    const out = newOut();
    const draft = `.convsweep-${process.ppid}-0123456789abcdef.draft`;
    await mkdir(out);
    await writeFile(join(out, draft), 'half a report');
    await sweep(optionsFor(out)).result;
    await sweep(optionsFor(out, { resume: true })).result;
    expect(await readFile(join(out, draft), 'utf8')).toBe('half a report');
  });

  test('trains again what was lost or changed, and says so', async () => {
    const out = newOut();
    await sweep(optionsFor(out)).result;
    await rm(join(out, 'models/model_2.h5'));
    await appendFile(join(out, 'models/model_5.h5'), 'x');
    await appendFile(join(out, 'journal.jsonl'), '{"trial":');
    await mkdir(join(out, 'evaluation'));
    // Of a process that is gone, and of one that had our number.
    const drafts = [2 ** 22 + 1, process.pid].map((pid) => `.convsweep-${pid}-0123456789abcdef.draft`);
    for (const place of ['', 'models', 'evaluation']) {
      for (const draft of drafts) await writeFile(join(out, place, draft), 'half a file');
    }
    const folder = join(out, `.convsweep-${process.pid}-fedcba9876543210.draft`);
    await mkdir(folder);
    await writeFile(join(folder, 'of'), 'a lock');
    await writeFile(join(out, 'models/.trial_3.state'), 'of a trial that has ended');
    await rm(join(out, 'model.h5'));
    const notices: string[] = [];
    const trained: number[] = [];
    for await (const event of sweep(optionsFor(out, { resume: true, jobs: 1 }))) {
      if (event.type === 'notice') notices.push(event.message);
      if (event.type === 'trialStart') trained.push(event.trial.number);
    }
    expect(trained).toEqual([2, 5]);
    expect(notices).toEqual([
      expect.stringContaining('was cut off (9 bytes)'),
      expect.stringContaining('model_2.h5 is missing; trial 2 is trained again'),
      expect.stringContaining('model_5.h5 is not the file that was written; trial 5 is trained again'),
    ]);
    expect(await fingerprint(out)).toEqual(reference);
  });

  test('that was limited goes on to all trials, and then has the same files', async () => {
    const out = newOut();
    await sweep(optionsFor(out, { limit: 2 })).result;
    await writeFile(join(out, 'report.html'), 'of two trials');
    const trained: number[] = [];
    const begun: string[][] = [];
    for await (const event of sweep(optionsFor(out, { resume: true, jobs: 1 }))) {
      if (event.type === 'start') begun.push(await readdir(out));
      if (event.type === 'trialStart') trained.push(event.trial.number);
    }
    expect(trained).toEqual([3, 4, 5, 6, 7, 8]);
    expect(begun).toHaveLength(1);
    expect(begun[0]).not.toContain('report.html');
    expect(await fingerprint(out)).toEqual(reference);
  });

  test('that was complete trains nothing and writes the same', async () => {
    const types: string[] = [];
    for await (const event of sweep(optionsFor(whole, { resume: true }))) types.push(event.type);
    expect(types).toEqual(['start']);
    expect(await fingerprint(whole)).toEqual(reference);
  });

  test('is not resumed with other options, data or models', async () => {
    const otherData = quarters(150).subset(Uint32Array.from({ length: 150 }, (_, i) => 149 - i));
    const otherBuild: typeof build = (parameters, context) => build({ ...parameters, units: 5 }, context);
    const otherSplits = splits.map(({ name }, i) => ({
      name,
      ...holdout(otherData, { percent: [60, 80][i]!, seed: 1 }),
    }));
    for (const [change, difference] of [
      [{ epochs: 7 }, 'epochs: 6 there, 7 now'],
      [{ limit: 3 }, 'trials: 8 there, 3 now'],
      [{ startFromEpoch: 2 }, 'splits[0].startFromEpoch.epoch: 1 there, 2 now'],
      [{ build: otherBuild }, 'modelsSha256: '],
      [{ splits: otherSplits }, 'splits[0].sha256: '],
    ] as [Partial<SweepOptions<typeof grid>>, string][]) {
      await expect(sweep(optionsFor(whole, { resume: true, ...change })).result).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(difference),
      });
    }
    expect(await fingerprint(whole)).toEqual(reference);
  });
});

describe('a folder', () => {
  test('that holds a sweep is not written over', async () => {
    await expect(sweep(optionsFor(whole)).result).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(
        /holds another sweep \(config.json\); continue it with --resume .*--out/,
      ),
    });
    expect(await fingerprint(whole)).toEqual(reference);
  });

  test.each(['report.html', 'evaluation', 'accuracy.svg', 'models.csv'])(
    'that holds %s, but no sweep, is left alone',
    async (name) => {
      const out = newOut();
      await mkdir(out);
      await writeFile(join(out, name), 'mine');
      await expect(sweep(optionsFor(out)).result).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining(`${out} holds ${name}, which the sweep would write over`),
      });
      expect(await readdir(out)).toEqual([name]);
    },
  );

  test('that holds none is not resumed, nor made', async () => {
    const out = newOut();
    await expect(sweep(optionsFor(out, { resume: true })).result).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('holds no sweep to resume'),
    });
    await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('that another sweep writes is left alone', async () => {
    const lock = await FolderLock.take(join(whole, 'lock'));
    await expect(sweep(optionsFor(whole, { resume: true })).result).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(
        `process ${process.pid} on ${hostname()} holds ${join(whole, 'lock')}`,
      ),
    });
    await lock.release();
    expect(await fingerprint(whole)).toEqual(reference);
  });

  test('that another process takes over stops the sweep, which leaves it alone', async () => {
    const out = newOut();
    const run = async () => {
      for await (const { type } of sweep(optionsFor(out, { jobs: 1 }))) {
        if (type !== 'trialEnd') continue;
        await rm(join(out, 'lock'), { recursive: true });
        await mkdir(join(out, 'lock'));
        await writeFile(join(out, 'lock', 'other'), '');
      }
    };
    await expect(run()).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(/Another process took .*lock over .* of 8 trials are finished and kept/),
    });
    expect(await readdir(join(out, 'lock'))).toEqual(['other']);
    expect((await journalOf(out)).length).toBeLessThan(8);
  });

  test.each(['config.json', 'models.csv', 'journal.jsonl', 'models/model_1.h5'])(
    'in which %s cannot be written or read is an error of that file',
    async (name) => {
      const out = newOut();
      await sweep(optionsFor(out, { limit: 1 })).result;
      await rm(join(out, name));
      // A folder in a file's place is in anybody's way, whoever runs the tests.
      await mkdir(join(out, name));
      await expect(sweep(optionsFor(out, { limit: 1, resume: true })).result).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining(join(out, name)),
        cause: expect.anything(),
      });
    },
  );

  test('that cannot be made is named', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(sweep(optionsFor(join(file, 'out'))).result).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(`Cannot make the folder ${join(file, 'out')}`),
    });
    await expect(sweep(optionsFor('/proc/foo/out')).result).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('Cannot make the folder /proc/foo/out'),
    });
  });
});

describe('a trial that diverges', () => {
  const tooFast: typeof build = (_, { classes }) => ({
    layers: [
      layers.flatten(),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    optimizer: { learningRate: 1e30 },
  });
  const partly: typeof build = (parameters, context) =>
    (parameters.units === 8 ? tooFast : build)(parameters, context);

  async function runPartly(out: string, more: Partial<SweepOptions<typeof grid>> = {}) {
    const seen: SweepEvent[] = [];
    const run = sweep(optionsFor(out, { build: partly, ...more }));
    for await (const event of run) seen.push(event);
    return { seen, result: await run.result };
  }

  test('is recorded without a result, and the sweep goes on', async () => {
    const out = newOut();
    const { seen, result } = await runPartly(out, { jobs: 1 });
    const statuses = result.trials.map(({ status }) => status);
    expect(statuses).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((i) => (i % 4 < 3 && i % 4 > 0 ? 'finished' : 'diverged')),
    );
    const third = result.trials[2]!;
    expect(third).toMatchObject({ status: 'diverged', epochs: 3, stoppedEarly: true, startFromEpoch: 1 });
    expect(Object.keys(third)).not.toContain('accuracy');
    expect(third.history.val_loss).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(result.best.status).toBe('finished');
    const rows = (await readFile(join(out, 'models.csv'), 'utf8')).split('\r\n');
    expect(rows[3]).toBe('60%,8,0,');
    expect(rows[5]).toMatch(/^80%,4,0,0\.\d+$/);
    expect(await readdir(join(out, 'models'))).toEqual([
      'model_1.h5',
      'model_2.h5',
      'model_5.h5',
      'model_6.h5',
    ]);
    expect(seen.at(-1)).toMatchObject({
      type: 'notice',
      message: expect.stringMatching(/^4 of 8 trials diverged: val_loss was not .*a smaller learning rate/),
      progress: { done: 8 },
    });
  });

  test('is not trained again when the sweep is resumed, which gives the same files', async () => {
    const out = newOut();
    await runPartly(out);
    const before = await fingerprint(out);
    await rm(join(out, 'models.csv'));
    const { seen } = await runPartly(out, { resume: true });
    expect(seen.map(({ type }) => type)).toEqual(['start', 'notice']);
    expect(await fingerprint(out)).toEqual(before);
  });

  test('as all others do is an error, again so when the sweep is resumed', async () => {
    const out = newOut();
    for (const resume of [false, true]) {
      const { result } = sweep(optionsFor(out, { build: tooFast, limit: 2, resume }));
      await expect(result).rejects.toMatchObject({
        code: 'DIVERGED',
        message: expect.stringMatching(/^All 2 trials diverged.*Try a smaller learning rate/),
      });
      expect((await journalOf(out)).map(({ status }) => status)).toEqual(['diverged', 'diverged']);
    }
    expect(await readdir(out)).toEqual(['config.json', 'journal.jsonl', 'models']);
  });
});

describe('leaving the iteration over a sweep', () => {
  test('stops it, and it can be resumed at once', async () => {
    const out = newOut();
    const run = sweep(optionsFor(out, { jobs: 1 }));
    for await (const { type } of run) if (type === 'trialEnd') break;
    await expect(run.result).rejects.toMatchObject({
      code: 'ABORTED',
      message: expect.stringMatching(/^The sweep was stopped\. [1-7] of 8 trials/),
    });
    await sweep(optionsFor(out, { resume: true })).result;
    expect(await fingerprint(out)).toEqual(reference);
  });

  test('by an error stops it as well, and the error is what one gets', async () => {
    const run = sweep(optionsFor(newOut()));
    const read = async () => {
      for await (const { type } of run) if (type === 'epoch') throw new Error('of the reader');
    };
    await expect(read()).rejects.toThrow('of the reader');
    await expect(run.result).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('does not stop it while another still iterates', async () => {
    const run = sweep(optionsFor(newOut(), { limit: 3, jobs: 1 }));
    const leave = async () => {
      for await (const { type } of run) if (type === 'start') break;
    };
    const stay = async () => {
      for await (const _ of run);
    };
    await Promise.all([stay(), leave()]);
    expect((await run.result).trials).toHaveLength(3);
  });
});

describe('a failure', () => {
  test('of a combination that the builder refuses comes before any training', async () => {
    const out = newOut();
    const run = sweep({ ...optionsFor(out), grid: { units: [4, 0], rate: [0] } });
    await expect(run.result).rejects.toThrow(/units/);
    await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('of a builder that returns no model is named', async () => {
    const noModel = (() => undefined) as unknown as typeof build;
    await expect(sweep(optionsFor(newOut(), { build: noModel })).result).rejects.toThrow(
      /Expected a function that returns layers, or .* for build but received undefined/,
    );
  });

  test('of one trial is what is told, also when the journal cannot be closed then', async () => {
    const out = newOut();
    const fragile: typeof build = (parameters, context) => {
      const journal = descriptorsOf(join(out, 'journal.jsonl'))[0];
      if (journal === undefined) return build(parameters, context);
      closeSync(journal);
      throw new Error('out of luck');
    };
    await expect(sweep(optionsFor(out, { build: fragile, jobs: 1 })).result).rejects.toThrow('out of luck');
  });

  test('of one trial ends the sweep, names it, keeps the others, and leaves a sweep to resume', async () => {
    const out = newOut();
    let broken = true;
    let calls = 0;
    const fragile: typeof build = (parameters, context) => {
      // Before any training every combination is built once.
      const isTrial = ++calls > 4;
      if (broken && isTrial && parameters.units === 8) throw new Error('out of luck');
      return build(parameters, context);
    };
    await expect(sweep(optionsFor(out, { build: fragile, jobs: 1 })).result).rejects.toMatchObject({
      code: 'CALLBACK',
      message: expect.stringMatching(
        /^The sweep ended: trial 3 \(60%, units 8, rate 0\) failed: build threw: out of luck\. 2 of 8 trials are finished/,
      ),
    });
    broken = false;
    await sweep(optionsFor(out, { build: fragile, resume: true })).result;
    expect(await fingerprint(out)).toEqual(reference);
  });

  test('is thrown by the iteration as well', async () => {
    const read = async () => {
      for await (const _ of sweep(optionsFor(whole)));
    };
    await expect(read()).rejects.toMatchObject({ code: 'FILE' });
  });

  test('of an option is thrown at once', () => {
    expect(() => sweep(optionsFor(newOut(), { epochs: 0 }))).toThrow(/epochs but received 0/);
    expect(() => sweep(optionsFor(newOut(), { device: 'tpu' as 'cpu' }))).toThrow(
      /device but received "tpu"/,
    );
  });
});
