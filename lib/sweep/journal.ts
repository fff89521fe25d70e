import { type FileHandle, open, readFile, stat, truncate } from 'node:fs/promises';
import { ConvsweepError } from '../errors.js';
import type { TrialRecord } from './trial.js';

/** What {@link readJournal} found. */
export interface JournalContent {
  /** By trial; of a trial that ran again, the later record. */
  records: Map<number, TrialRecord>;
  /** Bytes of a last line that was cut off while it was written; 0 if it is whole. */
  tornBytes: number;
}

const LINE_END = 0x0a;

/**
 * The finished trials of a sweep, a JSON object per line in the order in which they finished. A line is on the disk
 * before its trial counts as finished.
 */
export class Journal {
  readonly #handle: FileHandle;
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Opens the journal for appending; creates it if it is missing. */
  static async open(path: string): Promise<Journal> {
    return new Journal(await open(path, 'a'));
  }

  /** Resolves when the record is on the disk. */
  append(record: TrialRecord): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    const write = async (): Promise<void> => {
      await this.#handle.appendFile(line);
      await this.#handle.datasync();
    };
    this.#lastWrite = this.#lastWrite.then(write);
    return this.#lastWrite;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * Reads a journal and cuts off a torn last line, so that the next one can be appended.
 * @returns nothing recorded if there is no such file
 * @throws ConvsweepError `INVALID_DATA` for a line before the last that is no record
 */
export async function readJournal(path: string): Promise<JournalContent> {
  const content = await peekJournal(path);
  if (content.tornBytes > 0) await truncate(path, (await stat(path)).size - content.tornBytes);
  return content;
}

/** As {@link readJournal}, but leaves the file alone: a sweep that runs may be writing the torn line. */
export async function peekJournal(path: string): Promise<JournalContent> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const end = bytes.lastIndexOf(LINE_END) + 1;
  const tornBytes = bytes.length - end;
  const records = new Map<number, TrialRecord>();
  const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
  for (const [i, line] of lines.entries()) {
    const record = parseRecord(line);
    if (!record) {
      throw new ConvsweepError(
        'INVALID_DATA',
        `Expected a finished trial in line ${i + 1} of ${path} but received ${JSON.stringify(line.slice(0, 60))}; delete that line to train its trial again`,
      );
    }
    records.set(record.trial, record);
  }
  return { records, tornBytes };
}

/** JSON has no NaN and writes null, which no number of a history is otherwise. */
function parseRecord(line: string): TrialRecord | undefined {
  try {
    const record = JSON.parse(line) as TrialRecord;
    for (const values of Object.values(record.history) as (number | null)[][]) {
      for (const [i, value] of values.entries()) values[i] = value ?? Number.NaN;
    }
    const isWhole = record.status === 'diverged' || typeof record.checkpoint.sha256 === 'string';
    return Number.isSafeInteger(record.trial) && isWhole ? record : undefined;
  } catch {
    return undefined;
  }
}
