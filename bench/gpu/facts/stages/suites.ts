import { join } from 'node:path';
import { packageRoot } from '../../../../lib/package.js';
import { addon, requireBuilt } from '../built.js';
import type { Stage } from '../stage.js';

/** What scripts/test-gpu.mjs says of a suite when it has ended. */
const SUITE = /^(\S+): (.+), ([\d.]+) s$/;
const SUITE_SECONDS = 30;

export const suites: Stage = {
  name: 'suites',
  title: 'the suites of npm run test:gpu, one by one',
  limit: 55,
  stretches: true,
  async run(run) {
    const failed: string[] = [];
    const onLine = (line: string) => {
      const [, suite, outcome, seconds] = SUITE.exec(line) ?? [];
      if (suite !== undefined) run.fact({ suite, outcome, seconds: Number(seconds) }, line);
      if (suite !== undefined && outcome !== 'passed') failed.push(suite);
      // The largest distances from exact arithmetic.
      if (line.startsWith('{')) run.fact(JSON.parse(line), line);
    };
    const env = { CONVSWEEP_CUDA_ADDON: requireBuilt(addon), CONVSWEEP_SUITE_SECONDS: String(SUITE_SECONDS) };
    const script = join(packageRoot(), 'scripts', 'test-gpu.mjs');
    try {
      await run.program(process.execPath, [script], { env, onLine });
    } catch (error) {
      run.continue();
      throw failed.length > 0 ? new Error(`not passed: ${failed.join(', ')}`, { cause: error }) : error;
    }
  },
};
