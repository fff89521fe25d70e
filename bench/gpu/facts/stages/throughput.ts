import { worker } from '../built.js';
import type { Stage } from '../stage.js';
import type { ThroughputFact } from '../workers/throughput.js';

/** CUDA's default, and what the backend sets. */
const CONNECTIONS = [8, 32];

export const throughput: Stage = {
  name: 'throughput',
  title: 'images/s by models side by side and by connections to the device',
  limit: 45,
  async run(run) {
    const { args, env } = worker('throughput');
    const { images, jobs } = run.options;
    for (const connections of CONNECTIONS) {
      const row = ({ models, seconds, imagesPerSecond }: ThroughputFact) =>
        `${models} models, ${connections} connections: ${imagesPerSecond} images/s (${seconds.toFixed(3)} s an epoch of all)`;
      await run.collect<ThroughputFact>(process.execPath, [...args, String(images), jobs.join(',')], row, {
        env: { ...env, CUDA_DEVICE_MAX_CONNECTIONS: String(connections) },
      });
    }
  },
};
