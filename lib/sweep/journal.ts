import { type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { orFileError, readIfThere, syncFolder } from '../files.js';
import type { SweepConfig } from './config.js';
import { RecordReader } from './stored-record.js';
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
 * The trials of a sweep that have ended, a JSON object per line in the order in which they ended. A line is on the disk
 * before its trial counts as ended.
 */
export class Journal {
  readonly #path: string;
  readonly #handle: FileHandle;
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Opens the journal for appending; creates it if it is missing.
   * @throws ConvsweepError `FILE`
   */
  static async open(path: string): Promise<Journal> {
    const handle = await orFileError('open', path, open(path, 'a'));
    try {
      await orFileError('write', path, syncFolder(dirname(path)));
    } catch (error) {
      await handle.close().catch(() => {});
      throw error;
    }
    return new Journal(path, handle);
  }

  /**
   * Resolves when the record is on the disk. Once one could not be written, no other is: it would continue a line that
   * was cut off.
   * @throws ConvsweepError `FILE`
   */
  append(record: TrialRecord): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    const write = async (): Promise<void> => {
      await this.#handle.appendFile(line);
      await this.#handle.datasync();
    };
    this.#lastWrite = this.#lastWrite.then(() => orFileError('write', this.#path, write()));
    return this.#lastWrite;
  }

  /** @throws ConvsweepError `FILE` */
  async close(): Promise<void> {
    await orFileError('close', this.#path, this.#handle.close());
  }
}

/**
 * Reads a journal and cuts off a torn last line, so that the next one can be appended.
 * @param config of the journal's sweep
 * @returns nothing recorded if there is no such file
 * @throws ConvsweepError `FILE`; `INVALID_DATA` for a line before the last that is no record of one of its trials
 */
export async function readJournal(path: string, config: SweepConfig): Promise<JournalContent> {
  const content = await peekJournal(path, config);
  if (content.tornBytes > 0) {
    const cut = async (): Promise<void> => truncate(path, (await stat(path)).size - content.tornBytes);
    await orFileError('cut', path, cut());
  }
  return content;
}

/** As {@link readJournal}, but leaves the file alone: a sweep that runs may be writing the torn line. */
export async function peekJournal(path: string, config: SweepConfig): Promise<JournalContent> {
  const bytes = (await readIfThere(path)) ?? Buffer.alloc(0);
  const end = bytes.lastIndexOf(LINE_END) + 1;
  const tornBytes = bytes.length - end;
  const records = new Map<number, TrialRecord>();
  const reader = new RecordReader(config);
  const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
  for (const [i, line] of lines.entries()) {
    const record = reader.parse(line, `line ${i + 1} of ${path}`);
    records.set(record.trial, record);
  }
  return { records, tornBytes };
}
