import type { Dataset } from '../data/dataset.js';
import { holdout, notebookSplit } from '../data/splits.js';
import { allImages, divideSixToOne, type TrainTest } from '../data/train-test.js';
import { invalidArgument } from '../errors.js';
import type { SweepSplit } from './trial.js';

/**
 * How the images are divided. `holdout`: that share of all images trains, the others validate. `notebook`: what the
 * notebook's split strings select, which trains and validates on largely the same images.
 */
export type Protocol = 'holdout' | 'notebook';

/**
 * The splits of a sweep, one per percentage, named `60%` and so on.
 * @param source all images, or files with a test set of their own. The notebook's protocol needs the latter; images
 * without are divided six to one, as MNIST is, and the splits' descriptions say so.
 * @param seed an integer of at least 0
 * @throws ConvsweepError `INVALID_ARGUMENT` for another protocol, a percentage outside (0, 100), or one that
 * appears twice
 */
export function protocolSplits(
  source: Dataset | TrainTest,
  protocol: Protocol,
  percentages: readonly number[],
  seed = 0,
): SweepSplit[] {
  if (protocol !== 'holdout' && protocol !== 'notebook') {
    throw invalidArgument('protocol', '"holdout" or "notebook"', protocol);
  }
  if (percentages.length === 0 || new Set(percentages).size !== percentages.length) {
    throw invalidArgument('splits', 'distinct percentages', percentages);
  }
  const division = protocol === 'notebook' && !('all' in source) ? divideSixToOne(source, seed) : undefined;
  return percentages.map((percent) => {
    const name = `${percent}%`;
    if (protocol === 'holdout') {
      return { name, ...holdout(allImages(source), { percent, seed }) };
    }
    const { train, validation, unseen, description } = notebookSplit(division ?? (source as TrainTest), {
      percent,
      seed,
    });
    return { name, train, validation, unseen, description };
  });
}

/** What {@link protocolSplits} was given for `splits`; undefined where it did not make them. */
export function protocolOf(
  splits: readonly { readonly name: string; readonly unseen?: unknown }[],
): { protocol: Protocol; percentages: number[] } | undefined {
  const percentages = splits.map(({ name }) => Number(/^(\d+(?:\.\d+)?)%$/.exec(name)?.[1]));
  if (percentages.some(Number.isNaN)) return undefined;
  return { protocol: splits[0]?.unseen === undefined ? 'holdout' : 'notebook', percentages };
}
