/**
 * Kills sweeps at random moments, once or several times in a row, and resumes them.
 * `node kills.js [COUNT] [SEED]`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../lib/random.js';
import { runCases } from './report.js';
import { type Reference, SWEEP_NAMES, Victim } from './victim.js';

const [count = 200, seed = 1] = process.argv.slice(2).map(Number);

/** A sweep, and how many milliseconds it takes. */
interface Timed {
  reference: Reference;
  duration: number;
}

const sweeps: Timed[] = [];
for (const name of SWEEP_NAMES) {
  const begin = performance.now();
  const reference = await Victim.reference(name);
  sweeps.push({ reference, duration: performance.now() - begin });
}

async function killAt(reference: Reference, milliseconds: readonly number[]): Promise<string[]> {
  const victim = new Victim(reference);
  try {
    const faults: string[] = [];
    for (const [i, delay] of milliseconds.entries()) {
      const kill = new AbortController();
      const ended = victim.run(
        {
          onStart: (child) =>
            void sleep(delay, undefined, kill).then(
              () => child.kill('SIGKILL'),
              () => {},
            ),
        },
        ...(i > 0 ? ['--resume'] : []),
      );
      await ended;
      kill.abort();
      faults.push(...victim.faultsOfFiles());
    }
    return [...faults, ...(await victim.faultsAfterResume())];
  } finally {
    victim.remove();
  }
}

await runCases(
  'random kills',
  Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, 'kills', i);
    const { reference, duration } = sweeps[i % sweeps.length]!;
    const delays = Array.from({ length: 1 + random.below(3) }, () => Math.round(random.uniform() * duration));
    const name = `${reference.sweep}, after ${delays.join(' and ')} ms`;
    return { name, run: () => killAt(reference, delays) };
  }),
);
