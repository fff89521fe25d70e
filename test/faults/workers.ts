/**
 * Ends worker threads in the middle of their epochs, several at a time, again and again; then nothing of theirs may be
 * left, this thread must still train, and the process must end by itself.
 *
 *     node workers.js [workers] [times each is ended]
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { devices, memory, notebookModel } from '../../lib/index.js';

const [workers = 10, times = 50] = process.argv.slice(2).map(Number);
const library = new URL('../../lib/index.js', import.meta.url).href;
// More models than there are cores, so that some calls have not begun.
const script = `
  import * as convsweep from ${JSON.stringify(library)};
  import { parentPort } from 'node:worker_threads';
  const count = 512;
  const data = convsweep.Dataset.from({
    images: new Uint8Array(count * 784).fill(9), labels: new Uint8Array(count), height: 28, width: 28, classes: 10 });
  for (let i = 0; i < 3; i++) {
    const model = convsweep.notebookModel([8 + i, 8, 8], { device: 'cpu' });
    model.fit(data, { epochs: 1000, batchSize: 32, verbose: 0 });
  }
  parentPort.postMessage('training');`;

async function endOne(pause: number): Promise<void> {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  await once(worker, 'message');
  await new Promise((resolve) => setTimeout(resolve, pause));
  await worker.terminate();
}

devices(); // loads the addon here, so that memory() knows it
await Promise.all(
  Array.from({ length: workers }, async (_, worker) => {
    // In different moments: of an epoch, between epochs, while a call is being made.
    for (let time = 0; time < times; time++) await endOne(((worker + time) * 7) % 40);
  }),
);
const { cpu: left } = memory();
using model = notebookModel([8, 8, 8], { device: 'cpu' });
const { loss } = await model.trainOnBatch(new Uint8Array(2 * 784), [0, 1]);
console.log(`${workers * times} workers ended and left ${left} bytes, then the loss is ${loss}`);
process.exitCode = left === 0 && Number.isFinite(loss) ? 0 : 1;
