import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Kernel {
  name: string;
  /** Of all kernels' time. */
  percent: number;
  /** Nanoseconds per launch. */
  median: number;
  launches: number;
}

/**
 * The time of each kernel in three epochs of one model, by NVIDIA's profiler.
 * @param execute runs a program, and returns what it prints
 * @throws Error if `nsys` is missing or fails
 */
export async function kernelTimes(
  execute: (command: string, args: readonly string[]) => Promise<string>,
  epochsScript: string,
  args: readonly string[],
): Promise<Kernel[]> {
  const folder = await mkdtemp(join(tmpdir(), 'convsweep-nsys-'));
  try {
    const profile = join(folder, 'profile');
    const command = [process.execPath, epochsScript, ...args];
    await execute('nsys', ['profile', '--cuda-graph-trace=node', '-t', 'cuda', '-o', profile, ...command]);
    const summary = ['stats', '--report', 'cuda_gpu_kern_sum', '--format', 'csv', `${profile}.nsys-rep`];
    return parseKernels(await execute('nsys', summary));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The table behind whatever else nsys prints: a header line that names `Time (%)`, then a line per kernel. */
export function parseKernels(text: string): Kernel[] {
  const lines = text.split('\n').map((line) => line.trim());
  const header = lines.findIndex((line) => line.startsWith('Time (%)'));
  if (header < 0) throw new Error('nsys reported no kernels');
  const columns = lines[header]!.split(',');
  const column = (name: string) => columns.findIndex((title) => title.startsWith(name));
  const [percent, launches, median, name] = ['Time (%)', 'Instances', 'Med', 'Name'].map(column) as [
    number,
    number,
    number,
    number,
  ];
  return lines
    .slice(header + 1)
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/);
      return {
        name: fields[name]!.replace(/^"|"$/g, ''),
        percent: Number(fields[percent]),
        median: Number(fields[median]),
        launches: Number(fields[launches]),
      };
    });
}
