import { resolveDevices } from '../native/devices.js';
import type { SweepConfig } from './config.js';
import { SweepFolder } from './folder.js';
import type { Grid } from './grid.js';
import { FolderLock } from './lock.js';
import { resolveSweepOptions, type SweepOptions } from './options.js';
import { prepareSweep } from './prepare.js';

/**
 * Makes the folder of a sweep, and trains nothing: its trials are trained one by one by {@link trainPlanned}, on whatever
 * machines see the folder, and put together by {@link mergeSweep}. The plan is for machines like this one, whose engine
 * it names.
 * @param options of the sweep; `jobs`, `resume` and `signal` do not matter
 * @throws ConvsweepError as `sweep` does
 */
export async function planSweep<G extends Grid>(options: SweepOptions<G>): Promise<SweepConfig> {
  const settings = resolveSweepOptions(options);
  const { config } = prepareSweep(settings, resolveDevices(settings.device));
  const folder = new SweepFolder(settings.out);
  await folder.create();
  const lock = await FolderLock.take(folder.lock);
  try {
    await folder.begin(config);
  } finally {
    await lock.release();
  }
  return config;
}
