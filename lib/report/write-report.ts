import { basename, resolve } from 'node:path';
import { readIfThere, writeWhole } from '../files.js';
import { SweepFolder } from '../sweep/folder.js';
import { peekJournal } from '../sweep/journal.js';
import { reportHtml } from './page/page.js';
import { parseExtras } from './stored-extras.js';
import { type ReportExtras, type SweepReport, sweepReport } from './sweep-report.js';

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
  const sweep = new SweepFolder(folder);
  const report = await readReport(sweep, extras);
  await writeWhole(sweep.extras, `${JSON.stringify(extras)}\n`);
  return writePage(sweep, report);
}

/**
 * Writes `report.html` again from the files of a sweep's folder. The sweep may be unfinished, and even be running; the
 * report then has no evaluation of the best model.
 * @throws ConvsweepError `FILE` when the folder holds no sweep, `INVALID_DATA` when one of its files is damaged
 */
export async function rebuildReport(folder: string): Promise<WrittenReport> {
  const sweep = new SweepFolder(folder);
  const stored = await readIfThere(sweep.extras);
  const extras = stored ? parseExtras(stored.toString('utf8'), sweep.extras) : {};
  return writePage(sweep, await readReport(sweep, extras));
}

async function readReport(folder: SweepFolder, extras: ReportExtras): Promise<SweepReport> {
  const config = await folder.readConfig();
  const { records } = await peekJournal(folder.journal, config);
  return sweepReport(basename(resolve(folder.path)), config, records.values(), extras);
}

async function writePage(folder: SweepFolder, report: SweepReport): Promise<WrittenReport> {
  await writeWhole(folder.report, reportHtml(report));
  return { file: folder.report, report };
}
