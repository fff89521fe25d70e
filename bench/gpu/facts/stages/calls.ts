import { probe, requireBuilt } from '../built.js';
import { inParallel } from '../in-parallel.js';
import type { ProgramError } from '../program.js';
import type { Stage, StageRun } from '../stage.js';

type Precision = 'fp32' | 'tf32';
type Distances = Record<string, number | string>;
interface Timing {
  microseconds: number;
  kernels?: number;
}
/** What bench/gpu/probe prints of a call. */
export interface CallFact {
  call: string;
  images: number;
  precision: Precision;
  /** Bytes that the memory is off. */
  offset: number;
  /** `ok`, or the error. */
  status: string;
  /** By result, relative to its norm. */
  distance?: Distances;
  repeats?: boolean;
  recordedAsRun?: boolean;
  forward?: Timing;
  backward?: Timing;
  /** Of what has no two passes. */
  step?: Timing;
}

const PRECISIONS: readonly Precision[] = ['fp32', 'tf32'];
/** About ten times what the stand-in comes to where it sums in float32 and truncates factors. */
const FARTHEST: Record<Precision, number> = { fp32: 1e-5, tf32: 1e-2 };
/** Exit codes of the probe. */
const NO_DEVICE = 1;
const LOST = 3;
/** Seconds for one combination of call, images and precision, with the start of the process. */
const PATIENCE = 20;
/** Processes, where no time is measured. */
export const AT_A_TIME = 4;

export const calls: Stage = {
  name: 'calls',
  title: 'every kind of call without Node: status, distance from float64, same bits, recorded as run, time',
  limit: 80,
  async run(run) {
    const wrong: string[] = [];
    for (const name of await callNames(run)) {
      const facts = await checkCall(run, name, 0, run.options.batches);
      const problems = facts.flatMap(problemsOf);
      wrong.push(...problems);
      run.rows.push(summary(name, facts), ...problems);
    }
    if (wrong.length > 0) throw new Error(`${wrong.length} checks failed`);
  },
};

/** Nothing of this is promised: the backend places everything on 256 bytes. */
export const offsets: Stage = {
  name: 'offsets',
  title: 'the same calls with memory that is aligned to 4 bytes only',
  limit: 20,
  async run(run) {
    await inParallel(await callNames(run), AT_A_TIME, async (name) => {
      for (const fact of await checkCall(run, name, 4, [16])) {
        run.rows.push(problemsOf(fact)[0] ?? `${fact.call}, ${fact.precision}: works`);
      }
    });
  },
};

/** What the probe can call. */
export async function callNames(run: StageRun): Promise<string[]> {
  return (await run.program(requireBuilt(probe), ['calls'])).trim().split('\n');
}

/**
 * Checks a call in both precisions for each number of images, in one process as long as that lives: where it ends or
 * hangs, the next one goes on behind the combination that it was at.
 */
export async function checkCall(
  run: StageRun,
  call: string,
  offset: number,
  batches: readonly number[],
): Promise<CallFact[]> {
  const combinations = batches.flatMap((images) => PRECISIONS.map((precision) => ({ images, precision })));
  const found: CallFact[] = [];
  const keep = (fact: CallFact) => {
    found.push(fact);
    run.fact(fact);
  };
  while (found.length < combinations.length) {
    const before = found.length;
    try {
      await run.program(probe, ['call', call, String(offset), batches.join(','), String(before)], {
        onLine: (line) => keep(JSON.parse(line)),
        silence: Math.min(PATIENCE, run.limit / 2),
      });
      break;
    } catch (error) {
      run.continue();
      const { code, message } = error as ProgramError;
      // It has said itself what became of the last one.
      if (code === LOST && found.length > before) continue;
      const at = combinations[found.length];
      if (at !== undefined) keep({ call, ...at, offset, status: message });
      if (code === NO_DEVICE) break;
    }
  }
  return found;
}

/** What is wrong with a call, each as a row of the table. */
function problemsOf({
  call,
  images,
  precision,
  status,
  distance = {},
  repeats,
  recordedAsRun,
}: CallFact): string[] {
  const name = `${call}, ${images} images, ${precision}`;
  if (status !== 'ok') return [`${name}: ${status.replaceAll('\n', ' ').slice(0, 160)}`];
  const far = Object.entries(distance).filter(([, value]) => !(Number(value) <= FARTHEST[precision]));
  return [
    ...far.map(([result, value]) => `${name}: ${result} is ${value} from float64`),
    ...(repeats ? [] : [`${name}: five runs differ in their bits`]),
    ...(recordedAsRun ? [] : [`${name}: the recording differs from the run`]),
  ];
}

/** A call in one line: the largest distances, and the times of the largest batch. */
function summary(name: string, facts: readonly CallFact[]): string {
  const good = facts.filter(({ status }) => status === 'ok');
  const parts = PRECISIONS.flatMap((precision) => {
    const of = good.filter((fact) => fact.precision === precision);
    const last = of.at(-1);
    if (last === undefined) return [];
    const distance = Math.max(...of.flatMap((fact) => Object.values(fact.distance ?? {}).map(Number)));
    return [`${precision} ${distance.toExponential(1)}, ${times(last)}`];
  });
  return `${name}: ${good.length} of ${facts.length} ok; ${parts.join('; ')}`;
}

/** `12.0 + 30.1 us in 2 + 4 kernels at 128 images` */
export function times({ images, forward, backward, step }: CallFact): string {
  const passes = [forward, backward, step].filter((timing) => timing !== undefined);
  const microseconds = passes.map((timing) => timing.microseconds.toFixed(1)).join(' + ');
  const kernels = passes.flatMap((timing) => timing.kernels ?? []).join(' + ');
  return `${microseconds} us${kernels && ` in ${kernels} kernels`} at ${images} images`;
}
