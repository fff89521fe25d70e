import { type Command, Option } from 'commander';
import { datasetInfo } from '../data/dataset-info.js';
import { allImages, partsOf } from '../data/train-test.js';
import { invalidArgument } from '../errors.js';
import type { Precision, SweepDeviceName } from '../native/devices.js';
import { pythonFloat32 } from '../python/float.js';
import { accuracyText } from '../report/accuracy-text.js';
import { formatDuration } from '../report/duration.js';
import type { SweepConfig } from '../sweep/config.js';
import type { SweepResult } from '../sweep/finish-sweep.js';
import { type NotebookGrid, notebookGrid } from '../sweep/grid.js';
import type { SweepOptions } from '../sweep/options.js';
import { planSweep } from '../sweep/plan-sweep.js';
import { type Protocol, protocolSplits } from '../sweep/protocol.js';
import { rankTrials } from '../sweep/selection.js';
import { sweep } from '../sweep/sweep.js';
import type { SweepSplit } from '../sweep/trial.js';
import { parametersLabel, shortTrialLabel } from '../sweep/trial-label.js';
import { LiveView } from '../watch/live-view.js';
import { dataOption } from './data-option.js';
import { loadSource } from './data-source.js';
import { withDevice } from './device-options.js';
import { choice, distinct, integer, integers, percentages, port } from './option-parsers.js';
import { queueOption } from './queue-option.js';
import { reproducingCommand } from './reproduction.js';
import { SweepDisplay } from './sweep-display.js';
import { writeSweepReports } from './sweep-reports.js';
import { interruption, note, printJson, tell } from './terminal.js';
import { type TrainingOptions, withTraining } from './training-options.js';

export interface SweepCommandOptions extends TrainingOptions {
  out?: string;
  data?: string;
  protocol: Protocol;
  splits: number[];
  neurons: number[];
  device: SweepDeviceName;
  precision: Precision;
  jobs?: number;
  threads?: number;
  limit?: number;
  resume?: boolean;
  plan?: boolean;
  mixed?: boolean;
  queue?: string;
  watch?: number;
  json?: boolean;
}

/** Of `--watch` without a port; 0 takes any that is free. */
const WATCH_PORT = '8081';

export function addSweep(program: Command): void {
  withSweepOptions(program.command('sweep')).action(runSweepCommand);
}

/** `command` with the options of `convsweep sweep`. */
export function withSweepOptions(command: Command): Command {
  command
    .description("train the notebook's 81 models and keep the best: 3 splits x 27 triples of widths")
    .option('--out <dir>', 'folder for everything that is written (default: runs/<data>-<protocol>)')
    .addOption(dataOption('(MNIST, Fashion-MNIST, ...) instead of the embedded digits'))
    .option(
      '--protocol <name>',
      "holdout: disjoint train and validation images; notebook: the notebook's own splits, which overlap",
      choice('--protocol', ['holdout', 'notebook']),
      'holdout',
    )
    .addOption(
      new Option('--splits <percents>', 'shares of the images to train on')
        .argParser(distinct('--splits', percentages('--splits')))
        .default([60, 70, 80], '60,70,80'),
    )
    .addOption(
      new Option('--neurons <widths>', 'widths to try for each of the three dense layers')
        .argParser(distinct('--neurons', integers('--neurons')))
        .default([60, 80, 100], '60,80,100'),
    );
  return withDevice(withTraining(command), { all: true })
    .option('--jobs <n>', 'trials side by side (default: what the device can use)', integer('--jobs', 0))
    .option('--limit <n>', 'only the first trials', integer('--limit'))
    .option('--resume', 'continue the sweep in --out; --limit may be larger than before')
    .addOption(
      new Option(
        '--plan',
        'train nothing: trial trains the trials one by one, merge puts them together',
      ).conflicts(['jobs', 'resume', 'watch']),
    )
    .addOption(
      queueOption(
        'redis://host:6379: workers on other machines train, too; with --jobs 0, only they',
      ).conflicts('plan'),
    )
    .option('--mixed', 'go on with trials that other engines trained (instruction set, compiler, GPU)')
    .addOption(
      new Option('--watch [port]', 'serve the report to browsers on this machine while the sweep runs')
        .preset(WATCH_PORT)
        .argParser(port('--watch')),
    )
    .option('--json', 'print the result as JSON');
}

async function runSweepCommand(options: SweepCommandOptions, command: Command): Promise<void> {
  const { data, protocol, seed, json } = options;
  if (options.jobs === 0 && options.queue === undefined) {
    throw invalidArgument('--jobs', 'a positive integer without --queue', options.jobs);
  }
  const source = await loadSource(data);
  const { name } = allImages(source);
  const out = options.out ?? `runs/${name}-${protocol}`;
  if (!json) tell(datasetInfo(name, partsOf(source)));

  const splits = protocolSplits(source, protocol, options.splits, seed);
  if (options.plan) return tellPlan(await planSweep(sweepOptions(options, out, splits)), out, json);
  const live = options.watch === undefined ? undefined : await LiveView.open(out, options.watch);
  if (live) note(`Watch it at ${live.url}`);
  const display = new SweepDisplay();
  const { signal, release } = interruption(() => display.line('Stopping; finished trials are kept.'));
  const begin = performance.now();
  try {
    const run = sweep({
      ...sweepOptions(options, out, splits),
      resume: options.resume ?? false,
      signal,
    });
    for await (const event of run) {
      display.show(event);
      live?.show(event);
    }
    display.stop();
    const result = await run.result;
    const reproduction = reproducingCommand(command, {
      device: result.config.device,
      precision: result.config.precision,
    });
    const { file, report } = await writeSweepReports(result, splits, reproduction, { signal });
    await live?.finish(report);
    note(`Finished in ${formatDuration((performance.now() - begin) / 1000)}.`);
    tellResult(result, file, json);
  } catch (error) {
    await live?.stop((error as Error).message);
    throw error;
  } finally {
    display.stop();
    release();
  }
}

/** What the library is given for the command's options. */
export function sweepOptions(
  options: SweepCommandOptions,
  out: string,
  splits: readonly SweepSplit[],
): SweepOptions<NotebookGrid> {
  return {
    out,
    splits,
    grid: notebookGrid(options.neurons),
    epochs: options.epochs,
    patience: options.patience,
    ...(options.startFromEpoch !== undefined && { startFromEpoch: options.startFromEpoch }),
    batchSize: options.batch,
    shuffle: options.shuffle,
    seed: options.seed,
    device: options.device,
    precision: options.precision,
    ...(options.jobs !== undefined && { jobs: options.jobs }),
    ...(options.threads !== undefined && { threads: options.threads }),
    ...(options.limit !== undefined && { limit: options.limit }),
    mixed: options.mixed ?? false,
    ...(options.queue !== undefined && { queue: options.queue }),
  };
}

function tellPlan({ trials }: SweepConfig, out: string, json: boolean | undefined): void {
  const train = `convsweep trial 1..${trials} --out ${out}`;
  const merge = `convsweep merge ${out}`;
  if (json) printJson({ out, trials, train, merge });
  else
    tell(
      [
        `Planned ${trials} trials in ${out}. Train them, in any parts, on any machines that see the folder:`,
        `  ${train}`,
        'then put them together:',
        `  ${merge}`,
      ].join('\n'),
    );
}

/** Prints what a finished sweep found. @param report the path of its report */
export function tellResult(result: SweepResult, report: string, json: boolean | undefined): void {
  const { best, files, trials } = result;
  if (json) printJson({ best, files: { ...files, report }, trials });
  else tell(format(result, report));
}

function format({ trials, best, files }: SweepResult, report: string): string {
  const ranking = rankTrials(trials).slice(0, 5);
  const unseen =
    best.unseenAccuracy === undefined
      ? []
      : [`accuracy on its unseen images = ${accuracyText(best.unseenAccuracy)}`];
  return [
    '',
    ...ranking.map(
      (record) => `${accuracyText(record.accuracy)}  ${shortTrialLabel(record)}  (trial ${record.trial})`,
    ),
    '',
    `best accuracy = ${pythonFloat32(best.accuracy)}, best split = ${best.split}, best neuron counts = ${parametersLabel(best.parameters)}`,
    ...unseen,
    `best model: ${files.model}   all results: ${files.csv}   layers: ${files.summary}`,
    `report: ${report}`,
  ].join('\n');
}
