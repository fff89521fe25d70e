import { probe, requireBuilt } from '../built.js';
import { inParallel } from '../in-parallel.js';
import type { Stage } from '../stage.js';
import { AT_A_TIME } from './calls.js';

/** What bench/gpu/probe prints of recordings beside another thread. */
interface CapturesFact {
  beside: string;
  /** That the other thread did it. */
  times: number;
  /** Recordings by how they ended. */
  recordings: Record<string, number>;
  /** Of the other thread. */
  status: string;
}

export const captures: Stage = {
  name: 'captures',
  title: 'which calls of another thread break a recording that nothing guards',
  limit: 20,
  async run(run) {
    const names = (await run.program(requireBuilt(probe), ['disturbances'])).trim().split('\n');
    const failed: string[] = [];
    const row = ({ beside, times, recordings, status }: CapturesFact) => {
      const outcomes = Object.entries(recordings).map(([outcome, count]) => `${count} ${outcome}`);
      return `beside ${beside} (${times} times): ${outcomes.join(', ')}${status === 'ok' ? '' : `; ${status}`}`;
    };
    await inParallel(names, AT_A_TIME, async (name) => {
      try {
        await run.collect<CapturesFact>(probe, ['captures', name], row, { silence: run.limit / 2 });
      } catch (error) {
        run.continue();
        failed.push(name);
        run.fact({ beside: name, status: (error as Error).message }, `beside ${name}: it failed`);
      }
    });
    if (failed.length > 0) throw new Error(`it failed beside ${failed.join(', ')}`);
  },
};
