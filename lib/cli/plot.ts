import type { Command } from 'commander';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { StoredModel } from '../formats/stored-model.js';
import { writePictures } from '../report/pictures.js';
import { bestTrialRun, trialRun } from '../report/trial-run.js';
import { PICTURE_FORMATS, type PictureFormat, SweepFolder } from '../sweep/folder.js';
import { peekJournal } from '../sweep/journal.js';
import { bestTrial, finishedOnly } from '../sweep/selection.js';
import type { FinishedTrial } from '../sweep/trial.js';
import { choice, integer } from './option-parsers.js';
import { print, printJson } from './terminal.js';

interface PlotOptions {
  trial?: number;
  format: PictureFormat;
  json?: boolean;
}

export function addPlot(program: Command): void {
  program
    .command('plot')
    .description("draw a trial's accuracy and loss by epoch, and its layers")
    .argument('<dir>', "a sweep's folder, finished or not")
    .option('--trial <n>', 'which trial, from 1 (default: the best so far)', integer('--trial'))
    .option('--format <format>', 'svg or png', choice('--format', PICTURE_FORMATS), 'svg')
    .option('--json', 'print JSON')
    .action(plot);
}

async function plot(path: string, { trial, format, json }: PlotOptions): Promise<void> {
  const folder = new SweepFolder(path);
  const config = await folder.readConfig();
  const { records } = await peekJournal(folder.journal, config);
  const finished = finishedOnly(records.values());
  const best = bestTrial(finished);
  if (!best) {
    const found = records.size === 0 ? 'nothing' : `${records.size} diverged`;
    throw new ConvsweepError(
      'FILE',
      `${path} holds no finished trial yet (${found} in ${folder.journal}); wait for one, or continue the sweep with --resume`,
    );
  }
  const record = trial === undefined ? best : finished.find((one) => one.trial === trial);
  if (!record) {
    const all = records.has(trial!) ? 'finished trials, which did not diverge,' : 'finished trials';
    throw invalidArgument('--trial', `one of ${path}'s ${all} ${ranges(finished)}`, trial);
  }
  const run =
    trial === undefined
      ? bestTrialRun(record, { finished: records.size, total: config.trials })
      : trialRun(record);
  const model = await StoredModel.read(folder.file(record.checkpoint.file));
  const files = await writePictures(run, model, format, (picture) => folder.picture(picture, format, trial));
  if (json) return printJson({ files });
  for (const file of files) print(file);
}

/** `1-12, 14` */
function ranges(finished: readonly FinishedTrial[]): string {
  const runs: [first: number, last: number][] = [];
  for (const number of finished.map(({ trial }) => trial).sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && run[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ');
}
