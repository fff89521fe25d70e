/** Kills a sweep at random moments, once or several times in a row, and resumes it. `node kills.js [COUNT] [SEED]` */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../lib/random.js';
import { runCases } from './report.js';
import { Victim } from './victim.js';

const [count = 200, seed = 1] = process.argv.slice(2).map(Number);

const reference = await Victim.reference();
const begin = performance.now();
const undisturbed = new Victim(reference);
await undisturbed.run();
undisturbed.remove();
const duration = performance.now() - begin;

async function killAt(milliseconds: readonly number[]): Promise<string[]> {
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
    const delays = Array.from({ length: 1 + random.below(3) }, () => Math.round(random.uniform() * duration));
    return { name: `after ${delays.join(' and ')} ms`, run: () => killAt(delays) };
  }),
);
