import { appendFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Journal, readJournal } from '../../lib/sweep/journal.js';
import type { DivergedTrial, FinishedTrial, TrialRecord } from '../../lib/sweep/trial.js';
import { descriptorsOf } from './open-files.js';
import { sweepConfig, trialRecords } from './report-fixture.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

const config = sweepConfig();
const records = trialRecords(config);
const record = (trial: number): FinishedTrial => records[trial - 1]!;

async function write(path: string, records: TrialRecord[]): Promise<void> {
  const journal = await Journal.open(path);
  await Promise.all(records.map((one) => journal.append(one)));
  await journal.close();
}

describe('journal', () => {
  test('gives back what was appended, NaN included, over several openings', async () => {
    const path = join(folder, 'journal.jsonl');
    await write(path, [record(2), record(1)]);
    await write(path, [record(3)]);
    const { records, tornBytes } = await readJournal(path, config);
    expect([...records]).toEqual([
      [2, record(2)],
      [1, record(1)],
      [3, record(3)],
    ]);
    expect(tornBytes).toBe(0);
  });

  test('of a trial that ran again the later record counts', async () => {
    const path = join(folder, 'journal.jsonl');
    await write(path, [{ ...record(1), accuracy: 0.1 }, record(1)]);
    expect((await readJournal(path, config)).records.get(1)).toEqual(record(1));
  });

  test('there is none before the first trial', async () => {
    expect(await readJournal(join(folder, 'none'), config)).toEqual({ records: new Map(), tornBytes: 0 });
  });

  test('a torn last line is cut off, so that the next one stands alone', async () => {
    const path = join(folder, 'journal.jsonl');
    await write(path, [record(1)]);
    const whole = await readFile(path, 'utf8');
    await appendFile(path, '{"trial":2,"é');
    const { records, tornBytes } = await readJournal(path, config);
    expect([[...records.keys()], tornBytes]).toEqual([[1], 14]);
    expect(await readFile(path, 'utf8')).toBe(whole);
    await write(path, [record(3)]);
    expect([...(await readJournal(path, config)).records.keys()]).toEqual([1, 3]);
  });

  const { accuracy: _a, bestEpoch: _b, checkpoint: _c, ...rest } = record(2);
  const diverged: DivergedTrial = { ...rest, status: 'diverged' };

  test('has trials that diverged, and those written before any record said so', async () => {
    const path = join(folder, 'journal.jsonl');
    const { status: _, ...earlier } = record(1);
    await write(path, [diverged]);
    await appendFile(path, `${JSON.stringify(earlier)}\n`);
    expect([...(await readJournal(path, config)).records.values()]).toEqual([diverged, record(1)]);
  });

  const nested = '['.repeat(200_000) + ']'.repeat(200_000);
  const damaged: [what: string, line: string | object, reason: string][] = [
    ['garbage', 'garbage', 'not valid JSON'],
    ['nothing', 'null', 'Expected an object for the record but received null'],
    ['an empty object', '{}', 'Expected a value for trial of the record but received undefined'],
    ['a list', [record(1)], 'Expected an object for the record'],
    ['a deep list', nested, 'Expected an object for the record but received an array of length 1'],
    ['a deep parameter', `{"parameters":${nested}}`, 'Expected a value for trial of the record'],
    ['another field', { ...record(1), extra: 1 }, 'but received "extra"'],
    ['a trial beyond the last', { ...record(1), trial: 99 }, 'from 1 to 16 for trial but received 99'],
    ['a trial before the first', { ...record(1), trial: -4 }, 'for trial but received -4'],
    ['a trial between others', { ...record(1), trial: 1.5 }, 'for trial but received 1.5'],
    [
      'the split of another trial',
      { ...record(1), split: '80%' },
      'Expected "60%" for split but received "80%"',
    ],
    ['parameters of another trial', { ...record(1), parameters: record(2).parameters }, 'for parameters'],
    [
      'further parameters',
      { ...record(1), parameters: { ...record(1).parameters, more: 1 } },
      'for parameters',
    ],
    ['another seed', { ...record(1), seed: 1 }, 'for seed but received 1'],
    ['another first epoch', { ...record(1), startFromEpoch: 0 }, 'Expected 1 for startFromEpoch'],
    ['too many epochs', { ...record(1), epochs: 6 }, 'from 1 to 5 for epochs but received 6'],
    [
      'no history of an epoch',
      { ...record(1), epochs: 5 },
      '5 numbers, one for each epoch, for history.loss',
    ],
    ['a word in the history', withHistory(['1', 1, 1, 1]), 'a number for history.loss[0] but received "1"'],
    ['a number for a list', { ...record(1), history: 4 }, 'an object for history'],
    ['no accuracy', { ...record(1), accuracy: null }, 'from 0 to 1 for accuracy but received null'],
    ['an accuracy above 1', { ...record(1), accuracy: 1.1 }, 'for accuracy but received 1.1'],
    [
      'an accuracy of what is not there',
      { ...record(1), unseenAccuracy: 0.5 },
      'but received "unseenAccuracy"',
    ],
    [
      'a best epoch not looked at',
      { ...record(1), bestEpoch: 0 },
      'from 1 to 3 for bestEpoch but received 0',
    ],
    ['a best epoch not trained', { ...record(1), bestEpoch: 4 }, 'for bestEpoch but received 4'],
    ['a word for a truth', { ...record(1), stoppedEarly: 'no' }, 'true or false for stoppedEarly'],
    ['negative seconds', { ...record(1), seconds: -1 }, 'of at least 0 for seconds but received -1'],
    ['no jobs', { ...record(1), jobs: 0 }, 'for jobs but received 0'],
    ['no time', { ...record(1), finished: 'soon' }, 'a time for finished but received "soon"'],
    ['another status', { ...record(1), status: 'ok' }, '"finished" or "diverged" for status'],
    ['a result of one that diverged', { ...diverged, accuracy: 0.5 }, 'but received "accuracy"'],
    ['a file elsewhere', withFile('../../model_1.h5'), 'Expected "models/model_1.h5" for checkpoint.file'],
    ['the file of another trial', withFile('models/model_2.h5'), 'for checkpoint.file'],
    [
      'no checksum',
      { ...record(1), checkpoint: { file: 'models/model_1.h5', sha256: 'abc' } },
      'hexadecimal',
    ],
  ];
  function withHistory(loss: unknown): object {
    return { ...record(1), history: { ...record(1).history, loss } };
  }
  function withFile(file: string): object {
    return { ...record(1), checkpoint: { ...record(1).checkpoint, file } };
  }

  test.each(damaged)('a line with %s is an error', async (_what, line, reason) => {
    const path = join(folder, 'journal.jsonl');
    const text = typeof line === 'string' ? line : JSON.stringify(line);
    await writeFile(path, `${JSON.stringify(record(1))}\n${text}\n`);
    const reading = readJournal(path, config);
    await expect(reading).rejects.toMatchObject({ code: 'INVALID_DATA' });
    await expect(reading).rejects.toThrow(`in line 2 of ${path}, but: `);
    await expect(reading).rejects.toThrow(reason);
    await expect(reading).rejects.toThrow('delete that line to train its trial again');
  });

  test('that cannot be opened, read or written is an error of that file', async () => {
    const path = join(folder, 'journal.jsonl');
    await mkdir(path);
    const error = { code: 'FILE', message: expect.stringContaining(path), cause: { code: 'EISDIR' } };
    await expect(readJournal(path, config)).rejects.toMatchObject(error);
    await expect(Journal.open(path)).rejects.toMatchObject(error);
    const full = await Journal.open('/dev/full');
    const message = expect.stringContaining('Cannot write /dev/full: ENOSPC');
    await expect(full.append(record(1))).rejects.toMatchObject({ code: 'FILE', message });
    await full.close();
  });

  test('of which the folder cannot be synced is closed again', async () => {
    const handle = await open(folder);
    await handle.close();
    const sync = jest.spyOn(Object.getPrototypeOf(handle), 'sync');
    sync.mockRejectedValue(new Error('EIO') as never);
    const path = join(folder, 'journal.jsonl');
    await expect(Journal.open(path)).rejects.toMatchObject({
      code: 'FILE',
      message: `Cannot write ${path}: EIO`,
    });
    sync.mockRestore();
    expect(descriptorsOf(path)).toEqual([]);
  });
});
