import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { resolveDevice } from '../lib/native/devices.js';

/** What a table of times means nothing without. */
export interface Machine {
  processor: string;
  cores: number;
  memoryBytes: number;
  system: string;
  compiler: string;
  node: string;
}

export function describeMachine(): Machine {
  return {
    processor: processorName(),
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release().split('-')[0]}`,
    compiler: resolveDevice('cpu').addon.buildInfo().compiler,
    node: process.version,
  };
}

/** Virtual machines often name the family alone; where there is lscpu, its numbers tell the generation. */
function processorName(): string {
  const name = cpus()[0]!.model.trim();
  try {
    const lscpu = execFileSync('lscpu', { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    const field = (key: string) => new RegExp(`^${key}:\\s*(.+)$`, 'm').exec(lscpu)?.[1];
    return `${name} (family ${field('CPU family')}, model ${field('Model')})`;
  } catch {
    return name;
  }
}
