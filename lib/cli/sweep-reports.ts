import { Model } from '../model/model.js';
import { type DeviceName, type Precision, resolveDevice } from '../native/devices.js';
import { writeBestModelReports } from '../report/best-model-reports.js';
import { reportEvaluation } from '../report/sweep-report.js';
import { bestTrialRun } from '../report/trial-run.js';
import { type WrittenReport, writeReport } from '../report/write-report.js';
import type { SweepConfig } from '../sweep/config.js';
import type { SweepResult } from '../sweep/finish-sweep.js';
import type { SweepSplit } from '../sweep/trial.js';

/** What evaluates the best model; by default what trained it. */
export interface ReportRun {
  signal: AbortSignal;
  device?: DeviceName;
  precision?: Precision;
}

/**
 * Writes what people look at into a finished sweep's folder: plots, diagram and evaluation of the best model, on images
 * that it was not trained on, and the report.
 * @param command the command line that gives the same results
 */
export async function writeSweepReports(
  { best, trials, config, files }: SweepResult,
  splits: readonly SweepSplit[],
  command: string,
  { signal, device = usualDevice(config), precision = config.precision }: ReportRun,
): Promise<WrittenReport> {
  const { validation, unseen } = splits.find(({ name }) => name === best.split)!;
  const images = unseen ?? validation;
  using model = await Model.load(files.model, { device, precision });
  const run = bestTrialRun(best, { finished: trials.length, total: config.trials });
  const { evaluation } = await writeBestModelReports(files.folder, run, model, images, { signal });
  return writeReport(files.folder, {
    command,
    device: resolveDevice(device).description,
    evaluation: reportEvaluation(evaluation, images),
  });
}

/** One GPU is enough for one model. */
function usualDevice({ device }: SweepConfig): DeviceName {
  return device === 'cuda:all' ? 'cuda' : (device as DeviceName);
}
