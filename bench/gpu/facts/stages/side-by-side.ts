import { worker } from '../built.js';
import type { Stage } from '../stage.js';
import type { SideBySideFact } from '../workers/side-by-side.js';

export const sideBySide: Stage = {
  name: 'side-by-side',
  title: 'models side by side: the bits of each alone',
  limit: 25,
  async run(run) {
    const { args, env } = worker('side-by-side');
    const sizes = [String(run.options.images), run.options.jobs.join(',')];
    const differing: number[] = [];
    const row = ({ models, equal }: SideBySideFact) => {
      if (equal < models) differing.push(models);
      return `${equal} of ${models} are equal to the bit`;
    };
    await run.collect<SideBySideFact>(process.execPath, [...args, ...sizes], row, { env });
    if (differing.length > 0)
      throw new Error(`models differ when ${differing.join(' and ')} train side by side`);
  },
};
