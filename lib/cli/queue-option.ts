import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { ConvsweepError } from '../errors.js';
import { parseQueueAddress } from '../sweep/queue/address.js';

/**
 * `--queue [url]`: the address, or without one what `CONVSWEEP_QUEUE` holds, or the file that `CONVSWEEP_QUEUE_FILE` names,
 * so that a password need not stand in a command line, which others see.
 */
export function queueOption(description: string): Option {
  return new Option('--queue [url]', description).preset('').argParser(queueUrl);
}

function queueUrl(text: string): string {
  const url = text === '' ? fromEnvironment(process.env) : text;
  const { shown } = parseQueueAddress(url);
  // What `ps` shows of this process from now on.
  if (text !== '' && !text.startsWith(shown)) process.title = 'convsweep';
  return url;
}

function fromEnvironment({ CONVSWEEP_QUEUE, CONVSWEEP_QUEUE_FILE }: NodeJS.ProcessEnv): string {
  if (CONVSWEEP_QUEUE) return CONVSWEEP_QUEUE;
  if (CONVSWEEP_QUEUE_FILE) {
    try {
      return readFileSync(CONVSWEEP_QUEUE_FILE, 'utf8').trim();
    } catch (cause) {
      throw new ConvsweepError('FILE', `Cannot read CONVSWEEP_QUEUE_FILE: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    'Expected an address for --queue, such as redis://host:6379, there or in CONVSWEEP_QUEUE',
  );
}
