import type { SweepTime } from '../../sweep-times.js';
import { worker } from '../built.js';
import type { Stage } from '../stage.js';

export const sweep: Stage = {
  name: 'sweep',
  title: 'the whole sweep, cold and warm',
  limit: 75,
  stretches: true,
  async run(run) {
    const { args, env } = worker('sweep');
    const { images, trials, epochs } = run.options;
    const row = ({ run: which, trials, epochs, seconds, accuracy }: SweepTime) =>
      `${which}: ${trials} models, ${epochs} epochs in ${seconds.toFixed(1)} s, best accuracy ${accuracy.toFixed(4)}`;
    const sizes = [images, trials, epochs].map(String);
    await run.collect<SweepTime>(process.execPath, [...args, ...sizes], row, { env });
  },
};
