import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvsweepError } from '../errors.js';
import {
  makeFolder,
  orFileError,
  readIfThere,
  readWhole,
  unless,
  writerOfDraft,
  writeWhole,
} from '../files.js';
import type { SweepConfig } from './config.js';
import { isGone, ownHolder } from './holder.js';
import { parseConfig } from './stored-config.js';

/** Names inside a sweep's folder. */
const CONFIG = 'config.json';
const JOURNAL = 'journal.jsonl';
const MODELS = 'models';
const RECORDS = 'records';
const FINAL = { csv: 'models.csv', model: 'model.h5', summary: 'summary.txt' };
const REPORT = { page: 'report.html', extras: 'report.json' };
const EVALUATION = 'evaluation';
/** Of pictures of trials that were asked for. */
const PLOTS = 'plots';

/** The pictures of a model. */
export const PICTURES = ['accuracy', 'loss', 'cnn_architecture'] as const;
export type Picture = (typeof PICTURES)[number];

/** How a picture is stored. */
export const PICTURE_FORMATS = ['svg', 'png'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** The checkpoint of a trial, relative to the sweep's folder. */
export function checkpointFile(trial: number): string {
  return `${MODELS}/model_${trial}.h5`;
}

/** Where a sweep, and the reports of it, put their files. */
export class SweepFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get lock(): string {
    return join(this.path, 'lock');
  }

  get journal(): string {
    return join(this.path, JOURNAL);
  }

  get csv(): string {
    return join(this.path, FINAL.csv);
  }

  get model(): string {
    return join(this.path, FINAL.model);
  }

  get summary(): string {
    return join(this.path, FINAL.summary);
  }

  /** The page that shows the sweep. */
  get report(): string {
    return this.file(REPORT.page);
  }

  /** What the page tells beyond the configuration and the journal. */
  get extras(): string {
    return this.file(REPORT.extras);
  }

  /** The folder of the best model's evaluation. */
  get evaluation(): string {
    return this.file(EVALUATION);
  }

  /** A picture of the best model, or of the trial of that number. */
  picture(picture: Picture, format: PictureFormat, trial?: number): string {
    return trial === undefined
      ? this.file(`${picture}.${format}`)
      : join(this.path, PLOTS, `${picture}_${trial}.${format}`);
  }

  /** What a trial in training has come to, relative to the folder. */
  state(trial: number): string {
    return `${MODELS}/.trial_${trial}.state`;
  }

  /** What a trial that was trained by itself came to, relative to the folder. */
  record(trial: number): string {
    return `${RECORDS}/trial_${trial}.json`;
  }

  /** Where the model is put of a trial that a worker trained, relative to the folder, until its record is kept. */
  handedOver(trial: number): string {
    return `${RECORDS}/model_${trial}.h5`;
  }

  /** Where {@link record} and {@link handedOver} are, relative to the folder. */
  get records(): string {
    return RECORDS;
  }

  /** What the sweep is called in a queue, relative to the folder. */
  get queueName(): string {
    return `${RECORDS}/queue`;
  }

  /** The trials that have a {@link record}, in order. */
  async recorded(): Promise<number[]> {
    const path = this.file(RECORDS);
    const names = (await orFileError('read', path, unless(['ENOENT'], readdir(path)))) ?? [];
    const numbers = names.map((name) => Number(/^trial_([1-9]\d{0,8})\.json$/.exec(name)?.[1]));
    return numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
  }

  /** Once those of all trials stand in the journal. @throws ConvsweepError `FILE` */
  async removeRecords(): Promise<void> {
    await this.remove(RECORDS);
  }

  /** @throws ConvsweepError `FILE` */
  async createRecords(): Promise<void> {
    await makeFolder(this.file(RECORDS));
  }

  /** A file of the folder by its relative name. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** @throws ConvsweepError `FILE` */
  async create(): Promise<void> {
    await makeFolder(this.path);
  }

  /**
   * Makes the folder that of a new sweep.
   * @throws ConvsweepError `FILE` when anything is there that a sweep or its reports would write
   */
  async begin(config: SweepConfig): Promise<void> {
    const names = await orFileError('read', this.path, readdir(this.path));
    if (names.includes(CONFIG)) {
      throw new ConvsweepError(
        'FILE',
        `${this.path} holds another sweep (${CONFIG}); continue it with --resume (resume: true), or choose another folder with --out (out)`,
      );
    }
    const pictures = PICTURES.map((picture) => `${picture}.svg`);
    const written = [
      JOURNAL,
      MODELS,
      RECORDS,
      ...Object.values(FINAL),
      ...Object.values(REPORT),
      ...pictures,
      EVALUATION,
    ];
    const taken = written.find((name) => names.includes(name));
    if (taken !== undefined) {
      throw new ConvsweepError(
        'FILE',
        `${this.path} holds ${taken}, which the sweep would write over; move it away, or choose another folder with --out (out)`,
      );
    }
    await this.#removeDrafts('.');
    await this.#writeConfig(config);
    await makeFolder(this.file(MODELS));
  }

  /** Makes the folder that of an unfinished sweep of more trials: what tells of the fewer as if of all goes first. */
  async grow(config: SweepConfig): Promise<void> {
    for (const name of [...Object.values(FINAL), ...Object.values(REPORT)]) await this.remove(name);
    await this.#writeConfig(config);
  }

  async #writeConfig(config: SweepConfig): Promise<void> {
    await writeWhole(this.file(CONFIG), `${JSON.stringify(config, null, 2)}\n`);
  }

  /**
   * The configuration of the sweep in the folder.
   * @param what is looked for
   * @param remedy what to do when there is none
   * @throws ConvsweepError `FILE` when there is none, `INVALID_DATA` when it is damaged
   */
  async readConfig(
    what = 'sweep',
    remedy = `give the folder of one, which convsweep sweep --out ${this.path} makes`,
  ): Promise<SweepConfig> {
    const path = this.file(CONFIG);
    const bytes = await readIfThere(path);
    if (bytes) return parseConfig(bytes.toString('utf8'), path);
    throw new ConvsweepError('FILE', `${this.path} holds no ${what} (${CONFIG} is missing); ${remedy}`);
  }

  /** Makes good what interrupted processes left undone, and removes the files that they were writing. */
  async repair(): Promise<void> {
    await makeFolder(this.file(MODELS));
    for (const folder of ['.', MODELS, RECORDS, EVALUATION]) await this.#removeDrafts(folder);
  }

  /** Leaves what other processes of this machine are writing, such as a report. */
  async #removeDrafts(folder: string): Promise<void> {
    const path = this.file(folder);
    const names = (await orFileError('read', path, unless(['ENOENT'], readdir(path)))) ?? [];
    const { started: _, ...here } = await ownHolder();
    for (const name of names) {
      const pid = writerOfDraft(name);
      if (pid === undefined) continue;
      // One with our number that is not ours is of an earlier process, as in a container that begins anew.
      if (pid === process.pid || (await isGone({ ...here, pid }))) await this.remove(join(folder, name));
    }
  }

  /** Removes a file or folder by its relative name, if it is there. */
  async remove(name: string): Promise<void> {
    const path = this.file(name);
    await orFileError('remove', path, rm(path, { recursive: true, force: true }));
  }

  /**
   * The content of a file by its relative name; undefined if it is missing.
   * @throws ConvsweepError `FILE`
   */
  async read(name: string): Promise<Buffer | undefined> {
    return readIfThere(this.file(name));
  }

  /** The checksum of a file by its relative name; undefined if it is missing. */
  async sha256(name: string): Promise<string | undefined> {
    const bytes = await this.read(name);
    return bytes && createHash('sha256').update(bytes).digest('hex');
  }

  /** Writes what a finished sweep leaves; `best` is the relative name of the best checkpoint. */
  async writeFinal(files: { csv: string; best: string; summary: string }): Promise<void> {
    await writeWhole(this.model, await readWhole(this.file(files.best)));
    await writeWhole(this.summary, files.summary);
    await writeWhole(this.csv, files.csv);
  }
}
