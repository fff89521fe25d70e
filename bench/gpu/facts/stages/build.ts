import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../../lib/package.js';
import { addon, probe } from '../built.js';
import type { Stage } from '../stage.js';

export const build: Stage = {
  name: 'build',
  title: 'builds the addons and the probe, CUDA for this architecture only',
  limit: 100,
  stretches: true,
  async run(run) {
    const script = (name: string) => join(packageRoot(), 'scripts', name);
    const given = [process.env.CONVSWEEP_CUDA_ADDON, process.env.CONVSWEEP_PROBE].filter(Boolean);
    if (given.length > 0) {
      run.fact({ given }, `not built, the environment names ${given.join(' and ')}`);
      return;
    }
    const architectures = run.card?.architectures;
    const cpu = run.program(process.execPath, [script('build-native.mjs'), '--if-missing'], {
      env: { CONVSWEEP_CUDA: 'OFF' },
    });
    const cuda = run.program(process.execPath, [script('build-probe.mjs')], {
      env: architectures === undefined ? {} : { CUDAARCHS: architectures },
    });
    const failed = (await Promise.allSettled([cpu, cuda])).filter(({ status }) => status === 'rejected');
    run.fact(
      { architectures: architectures ?? 'all', built: [addon, probe].filter(existsSync) },
      `for ${architectures ?? 'all architectures: none is known'}`,
    );
    if (failed.length > 0) throw (failed[0] as PromiseRejectedResult).reason;
  },
};
