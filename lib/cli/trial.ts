import { type Command, Option } from 'commander';
import { ConvsweepError } from '../errors.js';
import type { DeviceName, Precision } from '../native/devices.js';
import { parseNumberRanges } from '../sweep/number-ranges.js';
import { trainPlanned } from '../sweep/train-planned.js';
import { dataOption } from './data-option.js';
import { withDevice } from './device-options.js';
import { integer } from './option-parsers.js';
import { readPlan } from './planned-command.js';
import { sweepOptions } from './sweep.js';
import { SweepDisplay } from './sweep-display.js';
import { interruption, printJson } from './terminal.js';

interface TrialOptions {
  out: string;
  /** Trials per task. */
  array?: number;
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
    .addOption(
      new Option(
        '--array [size]',
        'those of this task of a job array (Slurm, Kubernetes), of so many trials each',
      )
        .preset('1')
        .argParser(integer('--array')),
    )
    .addOption(dataOption("of the plan's images, unless they are the embedded digits"));
  withDevice(command)
    .option('--jobs <n>', 'trials side by side (default: what the device can use)', integer('--jobs'))
    .option('--mixed', 'also with another engine (instruction set, compiler, GPU) than planned')
    .option('--json', "print the trials' records as JSON")
    .action(trainSome);
}

async function trainSome(numbers: string | undefined, options: TrialOptions): Promise<void> {
  const { out, array, data, device, precision, jobs, mixed = false, json } = options;
  if ((numbers === undefined) === (array === undefined)) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Give either the numbers of trials or --array, as in: convsweep trial 1..9 --out ${out}`,
    );
  }
  const given = numbers === undefined ? undefined : parseNumberRanges('numbers', numbers);
  const task = given ? 0 : taskIndex(process.env);
  const plan = await readPlan(out, data);
  const trials = given ?? trialsOfTask(task, array!, plan.config.trials);
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

/** Of this task of a job array, from 0. Slurm's arrays are submitted from 1 on, as trials count; Kubernetes' are not. */
function taskIndex({ SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX }: NodeJS.ProcessEnv): number {
  if (SLURM_ARRAY_TASK_ID !== undefined) return integer('SLURM_ARRAY_TASK_ID')(SLURM_ARRAY_TASK_ID) - 1;
  if (JOB_COMPLETION_INDEX !== undefined) return integer('JOB_COMPLETION_INDEX', 0)(JOB_COMPLETION_INDEX);
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    'Expected SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment for --array; outside a job array give the numbers of trials, as in: convsweep trial 1..9',
  );
}

function trialsOfTask(task: number, size: number, total: number): number[] {
  const first = task * size + 1;
  if (first > total) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Task ${task} of the job array, counted from 0, is beyond the ${total} trials of the plan at ${size} a task; submit ${Math.ceil(total / size)} tasks`,
    );
  }
  return Array.from({ length: Math.min(size, total - task * size) }, (_, i) => first + i);
}
