import { Random } from '../random.js';
import { requireInteger } from '../validate.js';
import type { Dataset } from './dataset.js';

/** A data set that comes divided into images to learn from and images to test on, both of one store. */
export interface TrainTest {
  /** All images: {@link train}, then {@link test}. */
  all: Dataset;
  train: Dataset;
  test: Dataset;
  /** What a report must say about the division; absent where it is the publisher's own. */
  note?: string;
}

/** All images, whether or not they come divided. */
export function allImages(source: Dataset | TrainTest): Dataset {
  return 'all' in source ? source.all : source;
}

/** The images by part: `train` and `test`, or `all` where they come undivided. */
export function partsOf(source: Dataset | TrainTest): Record<string, Dataset> {
  return 'all' in source ? { train: source.train, test: source.test } : { all: source };
}

/**
 * A stand-in for a published division, for data that has none: a seeded permutation, six parts to learn from and one
 * to test on, MNIST's own proportion.
 * @param dataset at least two images
 * @param seed an integer of at least 0
 */
export function divideSixToOne(dataset: Dataset, seed: number): TrainTest {
  requireInteger('seed', seed, 0);
  requireInteger('the number of images', dataset.size, 2);
  const all = dataset.subset(new Random(seed, 'train-test').permutation(dataset.size));
  const trainSize = Math.min(Math.round((dataset.size * 6) / 7), dataset.size - 1);
  const positions = Uint32Array.from({ length: dataset.size }, (_, i) => i);
  return {
    all,
    train: all.subset(positions.subarray(0, trainSize), `${dataset.name} train`),
    test: all.subset(positions.subarray(trainSize), `${dataset.name} test`),
    note: `${dataset.name} has no test set of its own: a division 6:1 with seed ${seed} stands in for it (${trainSize} train, ${dataset.size - trainSize} test)`,
  };
}
