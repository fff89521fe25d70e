import type { ModelOptions } from '../../lib/model/model.js';
import { median, type Split, Trial, timed } from './trial.js';

/** The seconds that models of different seeds, all at once, take for an epoch: the median of `epochs` warm ones. */
export async function sideBySide(
  split: Split,
  options: Required<Pick<ModelOptions, 'device' | 'precision'>>,
  models: number,
  epochs: number,
): Promise<number> {
  const trials: Trial[] = [];
  try {
    for (let seed = 0; seed < models; seed++) trials.push(new Trial(split, { ...options, seed }));
    const all = () => timed(() => Promise.all(trials.map((trial) => trial.train())));
    await all();
    const warm: number[] = [];
    for (let i = 0; i < epochs; i++) warm.push(await all());
    return median(warm);
  } finally {
    for (const trial of trials) trial[Symbol.dispose]();
  }
}
