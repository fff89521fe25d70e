import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** A process, told apart from the others that had its number before or will have it, where the system lets us. */
export interface Holder {
  host: string;
  pid: number;
  /** The machine's boot and the namespace in which {@link pid} counts; Linux alone tells. */
  place?: string;
  /** When the process started, in the kernel's ticks; Linux alone tells. */
  started?: string;
}

/** This process. */
export async function ownHolder(): Promise<Holder> {
  const [place, stat] = await Promise.all([ownPlace(), readStat('self')]);
  return {
    host: hostname(),
    pid: process.pid,
    ...(place !== undefined && { place }),
    ...(stat && { started: stat.started }),
  };
}

/**
 * Whether `holder` has certainly ended. That it has not cannot be certain: a process of another machine or container
 * cannot be asked, and some systems do not tell when a process started.
 */
export async function isGone(holder: Holder): Promise<boolean> {
  if (holder.host !== hostname() || holder.place !== (await ownPlace())) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
  }
  const stat = await readStat(String(holder.pid));
  if (!stat) return false;
  return stat.isDead || (holder.started !== undefined && stat.started !== holder.started);
}

/** The holder that `text` names; undefined where it was cut off or is something else. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder;
    const { host, pid } = holder;
    return typeof host === 'string' && Number.isSafeInteger(pid) && pid > 0 ? holder : undefined;
  } catch {
    return undefined;
  }
}

async function ownPlace(): Promise<string | undefined> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${await readlink('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

async function readStat(process: string): Promise<{ isDead: boolean; started: string } | undefined> {
  const text = await readFile(`/proc/${process}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name in parentheses, the second field, may have spaces and parentheses of its own.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended, although its number is still taken.
  return { isDead: fields[0] === 'Z' || fields[0] === 'X', started: fields[19]! };
}
