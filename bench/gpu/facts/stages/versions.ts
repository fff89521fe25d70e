import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot, packageVersion } from '../../../../lib/package.js';
import type { Stage } from '../stage.js';

/** Each program's word on its version is on this line of what it prints. */
const PROGRAMS: Record<string, { args: string[]; line: number }> = {
  nvcc: { args: ['--version'], line: 3 },
  cmake: { args: ['--version'], line: 0 },
  'c++': { args: ['--version'], line: 0 },
  python3: { args: ['--version'], line: 0 },
  nsys: { args: ['--version'], line: 0 },
  'compute-sanitizer': { args: ['--version'], line: 0 },
};

export const versions: Stage = {
  name: 'versions',
  title: 'versions of this package and of the tools on this machine',
  limit: 10,
  needsCard: false,
  async run(run) {
    const commit = await readFile(join(packageRoot(), 'COMMIT'), 'utf8').catch(() =>
      run.program('git', ['rev-parse', 'HEAD'], { cwd: packageRoot() }).catch(() => 'unknown'),
    );
    run.fact(
      { convsweep: packageVersion(), commit: commit.trim() },
      `convsweep ${packageVersion()}, commit ${commit.trim()}`,
    );
    const machine = {
      system: `${process.platform} ${process.arch} ${release()}`,
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    };
    run.fact(machine, Object.values(machine).join(', '));
    const found: Record<string, string> = { node: process.version };
    for (const [program, { args, line }] of Object.entries(PROGRAMS)) {
      const text = await run.program(program, args).catch(() => 'missing');
      run.continue();
      found[program] = (text.split('\n')[line] ?? text).trim();
    }
    run.fact(
      found,
      Object.entries(found)
        .map(([program, version]) => `${program}: ${version}`)
        .join('; '),
    );
  },
};
