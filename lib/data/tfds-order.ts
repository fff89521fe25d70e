import { createHash } from 'node:crypto';
import { requireInteger } from '../validate.js';

/**
 * The order in which tensorflow_datasets stores, and so reads, the examples of an IDX split: its writer sorts them by
 * the md5 of the split's name followed by the example's index in the IDX file.
 * @param split the name that salts the hash
 * @param count examples in the split; 60000 and 10000 give MNIST 3.0.1
 * @returns IDX indices in record order
 */
export function tfdsOrder(split: 'train' | 'test', count: number): Uint32Array {
  requireInteger('count', count, 0);
  const digests = Array.from({ length: count }, (_, index) =>
    createHash('md5').update(`${split}${index}`).digest('hex'),
  );
  return Uint32Array.from(digests.keys()).sort((a, b) => (digests[a]! < digests[b]! ? -1 : 1));
}
