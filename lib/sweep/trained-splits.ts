import type { SplitConfig, SweepConfig } from './config.js';
import { gridPoints } from './grid.js';

/** The splits that the sweep's trials are of: all, unless it is limited to the first trials. */
export function trainedSplits({ splits, grid, trials }: SweepConfig): SplitConfig[] {
  return splits.slice(0, Math.ceil(trials / gridPoints(grid).length));
}
