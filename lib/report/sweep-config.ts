import type { SweepConfig } from '../sweep/config.js';
import { SweepFolder } from '../sweep/folder.js';

/**
 * The configuration of the sweep in a folder, for whoever looks at it.
 * @throws ConvsweepError `FILE` when the folder holds no sweep, `INVALID_DATA` when its configuration is damaged
 */
export function readSweepConfig(folder: string): Promise<SweepConfig> {
  const remedy = `give the folder of one, which convsweep sweep --out ${folder} makes`;
  return new SweepFolder(folder).readConfig('sweep', remedy);
}
