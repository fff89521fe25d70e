import { worker } from '../built.js';
import type { Stage } from '../stage.js';
import type { EpochFact } from '../workers/epoch.js';

export const epoch: Stage = {
  name: 'epoch',
  title: "the notebook's model for 3 steps and for an epoch, beside the CPU",
  limit: 25,
  async run(run) {
    const { args, env } = worker('epoch');
    const row = ({ precision, steps, loss, movement, statistics, validation }: EpochFact) =>
      `${precision}, ${steps} steps: loss ${loss.cuda.toFixed(6)}, CPU ${loss.cpu.toFixed(6)}; distance of the weights' ` +
      `movement ${movement.toExponential(1)}, of the statistics ${statistics.toExponential(1)}` +
      (validation ? `; validation accuracy ${validation.cuda}, CPU ${validation.cpu}` : '');
    await run.collect<EpochFact>(process.execPath, [...args, String(run.options.images)], row, { env });
  },
};
