import { Command } from 'commander';
import { ConvsweepError } from '../errors.js';
import type { SweepConfig } from '../sweep/config.js';
import { SweepFolder } from '../sweep/folder.js';
import { notebookGrid } from '../sweep/grid.js';
import { givenStartEpoch, plannedSplits } from '../sweep/planned-options.js';
import { protocolOf } from '../sweep/protocol.js';
import type { SweepSplit } from '../sweep/trial.js';
import { loadSource } from './data-source.js';
import { type SweepCommandOptions, withSweepOptions } from './sweep.js';

/** Options of `convsweep sweep` that a plan stands for: all but how it is run and shown, which each machine says. */
export type PlannedOption = Exclude<
  keyof SweepCommandOptions,
  | 'out'
  | 'device'
  | 'precision'
  | 'jobs'
  | 'threads'
  | 'resume'
  | 'plan'
  | 'mixed'
  | 'queue'
  | 'watch'
  | 'json'
>;

/** The `convsweep sweep` that a plan stands for. */
export interface PlannedCommand {
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
export async function readPlan(out: string, data: string | undefined): Promise<PlannedCommand> {
  const remedy = `plan one: convsweep sweep --plan --out ${out}`;
  const config = await new SweepFolder(out).readConfig('plan', remedy);
  const command = withSweepOptions(new Command('sweep')).exitOverride();
  const planned: Record<string, string | number | undefined> = plannedValues(config, data);
  const words = command.options.flatMap((option) => {
    const value = planned[option.attributeName()];
    return value === undefined ? [] : [option.long!, String(value)];
  });
  command.parseOptions(words);
  const options = command.opts<SweepCommandOptions>();
  const splits = plannedSplits(config, await loadSource(data));
  return { config, command, options, splits };
}

/** The values of these options; none is forgotten, those that are undefined were left out. */
function plannedValues(
  config: SweepConfig,
  data: string | undefined,
): Record<PlannedOption, string | number | undefined> {
  const { splits, grid, trials, epochs, patience, batchSize, shuffle, seed } = config;
  const made = protocolOf(splits);
  const neurons = [...new Set((grid.neuron_counts as number[][] | undefined)?.flat())];
  const isOurs = neurons.length > 0 && JSON.stringify(grid) === JSON.stringify(notebookGrid(neurons));
  if (!made || !isOurs) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      'The plan is of another program than this command line; train its trials there, with trainPlanned',
    );
  }
  return {
    data,
    protocol: made.protocol,
    splits: made.percentages.join(),
    neurons: neurons.join(),
    epochs,
    patience,
    startFromEpoch: givenStartEpoch(config),
    batch: batchSize,
    shuffle,
    seed,
    limit: trials < splits.length * neurons.length ** 3 ? trials : undefined,
  };
}
