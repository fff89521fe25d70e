import type { Dataset } from '../data/dataset.js';
import { loadDigits } from '../data/digits.js';
import { loadIdx } from '../data/idx.js';
import { holdout } from '../data/splits.js';
import { ConvsweepError } from '../errors.js';

/** The options of commands that look at images. */
export interface ImageOptions {
  data?: string;
  part?: Part;
  split?: number;
  seed: number;
}

export const PARTS = ['all', 'train', 'test', 'validation'] as const;
export type Part = (typeof PARTS)[number];

/**
 * The images that a command is about.
 * `validation` and `train` with a split: the sides of the sweep's `holdout` division. Without a split, `train` and
 * `test` are the files' own halves, which the embedded digits do not have. Default: `validation` if there is a split,
 * `test` for files, `all` for the embedded digits.
 */
export async function selectImages(options: ImageOptions): Promise<Dataset> {
  const { data, split, seed } = options;
  const part = options.part ?? (split !== undefined ? 'validation' : data !== undefined ? 'test' : 'all');
  if (part === 'validation' && split === undefined) {
    throw wrongPart(part, 'needs --split, the percentage that the model was trained on, e.g. --split 60');
  }
  if (data === undefined) {
    const digits = await loadDigits();
    if (split !== undefined) return side(digits, split, seed, part);
    if (part === 'all') return digits;
    throw wrongPart(part, 'needs --data, or --split: the embedded digits have no halves of their own');
  }
  const files = await loadIdx(data);
  if (split !== undefined) return side(files.all, split, seed, part);
  return files[part as 'all' | 'train' | 'test'];
}

function side(images: Dataset, percent: number, seed: number, part: Part): Dataset {
  if (part === 'all') return images;
  if (part === 'test') throw wrongPart(part, 'has no --split; give --part train or --part validation');
  return holdout(images, { percent, seed })[part];
}

function wrongPart(part: Part, reason: string): ConvsweepError {
  return new ConvsweepError('INVALID_ARGUMENT', `--part ${part} ${reason}`);
}
