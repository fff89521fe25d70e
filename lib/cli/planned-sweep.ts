import { Command } from 'commander';
import { ConvsweepError } from '../errors.js';
import { requireSplitsOf, type SweepConfig } from '../sweep/config.js';
import { SweepFolder } from '../sweep/folder.js';
import { notebookGrid } from '../sweep/grid.js';
import { protocolSplits } from '../sweep/protocol.js';
import type { SweepSplit } from '../sweep/trial.js';
import { loadSource } from './data-source.js';
import { type SweepCommandOptions, withSweepOptions } from './sweep.js';

/** The `convsweep sweep` that a plan stands for. */
export interface PlannedSweep {
  config: SweepConfig;
  command: Command;
  options: SweepCommandOptions;
  splits: SweepSplit[];
}

/**
 * Reads a plan, and the images that it is for.
 * @param data the folder of the images; undefined for the embedded digits
 * @throws ConvsweepError `FILE` where there is no plan; `INVALID_ARGUMENT` where it is of other images, or not of this
 * command line
 */
export async function readPlan(out: string, data: string | undefined): Promise<PlannedSweep> {
  const remedy = `plan one: convsweep sweep --plan --out ${out}`;
  const config = await new SweepFolder(out).readConfig('plan', remedy);
  const command = withSweepOptions(new Command('sweep')).exitOverride();
  command.parseOptions(wordsOf(config, data));
  const options = command.opts<SweepCommandOptions>();
  const splits = protocolSplits(await loadSource(data), options.protocol, options.splits, options.seed);
  requireSplitsOf(config, splits);
  return { config, command, options, splits };
}

/** The options of the plan. Where trials are trained is for each machine to say. */
function wordsOf(config: SweepConfig, data: string | undefined): string[] {
  const { splits, grid, trials, epochs, patience, batchSize, shuffle, seed } = config;
  const percents = splits.map(({ name }) => /^(\d+(?:\.\d+)?)%$/.exec(name)?.[1]);
  const neurons = [...new Set((grid.neuron_counts as number[][] | undefined)?.flat())];
  const isOurs =
    percents.every((percent) => percent !== undefined) &&
    neurons.length > 0 &&
    JSON.stringify(grid) === JSON.stringify(notebookGrid(neurons));
  if (!isOurs) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      'The plan is of another program than this command line; train its trials there, with trainPlanned',
    );
  }
  const given = splits.find(({ startFromEpoch }) => startFromEpoch.reason === 'given');
  const values: [option: string, value: string | number | undefined][] = [
    ['--data', data],
    ['--protocol', splits[0]!.unseen === undefined ? 'holdout' : 'notebook'],
    ['--splits', percents.join()],
    ['--neurons', neurons.join()],
    ['--epochs', epochs],
    ['--patience', patience],
    ['--start-from-epoch', given?.startFromEpoch.epoch],
    ['--batch', batchSize],
    ['--shuffle', shuffle],
    ['--seed', seed],
    ['--limit', trials < splits.length * neurons.length ** 3 ? trials : undefined],
  ];
  return values.flatMap(([option, value]) => (value === undefined ? [] : [option, String(value)]));
}
