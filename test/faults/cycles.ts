/**
 * Makes, trains and disposes models, many times: the memory that they took must come back, by the addon's count and by
 * the system's.
 *
 *     node cycles.js [cycles] [cpu or cuda]
 */
import { type DeviceName, memory, notebookModel } from '../../lib/index.js';

const [cycles = '2000', device = 'cpu'] = process.argv.slice(2);
/** What the system may count more than after the first cycles: heap that the allocators keep. */
const MOST_GROWTH = 64 * 2 ** 20;
const WARM_UP = 100;

const pixels = Uint8Array.from({ length: 64 * 784 }, (_, i) => (i * 37) % 251);
const labels = Array.from({ length: 64 }, (_, i) => i % 10);
const cycle = async (i: number) => {
  using model = notebookModel([8 + (i % 3) * 8, 8, 8], { device: device as DeviceName, seed: i });
  await model.trainOnBatch(pixels, labels);
};
const held = () => memory().cpu ?? memory().cuda ?? 0;

for (let i = 0; i < WARM_UP; i++) await cycle(i);
const before = { held: held(), resident: process.memoryUsage.rss() };
for (let i = 0; i < Number(cycles); i++) await cycle(i);
const grown = process.memoryUsage.rss() - before.resident;
console.log(
  `${cycles} cycles: ${held() - before.held} bytes more by the addon's count, ${(grown / 2 ** 20).toFixed(1)} MiB more by the system's`,
);
process.exitCode = held() > before.held || grown > MOST_GROWTH ? 1 : 0;
