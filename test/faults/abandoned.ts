/**
 * Makes and trains models that nobody disposes, and data sets that only they use: the garbage collector must know what
 * they hold and come in time.
 *
 *     node abandoned.js [models]
 */
import { Dataset, memory, notebookModel } from '../../lib/index.js';

const [models = 500] = process.argv.slice(2).map(Number);
/** Without being told, the collector lets pass twice as much after 200 models. */
const BOUND = 160 * 2 ** 20;
const count = 256;
const images = new Uint8Array(count * 784).fill(9);
const labels = new Uint8Array(count);
let most = 0;
for (let i = 0; i < models; i++) {
  const data = Dataset.from({ images, labels, height: 28, width: 28, classes: 10 });
  const model = notebookModel([60, 60, 60], { device: 'cpu', seed: i });
  await model.fit(data, { epochs: 1, batchSize: count, verbose: 0 });
  most = Math.max(most, memory().cpu!);
}
console.log(`${Math.ceil(most / 2 ** 20)} MiB at most, of ${models} abandoned models`);
process.exitCode = most > BOUND ? 1 : 0;
