/**
 * Races of processes for one lock, over every kind of leftover. `node dist/test/faults/lock-races.js --races 1000`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, mkdtemp, open, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConvsweepError } from '../../lib/errors.js';
import { ownHolder } from '../../lib/sweep/holder.js';
import { FolderLock } from '../../lib/sweep/lock.js';

/** What a process found in a race: `alone` or `in use`, or what should not be. */
type Finding = string;

export interface Races {
  races: number;
  /** How often the lock was held. */
  held: number;
  /** What must not be: two holders, or none, or an error. */
  faults: string[];
}

/** Short, so that a race over a lock that was not renewed is watched for a moment only. */
const LEASE = 1000;

/** Has `processes` processes race for a lock, `races` times. */
export async function raceForLocks(races: number, processes: number): Promise<Races> {
  const folder = await mkdtemp(join(tmpdir(), 'lock-races-'));
  const children = Array.from({ length: processes }, () => fork(fileURLToPath(import.meta.url), ['--race']));
  const result: Races = { races, held: 0, faults: [] };
  try {
    await Promise.all(children.map(answer));
    for (let race = 0; race < races; race++) {
      const place = join(folder, String(race));
      await mkdir(place);
      const kind = LEFTOVERS[race % LEFTOVERS.length]!;
      await kind.leave(join(place, 'lock'));
      const findings = await Promise.all(
        children.map((child) => {
          const found = answer(child);
          child.send(place);
          return found;
        }),
      );
      const winners = findings.filter((finding) => finding === 'alone').length;
      const others = findings.filter((finding) => finding === 'in use').length;
      result.held += winners;
      if (winners === 0 || winners + others < processes) {
        result.faults.push(`race ${race} over ${kind.name}: ${findings.join(', ')}`);
      }
      await rm(place, { recursive: true });
    }
  } finally {
    for (const child of children) child.disconnect();
    await rm(folder, { recursive: true, force: true });
  }
  return result;
}

/** What may lie there before a race. */
const LEFTOVERS: { name: string; leave: (path: string) => Promise<void> }[] = [
  { name: 'nothing', leave: async () => {} },
  { name: 'an empty folder', leave: (path) => mkdir(path).then(() => {}) },
  { name: 'a process that has ended', leave: (path) => leave(path, async () => ({ pid: 2 ** 22 + 1 })) },
  { name: 'a number used again', leave: (path) => leave(path, async () => ({ started: '1' })) },
  {
    name: 'another machine, long ago',
    leave: (path) => leave(path, async () => ({ host: 'elsewhere' }), true),
  },
  { name: 'half a file, long ago', leave: (path) => leave(path, async () => undefined, true) },
  {
    name: 'a file of its name, long ago',
    leave: async (path) => {
      await writeFile(path, `${hostname()} 1\n`);
      await makeOld(path);
    },
  },
];

async function leave(path: string, change: () => Promise<object | undefined>, isOld = false): Promise<void> {
  await mkdir(path);
  const file = join(path, 'holder');
  const changes = await change();
  const holder = JSON.stringify({ ...(await ownHolder()), ...changes });
  await writeFile(file, changes ? holder : holder.slice(0, 12));
  if (isOld) await makeOld(file);
}

async function makeOld(file: string): Promise<void> {
  const time = new Date(Date.now() - 3_600_000);
  await utimes(file, time, time);
}

function answer(child: ChildProcess): Promise<Finding> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null): void => reject(new Error(`a process ended with ${code}`));
    child.once('exit', fail);
    child.once('message', (finding: Finding) => {
      child.off('exit', fail);
      resolve(finding);
    });
  });
}

/** Takes the lock in `place`, and holds it for a moment, in which nobody else may. */
async function race(place: string): Promise<Finding> {
  const lock = await FolderLock.take(join(place, 'lock'), { lease: LEASE }).catch((error: unknown) => {
    const isInUse = error instanceof ConvsweepError && error.message.startsWith('Another sweep');
    return isInUse ? 'in use' : String(error);
  });
  if (typeof lock === 'string') return lock;
  const mark = join(place, 'held');
  try {
    await (await open(mark, 'wx')).close();
    await sleep(Math.random() * 4);
    await lock.requireHeld();
    await rm(mark);
    return 'alone';
  } catch (error) {
    return `not alone: ${error}`;
  } finally {
    await lock.release();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--race')) {
    process.on('message', async (place: string) => process.send!(await race(place)));
    process.send!('ready');
  } else {
    const { values } = parseArgs({
      options: { races: { type: 'string', default: '1000' }, processes: { type: 'string', default: '4' } },
    });
    const { races, held, faults } = await raceForLocks(Number(values.races), Number(values.processes));
    console.log(`${races} races, held ${held} times, ${faults.length} faults`);
    for (const fault of faults) console.log(fault);
    process.exitCode = faults.length > 0 ? 1 : 0;
  }
}
