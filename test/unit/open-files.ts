import { readdirSync, readlinkSync } from 'node:fs';

/** The numbers under which this process has a file open. */
export function descriptorsOf(path: string): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => pathOf(descriptor) === path);
}

/** Undefined for what has been closed, such as the one that lists them. */
function pathOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}
