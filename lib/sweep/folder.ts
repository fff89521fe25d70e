import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvsweepError } from '../errors.js';
import { isDraft, makeFolder, writeWhole } from '../files.js';
import type { SweepConfig } from './config.js';

/** Names inside a sweep's folder. */
const CONFIG = 'config.json';
const JOURNAL = 'journal.jsonl';
const MODELS = 'models';
const FINAL = { csv: 'models.csv', model: 'model.h5', summary: 'summary.txt' };
/** What the reports of a finished sweep are called, which others write beside its files. */
const REPORT = ['report.html', 'report.json'];
const PICTURES = ['accuracy.svg', 'loss.svg', 'cnn_architecture.svg', 'evaluation'];

/** Where a sweep puts its files. */
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

  /** A trial's checkpoint, relative to the folder. */
  checkpoint(trial: number): string {
    return `${MODELS}/model_${trial}.h5`;
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
    const names = await readdir(this.path);
    if (names.includes(CONFIG)) {
      throw new ConvsweepError(
        'FILE',
        `${this.path} holds another sweep (${CONFIG}); continue it with --resume (resume: true), or choose another folder with --out (out)`,
      );
    }
    const taken = [JOURNAL, MODELS, ...Object.values(FINAL), ...REPORT, ...PICTURES].find((name) =>
      names.includes(name),
    );
    if (taken !== undefined) {
      throw new ConvsweepError(
        'FILE',
        `${this.path} holds ${taken}, which the sweep would write over; move it away, or choose another folder with --out (out)`,
      );
    }
    await this.#writeConfig(config);
    await makeFolder(this.file(MODELS));
  }

  /** Makes the folder that of an unfinished sweep of more trials: what tells of the fewer as if of all goes first. */
  async grow(config: SweepConfig): Promise<void> {
    for (const name of [...Object.values(FINAL), ...REPORT]) await rm(this.file(name), { force: true });
    await this.#writeConfig(config);
  }

  async #writeConfig(config: SweepConfig): Promise<void> {
    await writeWhole(this.file(CONFIG), `${JSON.stringify(config, null, 2)}\n`);
  }

  /** @throws ConvsweepError `FILE` when there is none, `INVALID_DATA` when it is no JSON */
  async readConfig(): Promise<SweepConfig> {
    const path = this.file(CONFIG);
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw new ConvsweepError(
        'FILE',
        `${this.path} holds no sweep to resume (${CONFIG} is missing); leave out --resume (resume) to start one`,
        { cause },
      );
    });
    try {
      return JSON.parse(text) as SweepConfig;
    } catch (cause) {
      throw new ConvsweepError('INVALID_DATA', `Expected JSON in ${path}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  /** Makes good what an interrupted process left undone, and removes a checkpoint that it was writing. */
  async repair(): Promise<void> {
    await makeFolder(this.file(MODELS));
    const names = await readdir(this.file(MODELS));
    for (const name of names.filter(isDraft)) await rm(join(this.file(MODELS), name), { force: true });
  }

  /** The checksum of a file by its relative name; undefined if it is missing. */
  async sha256(name: string): Promise<string | undefined> {
    const bytes = await readFile(this.file(name)).catch(() => undefined);
    return bytes && createHash('sha256').update(bytes).digest('hex');
  }

  /** Writes what a finished sweep leaves; `best` is the relative name of the best checkpoint. */
  async writeFinal(files: { csv: string; best: string; summary: string }): Promise<void> {
    await writeWhole(this.model, await readFile(this.file(files.best)));
    await writeWhole(this.summary, files.summary);
    await writeWhole(this.csv, files.csv);
  }
}
