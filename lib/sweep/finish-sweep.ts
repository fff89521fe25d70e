import { ConvsweepError } from '../errors.js';
import { StoredModel } from '../formats/stored-model.js';
import type { SweepConfig } from './config.js';
import type { SweepFolder } from './folder.js';
import { modelsCsv } from './models-csv.js';
import { bestTrial } from './selection.js';
import type { FinishedTrial, TrialRecord } from './trial.js';

/** What a finished sweep found. */
export interface SweepResult {
  /** Of all trials, in order. */
  trials: TrialRecord[];
  /** The most accurate, the first of equals. */
  best: FinishedTrial;
  config: SweepConfig;
  /** Paths of what was written. */
  files: { folder: string; csv: string; model: string; summary: string; journal: string };
}

/**
 * Writes the last files of a sweep all of whose trials have ended.
 * @throws ConvsweepError `DIVERGED` when all did
 */
export async function finishSweep(
  folder: SweepFolder,
  records: Iterable<TrialRecord>,
  config: SweepConfig,
): Promise<SweepResult> {
  const trials = [...records].sort((a, b) => a.trial - b.trial);
  const best = bestTrial(trials);
  if (!best) {
    throw new ConvsweepError(
      'DIVERGED',
      `All ${trials.length} trials diverged, so that there is no best model; what they did is in ${folder.journal}. Try a smaller learning rate or other layers, in another folder with --out (out)`,
    );
  }
  const summary = (await StoredModel.read(folder.file(best.checkpoint.file))).summary();
  await folder.writeFinal({ csv: modelsCsv(trials), best: best.checkpoint.file, summary });
  const { path, csv, model: modelFile, summary: summaryFile, journal } = folder;
  return {
    trials,
    best,
    config,
    files: { folder: path, csv, model: modelFile, summary: summaryFile, journal },
  };
}
