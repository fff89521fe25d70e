import type { SliceRequest } from '../protocol.js';
import { median } from '../statistics.js';
import { Worker } from '../worker.js';
import type { Network } from './networks.js';
import type { Setting } from './settings.js';

export type Mode = SliceRequest['mode'];
export const MODES: readonly Mode[] = ['training', 'inference'];

/** Images per second, of each setting the median of its slices. */
export interface Speed {
  network: string;
  mode: Mode;
  product: Setting['product'];
  setting: string;
  imagesPerSecond: number;
}

export interface Suite {
  speeds: Speed[];
  /** Of each product, as it names itself. */
  versions: Map<Setting['product'], string>;
  /** What could not be measured, and why. */
  missing: string[];
}

export interface SuitePlan {
  networks: readonly Network[];
  settings: readonly Setting[];
  rounds: number;
  /** Of a slice. */
  seconds: number;
}

/** A setting this much slower than its product's fastest in the first round is not measured in the others. */
const HOPELESS = 0.8;
/** For a compiler that knows nothing yet. */
const LIMIT_SECONDS = 900;

/**
 * Measures every network in all settings in turn, round by round, so that whatever else happens on the machine happens
 * to all of them.
 * @param say is told what is going on
 * @throws Error when this package fails; a peer's setting that fails is left out, with its reason
 */
export async function measureSuite(plan: SuitePlan, say: (line: string) => void): Promise<Suite> {
  const suite: Suite = { speeds: [], versions: new Map(), missing: [] };
  const workers = new Map<Setting, Worker>();
  const attempt = async <T>(
    setting: Setting,
    what: string,
    run: () => Promise<T>,
  ): Promise<T | undefined> => {
    try {
      return await run();
    } catch (error) {
      if (setting.product === 'convsweep') throw error;
      suite.missing.push(`${setting.product}, ${setting.name}, ${what}: ${(error as Error).message}`);
      say(`  failed: ${suite.missing.at(-1)}`);
      workers.get(setting)?.stop();
      workers.delete(setting);
      return undefined;
    }
  };
  const start = async (setting: Setting): Promise<Worker | undefined> => {
    const worker = await attempt(setting, 'start', () => Worker.start(setting.worker));
    if (!worker) return undefined;
    workers.set(setting, worker);
    suite.versions.set(setting.product, worker.version);
    return worker;
  };

  try {
    for (const setting of plan.settings) await start(setting);
    for (const { name: network } of plan.networks) {
      for (const mode of MODES) {
        const slices = new Map<Setting, number[]>();
        say(`${network}, ${mode}`);
        for (let round = 1; round <= plan.rounds; round++) {
          for (const setting of promising(plan.settings, slices)) {
            // One that failed for another network is started anew.
            const worker = workers.get(setting) ?? (round === 1 ? await start(setting) : undefined);
            if (!worker) continue;
            const answer = await attempt(setting, network, () =>
              worker.request({ run: 'slice', network, mode, seconds: plan.seconds }, LIMIT_SECONDS),
            );
            if (answer) slices.set(setting, [...(slices.get(setting) ?? []), answer.imagesPerSecond]);
          }
        }
        for (const [{ product, name }, list] of slices) {
          suite.speeds.push({ network, mode, product, setting: name, imagesPerSecond: median(list) });
        }
      }
    }
    return suite;
  } finally {
    for (const worker of workers.values()) worker.stop();
  }
}

function promising(settings: readonly Setting[], slices: ReadonlyMap<Setting, number[]>): Setting[] {
  if (slices.size === 0) return [...settings];
  const first = (setting: Setting): number => slices.get(setting)?.[0] ?? 0;
  return settings.filter((setting) => {
    const rivals = settings.filter(({ product }) => product === setting.product);
    return slices.has(setting) && first(setting) >= HOPELESS * Math.max(...rivals.map(first));
  });
}
