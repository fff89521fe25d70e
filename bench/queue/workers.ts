// Workers on a queue whose trials sleep, each with connections of its own: node workers.js URL COUNT MODEL.
// Says when all are there.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Builder } from '../../lib/sweep/builder.js';
import { runWorker } from '../../lib/sweep/queue/worker.js';
import { data, sleeper, sleeping } from './sleeping.js';

const [queue, count, model] = process.argv.slice(2) as [string, string, string];
const bytes = await readFile(model);
const train = sleeper({ bytes, sha256: createHash('sha256').update(bytes).digest('hex') });
let waiting = 0;
const notify = (message: string): void => {
  if (message.startsWith('Waits') && ++waiting === Number(count)) console.log('all wait');
};
for (let i = 0; i < Number(count); i++) {
  const build: Record<string, Builder<never>> = { sleeping };
  void runWorker({ queue, data, build, device: 'cpu', jobs: 1, notify }, { train });
}
