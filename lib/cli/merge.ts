import type { Command } from 'commander';
import type { DeviceName, Precision } from '../native/devices.js';
import { mergeSweep } from '../sweep/merge-sweep.js';
import { dataOption } from './data-option.js';
import { withDevice } from './device-options.js';
import { readPlan } from './planned-command.js';
import { reproducingCommand } from './reproduction.js';
import { tellResult } from './sweep.js';
import { writeSweepReports } from './sweep-reports.js';
import { interruption, note } from './terminal.js';

interface MergeCommandOptions {
  data?: string;
  device: DeviceName;
  precision: Precision;
  mixed?: boolean;
  json?: boolean;
}

export function addMerge(program: Command): void {
  const command = program
    .command('merge')
    .description('put the trials of a planned sweep together: table, best model, report')
    .argument('<dir>', 'folder of the plan, in which all its trials were trained')
    .addOption(dataOption("of the plan's images, unless they are the embedded digits"));
  withDevice(command)
    .option('--mixed', 'also trials of other engines (instruction set, compiler, GPU) than planned')
    .option('--json', 'print the result as JSON')
    .action(merge);
}

async function merge(out: string, options: MergeCommandOptions): Promise<void> {
  const { data, device, precision, mixed = false, json } = options;
  const { config, command, splits } = await readPlan(out, data);
  const result = await mergeSweep(out, { mixed, notify: note });
  const reproduction = reproducingCommand(command, { device: config.device, precision: config.precision });
  const { signal, release } = interruption(() =>
    note('Stopping; the results are there, their report is not.'),
  );
  try {
    const { file } = await writeSweepReports(result, splits, reproduction, { signal, device, precision });
    tellResult(result, file, json);
  } finally {
    release();
  }
}
