import type { SweepRun } from '../../lib/sweep/sweep.js';

/** What a sweep took of the process that runs it, from the start of training to its last file. */
export interface Measured {
  seconds: number;
  cpuSeconds: number;
  /** At most, since the process began. */
  residentMegabytes: number;
}

export async function measured(run: SweepRun): Promise<Measured> {
  let begin: { at: number; cpu: NodeJS.CpuUsage } | undefined;
  for await (const { type } of run) {
    if (type === 'start') begin = { at: performance.now(), cpu: process.cpuUsage() };
  }
  const seconds = (performance.now() - begin!.at) / 1000;
  const { user, system } = process.cpuUsage(begin!.cpu);
  const { maxRSS } = process.resourceUsage();
  return { seconds, cpuSeconds: (user + system) / 1e6, residentMegabytes: maxRSS / 1000 };
}
