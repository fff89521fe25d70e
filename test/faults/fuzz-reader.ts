import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../lib/package.js';
import { Random } from '../../lib/random.js';
import { TARGETS } from './fuzzed-readers.js';

/** A damaged file that a reader neither read nor refused. */
export interface Finding {
  input: number;
  problem: string;
}

/** What came of fuzzing one reader. */
export interface FuzzResult {
  /** How many of the damaged files were read all the same. */
  loaded: number;
  findings: Finding[];
}

/** No input takes a tenth of it, also on a machine with other work. */
const TIME_LIMIT_MS = 20_000;
/** Of addresses, of which Node itself takes most; the worker looks at what is used. */
const MEMORY_LIMIT_KIB = 2_500_000;
/** More process ends tell nothing new. */
const ENOUGH = 20;

/** Gives the reader `name` so many damaged files, in processes of their own. */
export async function fuzzReader(name: string, inputs: number, seed: number): Promise<FuzzResult> {
  const findings: Finding[] = [];
  let loaded = 0;
  for (let next = 0; next < inputs && findings.length < ENOUGH; ) {
    const run = await fuzzFrom(name, next, inputs, seed);
    findings.push(...run.findings);
    loaded += run.loaded;
    next = run.next;
  }
  return { loaded, findings };
}

/** Writes the file of each finding into `folder`. */
export async function keepFindings(
  folder: string,
  name: string,
  seed: number,
  findings: readonly Finding[],
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'convsweep-fuzz-'));
  const target = await TARGETS[name]!(scratch);
  await rm(scratch, { recursive: true });
  await mkdir(folder, { recursive: true });
  for (const { input, problem } of findings) {
    const path = join(folder, `${name}-${seed}-${input}`);
    await writeFile(path, target.input(new Random(seed, name, input)));
    await writeFile(`${path}.txt`, `${problem}\n`);
  }
}

interface Run extends FuzzResult {
  /** The first input that was not read. */
  next: number;
}

interface Message {
  input?: number;
  loaded?: number;
  problem?: string;
  done?: boolean;
}

/** Until all inputs are read or the process ends at one. */
async function fuzzFrom(name: string, first: number, inputs: number, seed: number): Promise<Run> {
  const script = join(packageRoot(), 'dist', 'test', 'faults', 'fuzz-worker.js');
  const limited = `ulimit -v ${MEMORY_LIMIT_KIB}; exec "$0" --max-old-space-size=256 "$@"`;
  const args = ['-c', limited, process.execPath, script, name, seed, first, inputs].map(String);
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const run: Run = { loaded: 0, findings: [], next: first };
  let isDone = false;
  let ended = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended = (ended + text).slice(-2000);
  });
  const watch = watchdog(child);
  for await (const line of createInterface({ input: child.stdout })) {
    watch.reset();
    const { input, loaded, problem, done } = JSON.parse(line) as Message;
    if (loaded !== undefined) run.loaded = loaded;
    if (input !== undefined) run.next = input + 1;
    if (problem !== undefined) run.findings.push({ input: run.next - 1, problem });
    isDone = done ?? false;
  }
  watch.stop();
  const reason = watch.isLate ? `no end after ${TIME_LIMIT_MS} ms` : `the process ended: ${ended}`;
  const isKnown = run.findings.some(({ input }) => input === run.next - 1);
  if (!isDone && !isKnown) run.findings.push({ input: run.next - 1, problem: reason });
  return run;
}

/** Kills a process that says nothing for too long. */
function watchdog(child: ChildProcess): { reset(): void; stop(): void; readonly isLate: boolean } {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, TIME_LIMIT_MS);
  return {
    reset: () => timer.refresh(),
    stop: () => clearTimeout(timer),
    get isLate() {
      return isLate;
    },
  };
}
