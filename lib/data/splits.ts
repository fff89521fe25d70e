import { ConvsweepError, invalidArgument } from '../errors.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { Random } from '../random.js';
import { integer } from '../validate.js';
import type { Dataset } from './dataset.js';
import { tfdsOrder } from './tfds-order.js';
import type { TrainTest } from './train-test.js';

/** Images to train on and images to validate on. */
export interface Split {
  train: Dataset;
  validation: Dataset;
}

/** A split whose validation images are mostly training images, with the ones that are not. */
export interface NotebookSplit extends Split {
  /** The validation images that are not trained on: the end of the test images. */
  unseen: Dataset;
  /** How many validation images are also training images. */
  leaked: number;
  /** The split in words, with its leak, for reports. */
  description: string;
}

/** Options of {@link holdout} and {@link notebookSplit}. */
export interface SplitOptions {
  /** Where to cut, in percent, strictly between 0 and 100. Both sides must get at least one image. */
  percent: number;
  /** An integer of at least 0. Default 0. */
  seed?: number;
}

const RULES = {
  percent: { required: true, check: requirePercent },
  seed: { default: 0, check: integer(0) },
} as const satisfies OptionTable<SplitOptions>;

/** Images that tf.data's interleave takes from one file before it turns to the other. */
const INTERLEAVE_BLOCK = 16;

/**
 * A seeded permutation of all images, the first `percent` of it to train on and the rest to validate on. The
 * permutation depends on the seed and the number of images alone, so a larger percentage contains a smaller one.
 * @throws ConvsweepError `INVALID_ARGUMENT` for a percentage outside (0, 100) or one that leaves a side empty
 */
export function holdout(dataset: Dataset, options: SplitOptions): Split {
  const { percent, seed } = resolveOptions('holdout', options, RULES);
  const cut = cutAt(percent, dataset.size, dataset.name);
  const order = new Random(seed, 'split').permutation(dataset.size);
  return {
    train: dataset.subset(order.subarray(0, cut), `${dataset.name} first ${percent}%`, {
      protocol: 'holdout',
      percent,
      seed,
    }),
    validation: dataset.subset(order.subarray(cut), `${dataset.name} after ${percent}%`),
  };
}

/**
 * What the tfds split strings `train+test[:p%]` and `train+test[p%:]` select: the slice binds to `test` alone, so
 * both sides hold all training images, and the validation accuracy is mostly a training accuracy. Kept to compare
 * with; {@link NotebookSplit.unseen} is the honest part.
 *
 * The images come in the order in which `shuffle_files=True` reads them first, which fixes the composition of the
 * batches: each part in record order ({@link tfdsOrder}), 16 images of one and 16 of the other in turn until the
 * shorter is exhausted, which of them first by the seed.
 * @throws ConvsweepError `INVALID_ARGUMENT` for a percentage outside (0, 100) or one that leaves a slice of `test` empty
 */
export function notebookSplit(data: TrainTest, options: SplitOptions): NotebookSplit {
  const { percent, seed } = resolveOptions('notebookSplit', options, RULES);
  const { all, train, test } = data;
  if (train.size + test.size !== all.size) {
    throw invalidArgument('data', `train and test of ${all.size} images together`, train.size + test.size);
  }
  const cut = cutAt(percent, test.size, test.name);
  const trainOrder = tfdsOrder('train', train.size);
  const testOrder = tfdsOrder('test', test.size).map((position) => train.size + position);
  const head = testOrder.subarray(0, cut);
  const tail = testOrder.subarray(cut);
  const readOrder = (slice: Uint32Array, side: string): Uint32Array =>
    new Random(seed, 'files', side).below(2) === 0
      ? interleave(trainOrder, slice)
      : interleave(slice, trainOrder);
  const spec = `train+test[:${percent}%]`;
  const complement = `train+test[${percent}%:]`;
  const validationSize = train.size + tail.length;
  const leak = ((train.size / validationSize) * 100).toFixed(2);
  return {
    train: all.subset(readOrder(head, 'train'), `${all.name} ${spec}`, {
      protocol: 'notebook',
      percent,
      seed,
    }),
    validation: all.subset(readOrder(tail, 'validation'), `${all.name} ${complement}`),
    unseen: all.subset(tail, `${all.name} test[${percent}%:]`),
    leaked: train.size,
    description: [
      `LEAKS: '${spec}' trains on ${train.size + cut} images and '${complement}' validates on ${validationSize}, of which ${train.size} (${leak} %) are trained on; ${tail.length} are unseen`,
      ...(data.note === undefined ? [] : [data.note]),
    ].join('. '),
  };
}

function requirePercent(name: string, value: unknown): void {
  if (!(Number.isFinite(value) && (value as number) > 0 && (value as number) < 100)) {
    throw invalidArgument(name, 'a number strictly between 0 and 100', value);
  }
}

/** `percent` of `count` as tfds cuts it: Python's round, which takes a half to the even neighbour. */
function cutAt(percent: number, count: number, name: string): number {
  const exact = (percent * count) / 100;
  const below = Math.floor(exact);
  const half = exact - below === 0.5;
  const cut = half ? below + (below % 2) : Math.round(exact);
  if (cut < 1 || cut >= count) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Expected a percent that leaves images on both sides of the cut but received ${percent}, which puts ${cut} of the ${count} images of ${name} before it`,
    );
  }
  return cut;
}

function interleave(first: Uint32Array, second: Uint32Array): Uint32Array {
  const merged = new Uint32Array(first.length + second.length);
  const sources = [first, second];
  const taken = [0, 0];
  for (let length = 0, turn = 0; length < merged.length; turn = 1 - turn) {
    const start = taken[turn]!;
    const block = sources[turn]!.subarray(start, start + INTERLEAVE_BLOCK);
    merged.set(block, length);
    length += block.length;
    taken[turn] = start + block.length;
  }
  return merged;
}
