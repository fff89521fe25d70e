import type { Command } from 'commander';
import type { Precision, SweepDeviceName } from '../native/devices.js';
import { worker } from '../sweep/queue/worker.js';
import { dataOption } from './data-option.js';
import { loadSource } from './data-source.js';
import { withDevice } from './device-options.js';
import { integer } from './option-parsers.js';
import { queueOption } from './queue-option.js';
import { note } from './terminal.js';

interface WorkerCommandOptions {
  queue: string;
  data?: string;
  device: SweepDeviceName;
  precision: Precision;
  jobs?: number;
  threads?: number;
  once?: boolean;
}

export function addWorker(program: Command): void {
  const command = program
    .command('worker')
    .description('train trials of sweeps on other machines that have --queue')
    .addOption(
      queueOption(
        'redis://host:6379, or what CONVSWEEP_QUEUE or the file CONVSWEEP_QUEUE_FILE holds',
      ).makeOptionMandatory(),
    )
    .addOption(dataOption("of the sweeps' images, unless they are the embedded digits"));
  withDevice(command, { all: true })
    .option('--jobs <n>', 'trials side by side (default: what the device can use)', integer('--jobs'))
    .option('--once', 'end when nothing waits, instead of waiting for more')
    .action(work);
}

async function work({
  queue,
  data,
  device,
  precision,
  jobs,
  threads,
  once = false,
}: WorkerCommandOptions): Promise<void> {
  const ending = new AbortController();
  const givingBack = new AbortController();
  const onSignal = (): void => {
    if (givingBack.signal.aborted) return;
    if (ending.signal.aborted) {
      note('Giving the current trials back.');
      givingBack.abort();
      return;
    }
    note('Ending after the current trials; once more gives them back.');
    ending.abort();
  };
  // For good: a signal that nobody handles would end the process before it has.
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const trained = await worker({
    queue,
    data: await loadSource(data),
    device,
    precision,
    ...(jobs !== undefined && { jobs }),
    ...(threads !== undefined && { threads }),
    once,
    signal: ending.signal,
    stop: givingBack.signal,
    notify: note,
  });
  note(`Trained ${trained} ${trained === 1 ? 'trial' : 'trials'}.`);
  // At once: Node.js lets go of the signals first when it ends by itself.
  process.exit();
}
