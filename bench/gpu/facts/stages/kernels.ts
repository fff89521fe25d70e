import { join } from 'node:path';
import { packageRoot } from '../../../../lib/package.js';
import { kernelTimes } from '../../kernels.js';
import { addon, requireBuilt } from '../built.js';
import { LeftOut, type Stage, type StageRun } from '../stage.js';
import { callNames, checkCall, times } from './calls.js';

export const kernels: Stage = {
  name: 'kernels',
  title: 'the time of each kernel: by nsys, or by events around each call where that is missing',
  limit: 25,
  async run(run) {
    try {
      run.find('nsys');
    } catch (error) {
      if (error instanceof LeftOut) return byEvents(run);
      throw error;
    }
    const script = join(packageRoot(), 'dist', 'bench', 'gpu', 'epochs.js');
    const env = { CONVSWEEP_CUDA_ADDON: requireBuilt(addon) };
    const execute = (command: string, args: readonly string[]) => run.program(command, args, { env });
    for (const kernel of await kernelTimes(execute, script, ['cuda:0', 'tf32'])) {
      const { percent, median, launches, name } = kernel;
      run.fact(kernel, `${percent} %, median ${(median / 1e3).toFixed(1)} us, ${launches} launches: ${name}`);
    }
  },
};

async function byEvents(run: StageRun): Promise<void> {
  const images = Math.max(...run.options.batches);
  for (const name of await callNames(run)) {
    for (const fact of await checkCall(run, name, 0, [images])) {
      run.rows.push(`${name}, ${fact.precision}: ${fact.status === 'ok' ? times(fact) : 'it failed'}`);
    }
  }
}
