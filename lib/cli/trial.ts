import type { Command } from 'commander';
import { ConvsweepError } from '../errors.js';
import type { DeviceName, Precision } from '../native.js';
import { parseNumberRanges } from '../sweep/number-ranges.js';
import { trainPlanned } from '../sweep/train-planned.js';
import { withDevice } from './device-options.js';
import { integer } from './options.js';
import { readPlan } from './planned-sweep.js';
import { sweepOptions } from './sweep.js';
import { SweepDisplay } from './sweep-display.js';
import { interruption, printJson } from './terminal.js';

interface TrialOptions {
  out: string;
  array?: boolean;
  data?: string;
  device: DeviceName;
  precision: Precision;
  jobs?: number;
  mixed?: boolean;
  json?: boolean;
}

export function addTrial(program: Command): void {
  const command = program
    .command('trial')
    .description('train some trials of a planned sweep; merge puts them together')
    .argument('[numbers]', 'which, from 1: 3, 1..9 or 1,4..6')
    .requiredOption('--out <dir>', 'folder of the plan: convsweep sweep --plan')
    .option('--array', "the trial of this task of a job array: Slurm's index from 1, Kubernetes' from 0")
    .option('--data <dir>', "IDX files of the plan's images, unless they are the embedded digits");
  withDevice(command)
    .option('--jobs <n>', 'trials side by side (default: what the device can use)', integer('--jobs'))
    .option('--mixed', 'also with another engine (instruction set, compiler, GPU) than planned')
    .option('--json', "print the trials' records as JSON")
    .action(trainSome);
}

async function trainSome(numbers: string | undefined, options: TrialOptions): Promise<void> {
  const { out, array = false, data, device, precision, jobs, mixed = false, json } = options;
  if ((numbers === undefined) !== array) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Give either the numbers of trials or --array, as in: convsweep trial 1..9 --out ${out}`,
    );
  }
  const trials = numbers === undefined ? [arrayIndex(process.env)] : parseNumberRanges('numbers', numbers);
  const plan = await readPlan(out, data);
  const display = new SweepDisplay();
  const { signal, release } = interruption(() => display.line('Stopping; finished trials are kept.'));
  try {
    const run = trainPlanned(
      {
        ...sweepOptions(plan.options, out, plan.splits),
        device,
        // What the plan says, where the device may be another; what the device has, where it may.
        precision: mixed || precision !== 'auto' ? precision : plan.config.precision,
        ...(jobs !== undefined && { jobs }),
        mixed,
        signal,
      },
      trials,
    );
    for await (const event of run) display.show(event);
    display.stop();
    if (json) printJson(await run.result);
  } finally {
    display.stop();
    release();
  }
}

/** The trial that a task of a job array trains. */
function arrayIndex({ SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX }: NodeJS.ProcessEnv): number {
  if (SLURM_ARRAY_TASK_ID !== undefined) return integer('SLURM_ARRAY_TASK_ID')(SLURM_ARRAY_TASK_ID);
  if (JOB_COMPLETION_INDEX !== undefined) return integer('JOB_COMPLETION_INDEX', 0)(JOB_COMPLETION_INDEX) + 1;
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    'Expected SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment for --array; outside a job array give the numbers of trials, as in: convsweep trial 1..9',
  );
}
