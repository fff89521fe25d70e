import { join } from 'node:path';
import { probe, requireBuilt } from '../built.js';
import type { ProgramError } from '../program.js';
import type { Stage } from '../stage.js';

/** Calls whose kernels have threads that work together first, then others of our own. */
const CHECKS: readonly { tool: string; call: string }[] = [
  { tool: 'racecheck', call: 'dense 80 to 10' },
  { tool: 'racecheck', call: 'logistic regression' },
  { tool: 'memcheck', call: 'logistic regression' },
  { tool: 'memcheck', call: 'convolution, padded' },
  { tool: 'memcheck', call: 'max pooling' },
  { tool: 'memcheck', call: 'convolution 13x13x28' },
];

export const sanitizer: Stage = {
  name: 'sanitizer',
  title: 'compute-sanitizer over calls',
  limit: 25,
  async run(run) {
    const home = process.env.CUDA_HOME ?? '/usr/local/cuda';
    const program = run.find('compute-sanitizer', join(home, 'bin'));
    requireBuilt(probe);
    const failed: string[] = [];
    for (const { tool, call } of CHECKS) {
      const args = ['--tool', tool, '--error-exitcode', '9', probe, 'call', call, '0', '16'];
      const error = await run.program(program, args).then(
        () => undefined,
        ({ message }: ProgramError) => message,
      );
      run.continue();
      run.fact(
        { tool, call, error },
        `${tool}, ${call}: ${error === undefined ? 'nothing found' : 'errors'}`,
      );
      if (error !== undefined) failed.push(`${tool} of ${call}`);
    }
    if (failed.length > 0) throw new Error(failed.join(', '));
  },
};
