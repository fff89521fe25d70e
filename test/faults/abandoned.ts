/**
 * Makes and trains models that nobody disposes, each on data of its own: the garbage collector must know what they hold
 * and come in time.
 *
 *     node abandoned.js [models]
 */
import { Dataset, memory, notebookModel } from '../../lib/index.js';

const [models = 500] = process.argv.slice(2).map(Number);
const count = 256;
let most = 0;
for (let i = 0; i < models; i++) {
  const images = new Uint8Array(count * 784).fill(i);
  const data = Dataset.from({ images, labels: new Uint8Array(count), height: 28, width: 28, classes: 10 });
  const model = notebookModel([60, 60, 60], { device: 'cpu', seed: i });
  await model.fit(data, { epochs: 1, batchSize: 64, verbose: 0 });
  most = Math.max(most, memory().cpu!);
}
console.log(`${Math.ceil(most / 2 ** 20)} MiB at most, of ${models} abandoned models`);
