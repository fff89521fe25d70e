import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { ConvsweepError } from '../errors.js';
import { writeWhole } from '../files.js';
import { type SweepConfig, trialEngine, withoutEngine } from './config.js';
import { engineRemedy, engineText, isSameEngine, type TrialEngine } from './engine.js';
import type { SweepFolder } from './folder.js';
import { parseStored, requireFields, requireSame, requireText } from './stored.js';
import { requireTrialEngine } from './stored-config.js';
import { RecordReader } from './stored-record.js';
import type { TrialRecord } from './trial.js';

/** A trial's record in a file of its own, for the one that puts the sweep together: as the journal has it, and where from. */
export interface StoredTrial {
  /** The machine that trained it. */
  host: string;
  engine: TrialEngine;
  record: TrialRecord;
}

/**
 * Throws unless a trial that was trained twice, by one engine, came to the same.
 * @throws ConvsweepError `INVALID_DATA` naming both machines
 */
export function requireSameResult(
  first: Pick<StoredTrial, 'host' | 'record'>,
  second: Pick<StoredTrial, 'host' | 'record'>,
): void {
  if (resultOf(first.record) === resultOf(second.record)) return;
  throw new ConvsweepError(
    'INVALID_DATA',
    `Trial ${second.record.trial} came out differently on ${first.host} and on ${second.host}, although their engines are the same; one of these machines computes or stores wrongly. Once you know which, delete the trial's record and train it again`,
  );
}

function resultOf(record: TrialRecord): string {
  return record.status === 'finished' ? record.checkpoint.sha256 : record.status;
}

/** A checksum of what the trials of a sweep have in common, so that a record is taken for no other sweep's. */
export function configKey(config: SweepConfig): string {
  return createHash('sha256')
    .update(JSON.stringify(withoutEngine(config)))
    .digest('hex');
}

/** The records of a sweep's trials that were trained one by one, each in a file of its own. */
export class RecordFiles {
  readonly #folder: SweepFolder;
  readonly #config: SweepConfig;
  readonly #key: string;
  readonly #reader: RecordReader;

  /** @param config of the folder's sweep */
  constructor(folder: SweepFolder, config: SweepConfig) {
    this.#folder = folder;
    this.#config = config;
    this.#key = configKey(config);
    this.#reader = new RecordReader(config);
  }

  /**
   * Resolves when the record is on the disk.
   * @throws ConvsweepError `FILE`; `INVALID_DATA` when another process trained the trial meanwhile and came to something else
   */
  async add(engine: TrialEngine, record: TrialRecord): Promise<void> {
    const there = await this.read(record.trial);
    if (there && isSameEngine(there.engine, engine)) requireSameResult(there, { host: hostname(), record });
    const stored = { config: this.#key, host: hostname(), engine, record };
    await writeWhole(this.#folder.file(this.#folder.record(record.trial)), `${JSON.stringify(stored)}\n`);
  }

  /**
   * What is stored of a trial; undefined where nothing is.
   * @throws ConvsweepError `FILE`; `INVALID_DATA` for a file that is damaged, or of another sweep
   */
  async read(trial: number): Promise<StoredTrial | undefined> {
    const name = this.#folder.record(trial);
    const bytes = await this.#folder.read(name);
    return bytes && this.#parse(bytes.toString('utf8'), trial, this.#folder.file(name));
  }

  async remove(trial: number): Promise<void> {
    await this.#folder.remove(this.#folder.record(trial));
  }

  #parse(text: string, trial: number, path: string): StoredTrial {
    const what = `the record of trial ${trial} of this sweep in ${path}`;
    const remedy = 'delete that file to train the trial again';
    return parseStored(text, { what, remedy }, (value) => {
      requireFields<StoredTrial & { config: string }>('the file', value, [
        'config',
        'host',
        'engine',
        'record',
      ]);
      requireSame('config', value.config, this.#key);
      requireText('host', value.host);
      requireTrialEngine(value.engine);
      const record = this.#reader.check(value.record);
      requireSame('trial', record.trial, trial);
      return { host: value.host, engine: value.engine, record };
    });
  }

  /**
   * The record as the journal has it: it names its engine where that is not the sweep's.
   * @param mixed whether it may be another
   * @throws ConvsweepError `INVALID_ARGUMENT` where it may not
   */
  toJournal({ host, engine, record }: StoredTrial, mixed: boolean): TrialRecord {
    const own = trialEngine(this.#config);
    if (isSameEngine(engine, own)) return record;
    if (mixed) return { ...record, engine };
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Trial ${record.trial} was trained on ${host} by another engine (${engineText(engine)}) than this sweep's (${engineText(own)}), whose results differ in their last digits; train it again there: ${engineRemedy(own)}; or take it as it is with --mixed (mixed: true)`,
    );
  }
}
