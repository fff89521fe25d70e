import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { orFileError } from '../files.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { integer } from '../validate.js';
import { Dataset } from './dataset.js';
import { type IdxFile, readIdxFile } from './idx-file.js';
import { invalidData } from './invalid.js';
import type { TrainTest } from './train-test.js';

/** Options of {@link loadIdx}. */
export interface IdxOptions {
  /**
   * Number of classes; a label that is not below it is an error. Default: the training labels tell, which must then
   * have no gap between the smallest and the largest, and enclose the test labels.
   */
  classes?: number;
}

const RULES = { classes: { check: integer() } } as const satisfies OptionTable<IdxOptions>;

const USUAL_NAMES = {
  'train images': 'train-images-idx3-ubyte',
  'train labels': 'train-labels-idx1-ubyte',
  'test images': 't10k-images-idx3-ubyte',
  'test labels': 't10k-labels-idx1-ubyte',
};
type Part = keyof typeof USUAL_NAMES;
const PARTS = Object.keys(USUAL_NAMES) as Part[];

const FILE_NAME = /^(?:(.+)-)?(train|t10k|test)-(?:(images)[-.]idx3|(labels)[-.]idx1)-ubyte(\.gz)?$/;

/**
 * Reads the four IDX files of MNIST, Fashion-MNIST, KMNIST or an EMNIST set from a directory. Training and test images
 * share one store; `all` is the training images followed by the test images, in file order.
 *
 * A file is known by its name, `[SET-](train|t10k|test)-(images-idx3|labels-idx1)-ubyte[.gz]`, with `.idx` as good as
 * `-idx`; others are ignored. Where a file is there in both forms the `.gz` one is read, as it carries a checksum. Image
 * size and number of classes come from the files. EMNIST stores its images transposed: those of a SET named
 * `emnist...` are turned upright.
 * @throws ConvsweepError `INVALID_ARGUMENT`; `FILE` when a file is missing or cannot be read, or the directory holds several sets;
 *   `INVALID_DATA` when a file is damaged, of another kind than its name says, or disagrees with its companions
 */
export async function loadIdx(directory: string, options: IdxOptions = {}): Promise<TrainTest> {
  if (typeof directory !== 'string' || directory === '') {
    throw invalidArgument('directory', 'the path of a directory with IDX files', directory);
  }
  const { classes } = resolveOptions('loadIdx', options, RULES);
  const { set, paths } = await findFiles(directory);
  const train = await readHalf(paths['train images'], paths['train labels']);
  const test = await readHalf(paths['test images'], paths['test labels']);
  const [, height, width] = train.images.shape as [number, number, number];
  const [, testHeight, testWidth] = test.images.shape as [number, number, number];
  if (testHeight !== height || testWidth !== width) {
    throw invalidData(
      test.images.path,
      `images of ${height} x ${width}, as in ${train.images.path}`,
      `${testHeight} x ${testWidth}`,
    );
  }
  const [lowest, highest] = classes === undefined ? labelRange(train.labels) : [0, classes - 1];
  requireLabels(train.labels, lowest, highest);
  requireLabels(test.labels, lowest, highest);

  const name = set ?? basename(resolve(directory));
  const images = concatenate(train.images.data, test.images.data);
  const isTransposed = set !== undefined && /^emnist/i.test(set);
  if (isTransposed) transposeImages(images, height, width);
  const all = Dataset.from({
    images,
    labels: concatenate(train.labels.data, test.labels.data),
    height: isTransposed ? width : height,
    width: isTransposed ? height : width,
    classes: highest + 1,
    name,
  });
  const trainSize = train.labels.data.length;
  return {
    all,
    train: all.subset(all.rows.subarray(0, trainSize), `${name} train`),
    test: all.subset(all.rows.subarray(trainSize), `${name} test`),
  };
}

interface Half {
  images: IdxFile;
  labels: IdxFile;
}

async function findFiles(
  directory: string,
): Promise<{ set: string | undefined; paths: Record<Part, string> }> {
  const names = await orFileError(
    'read the data directory',
    directory,
    readdir(directory),
    downloadHint(directory),
  );
  const sets = new Map<string | undefined, Partial<Record<Part, string>>>();
  // Sorted, so that X.gz comes after X and takes its place.
  for (const name of names.sort()) {
    const match = FILE_NAME.exec(name);
    if (!match) continue;
    const part: Part = `${match[2] === 'train' ? 'train' : 'test'} ${match[3] ? 'images' : 'labels'}`;
    sets.set(match[1], { ...sets.get(match[1]), [part]: join(directory, name) });
  }
  if (sets.size > 1) {
    const found = [...sets.keys()].map((set) => set ?? 'one without a prefix').join(', ');
    throw new ConvsweepError(
      'FILE',
      `Expected one data set in ${directory} but found ${sets.size}: ${found}. Move the four files of one of them to a directory of its own.`,
    );
  }
  const [[set, paths] = [undefined, {}]] = sets;
  const missing = PARTS.filter((part) => paths[part] === undefined);
  if (missing.length > 0) {
    const prefix = set === undefined ? '' : `${set}-`;
    const looked = missing.map((part) => `${prefix}${USUAL_NAMES[part]}[.gz]`).join(', ');
    throw new ConvsweepError(
      'FILE',
      `Found no file with the ${missing.join(', ')} in ${directory}; looked for ${looked} (also with test- for t10k- and .idx for -idx); ${downloadHint(directory)}`,
    );
  }
  return { set, paths: paths as Record<Part, string> };
}

function downloadHint(directory: string): string {
  return `to get MNIST, run: npx convsweep data download ${directory}`;
}

async function readHalf(imagesPath: string, labelsPath: string): Promise<Half> {
  const images = await readIdxFile(imagesPath, 3);
  const labels = await readIdxFile(labelsPath, 1);
  const [count] = images.shape as [number];
  if (labels.data.length !== count) {
    throw invalidData(
      labelsPath,
      `${count} labels, one for each image of ${imagesPath}`,
      `${labels.data.length}`,
    );
  }
  return { images, labels };
}

/** The smallest and the largest label. A gap between them is far likelier a damaged label than an unused class. */
function labelRange({ path, data }: IdxFile): [number, number] {
  const used = [...new Set(data)].sort((a, b) => a - b);
  const afterGap = used.find((label, i) => i > 0 && label !== used[i - 1]! + 1);
  if (afterGap !== undefined) {
    throw invalidData(
      path,
      'labels without a gap (or the number of classes in the classes option)',
      `label ${afterGap} at index ${data.indexOf(afterGap)} while no image has label ${afterGap - 1}`,
    );
  }
  return [used[0]!, used.at(-1)!];
}

function requireLabels({ path, data }: IdxFile, lowest: number, highest: number): void {
  const index = data.findIndex((label) => label < lowest || label > highest);
  if (index >= 0)
    throw invalidData(path, `labels from ${lowest} to ${highest}`, `${data[index]} at index ${index}`);
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Swaps rows and columns of each image, in place. */
function transposeImages(images: Uint8Array, height: number, width: number): void {
  const pixels = height * width;
  for (let start = 0; start < images.length; start += pixels) {
    const original = images.slice(start, start + pixels);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) images[start + x * height + y] = original[y * width + x]!;
    }
  }
}
