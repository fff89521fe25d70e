import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import type { Command } from 'commander';
import { type BackendStatus, backends } from '../native/loading.js';
import { packageVersion } from '../package.js';
import { print, printJson } from './terminal.js';

interface Inspection {
  convsweep: string;
  node: string;
  system: string;
  processor: string;
  cores: number;
  memoryGiB: number;
  backends: BackendStatus[];
}

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('print versions, processor, backends, and why one is missing (quote this in bug reports)')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) => {
      const inspection = inspect();
      if (json) printJson(inspection);
      else print(format(inspection));
    });
}

function inspect(): Inspection {
  return {
    convsweep: packageVersion(),
    node: process.versions.node,
    system: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    backends: backends(),
  };
}

function format(inspection: Inspection): string {
  const { convsweep, node, system, processor, cores, memoryGiB } = inspection;
  const lines = [
    `convsweep  ${convsweep}`,
    `node       ${node}`,
    `system     ${system}`,
    `processor  ${processor}, ${cores} cores, ${memoryGiB} GiB`,
  ];
  for (const { backend, build, devices, reason } of inspection.backends) {
    const name = backend.padEnd(11);
    if (!build) {
      lines.push(`${name}not available: ${reason}`);
      continue;
    }
    const details = [
      build.compiler,
      build.instructionSets && `${build.instructionSets.join(', ')} (using ${build.instructionSet})`,
      ...Object.entries(build.libraries ?? {}).map(([library, version]) => `${library} ${version}`),
    ];
    lines.push(`${name}${details.filter(Boolean).join('; ')}`);
    for (const device of devices) {
      lines.push(
        `           ${device.name}: ${device.description}, ${device.concurrency} ${device.concurrency === 1 ? 'trial' : 'trials'} at a time`,
      );
    }
  }
  return lines.join('\n');
}
