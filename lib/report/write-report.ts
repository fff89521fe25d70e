import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ConvsweepError } from '../errors.js';
import type { SweepConfig } from '../sweep/config.js';
import { SweepFolder } from '../sweep/folder.js';
import { peekJournal } from '../sweep/journal.js';
import { reportHtml } from './page/page.js';
import { type ReportExtras, type SweepReport, sweepReport } from './sweep-report.js';
import { writeWhole } from './write-whole.js';

/** Names inside a sweep's folder. */
const PAGE = 'report.html';
const EXTRAS = 'report.json';
const CONFIG = 'config.json';

/** What was written, and of what. */
export interface WrittenReport {
  /** The page's path. */
  file: string;
  report: SweepReport;
}

/**
 * Writes `report.html` into a sweep's folder, and `report.json`, from which {@link rebuildReport} can write it again.
 * @param folder of a finished sweep
 * @throws ConvsweepError `FILE` or `INVALID_DATA` when the folder's configuration or journal cannot be read
 */
export async function writeReport(folder: string, extras: ReportExtras): Promise<WrittenReport> {
  const report = await readReport(folder, extras);
  await writeWhole(join(folder, EXTRAS), `${JSON.stringify(extras)}\n`);
  return writePage(folder, report);
}

/**
 * Writes `report.html` again from the files of a sweep's folder. The sweep may be unfinished, and even be running; the
 * report then has no evaluation of the best model.
 * @throws ConvsweepError `FILE` when the folder holds no sweep, `INVALID_DATA` when one of its files is damaged
 */
export async function rebuildReport(folder: string): Promise<WrittenReport> {
  const extras = (await readJson(join(folder, EXTRAS))) ?? {};
  return writePage(folder, await readReport(folder, extras as ReportExtras));
}

async function readReport(folder: string, extras: ReportExtras): Promise<SweepReport> {
  const path = join(folder, CONFIG);
  const config = (await readJson(path)) as SweepConfig | undefined;
  if (config === undefined) {
    throw new ConvsweepError(
      'FILE',
      `${folder} holds no sweep (${CONFIG} is missing); give the folder of one, which convsweep sweep --out ${folder} makes`,
    );
  }
  if (!Array.isArray(config?.splits) || typeof config.grid !== 'object') {
    throw new ConvsweepError('INVALID_DATA', `Expected a sweep's configuration in ${path}`);
  }
  const { records } = await peekJournal(new SweepFolder(folder).journal);
  return sweepReport(basename(resolve(folder)), config, records.values(), extras);
}

async function writePage(folder: string, report: SweepReport): Promise<WrittenReport> {
  const file = join(folder, PAGE);
  await writeWhole(file, reportHtml(report));
  return { file, report };
}

/** @returns undefined if there is no such file */
async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new ConvsweepError('FILE', `Cannot read ${path}: ${cause.message}`, { cause });
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConvsweepError('INVALID_DATA', `Expected JSON in ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
