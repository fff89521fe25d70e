import { readFileSync } from 'node:fs';

/** Ticks a second, of which Linux counts the time of processes: a constant of its interface. */
const TICKS = 100;

/** Seconds that a process has had of the processors so far. On Linux. */
export function processorTime(pid: number): number {
  // The name, in parentheses, may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
