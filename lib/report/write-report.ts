import { basename, join, resolve } from 'node:path';
import { readIfThere, writeWhole } from '../files.js';
import { SweepFolder } from '../sweep/folder.js';
import { peekJournal } from '../sweep/journal.js';
import { reportHtml } from './page/page.js';
import { parseExtras } from './stored-extras.js';
import { readSweepConfig } from './sweep-config.js';
import { type ReportExtras, type SweepReport, sweepReport } from './sweep-report.js';

/** Names inside a sweep's folder. */
const PAGE = 'report.html';
const EXTRAS = 'report.json';

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
  const path = join(folder, EXTRAS);
  const stored = await readIfThere(path);
  const extras = stored ? parseExtras(stored.toString('utf8'), path) : {};
  return writePage(folder, await readReport(folder, extras));
}

async function readReport(folder: string, extras: ReportExtras): Promise<SweepReport> {
  const config = await readSweepConfig(folder);
  const { records } = await peekJournal(new SweepFolder(folder).journal, config);
  return sweepReport(basename(resolve(folder)), config, records.values(), extras);
}

async function writePage(folder: string, report: SweepReport): Promise<WrittenReport> {
  const file = join(folder, PAGE);
  await writeWhole(file, reportHtml(report));
  return { file, report };
}
