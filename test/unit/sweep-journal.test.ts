import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Journal, readJournal } from '../../lib/sweep/journal.js';
import type { FinishedTrial, TrialRecord } from '../../lib/sweep/trial.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

const record = (trial: number, accuracy = 0.5) =>
  ({
    status: 'finished',
    trial,
    accuracy,
    history: { loss: [1, Number.NaN], accuracy: [0.25, 0.5] },
    checkpoint: { file: `models/model_${trial}.h5`, sha256: 'abc' },
  }) as FinishedTrial;

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
    const { records, tornBytes } = await readJournal(path);
    expect([...records]).toEqual([
      [2, record(2)],
      [1, record(1)],
      [3, record(3)],
    ]);
    expect(tornBytes).toBe(0);
  });

  test('of a trial that ran again the later record counts', async () => {
    const path = join(folder, 'journal.jsonl');
    await write(path, [record(1, 0.1), record(1, 0.9)]);
    expect((await readJournal(path)).records.get(1)).toEqual(record(1, 0.9));
  });

  test('there is none before the first trial', async () => {
    expect(await readJournal(join(folder, 'none'))).toEqual({ records: new Map(), tornBytes: 0 });
  });

  test('a torn last line is cut off, so that the next one stands alone', async () => {
    const path = join(folder, 'journal.jsonl');
    await write(path, [record(1)]);
    const whole = await readFile(path, 'utf8');
    await appendFile(path, '{"trial":2,"é');
    const { records, tornBytes } = await readJournal(path);
    expect([[...records.keys()], tornBytes]).toEqual([[1], 14]);
    expect(await readFile(path, 'utf8')).toBe(whole);
    await write(path, [record(3)]);
    expect([...(await readJournal(path)).records.keys()]).toEqual([1, 3]);
  });

  test.each(['garbage', '{}', 'null', '{"trial":1}'])(
    'a whole line %s that is no record is an error',
    async (line) => {
      const path = join(folder, 'journal.jsonl');
      await writeFile(path, `${JSON.stringify(record(1))}\n${line}\n`);
      await expect(readJournal(path)).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: expect.stringContaining(`line 2 of ${path}`),
      });
    },
  );
});
