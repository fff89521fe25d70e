import type { Dataset } from '../data/dataset.js';
import { loadDigits } from '../data/digits.js';
import { loadIdx } from '../data/idx-folder.js';
import { holdout } from '../data/splits.js';
import type { TrainTest } from '../data/train-test.js';
import { ConvsweepError } from '../errors.js';

/** Which images a command is about. */
export interface Selection {
  part?: Part;
  split?: number;
  /** Of the split; default 0. */
  seed?: number;
}

/** The options of commands that look at images. */
export interface ImageOptions extends Selection {
  data?: string;
}

export const PARTS = ['all', 'train', 'test', 'validation'] as const;
export type Part = (typeof PARTS)[number];

/**
 * Refuses a selection that no model and no data could satisfy, before either is read.
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function requireSelection({ data, part, split }: ImageOptions): void {
  if (part !== 'test') return;
  if (split !== undefined) throw wrongPart(part, 'has no --split; give --part train or --part validation');
  if (data === undefined) {
    throw wrongPart(part, 'needs --data, or --split: the embedded digits have no halves of their own');
  }
}

/** The embedded digits, or the files of a folder with halves of their own. */
export function loadSource(data: string | undefined): Promise<Dataset | TrainTest> {
  return data === undefined ? loadDigits() : loadIdx(data);
}

/**
 * The images that a command is about, of a selection that {@link requireSelection} lets pass.
 * `validation` and `train` with a split: the sides of the sweep's `holdout` division. Without a split, `train` and
 * `test` are the files' own halves, which the embedded digits do not have. Default: `validation` if there is a split,
 * `test` for files, `all` for the embedded digits.
 */
export function selectImages(source: Dataset | TrainTest, { part, split, seed = 0 }: Selection): Dataset {
  if (part === 'validation' && split === undefined) {
    throw wrongPart(part, 'needs --split, the percentage that the model was trained on, e.g. --split 60');
  }
  if ('all' in source) {
    if (split !== undefined) return side(source.all, split, seed, part ?? 'validation');
    return source[(part ?? 'test') as 'all' | 'train' | 'test'];
  }
  if (split !== undefined) return side(source, split, seed, part ?? 'validation');
  if (part === 'train')
    throw wrongPart(part, 'needs --split: the embedded digits have no halves of their own');
  return source;
}

function side(images: Dataset, percent: number, seed: number, part: Part): Dataset {
  return part === 'all' ? images : holdout(images, { percent, seed })[part as 'train' | 'validation'];
}

function wrongPart(part: Part, reason: string): ConvsweepError {
  return new ConvsweepError('INVALID_ARGUMENT', `--part ${part} ${reason}`);
}
