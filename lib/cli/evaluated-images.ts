import { basename } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { type Origin, originText } from '../data/origin.js';
import type { TrainTest } from '../data/train-test.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { unseenImages } from '../sweep/unseen.js';
import { type Selection, selectImages } from './data-source.js';

/** What a model is evaluated on, and how that relates to what it was trained on. */
export interface EvaluatedImages {
  images: Dataset;
  /** In words. */
  remark: string;
}

/** How messages name the remedy. */
const ALL = '--all evaluates images whether or not the model was trained on them';

/**
 * The images that were selected, less those that the model was trained on.
 * @param file of the model
 * @param origins of the model; undefined where its file does not say
 * @param all whether to keep what the model was trained on
 * @throws ConvsweepError `INVALID_ARGUMENT` when the selection contradicts the file, or leaves no image
 */
export function evaluatedImages(
  file: string,
  origins: readonly Origin[] | undefined,
  source: Dataset | TrainTest,
  selection: Selection,
  all: boolean,
): EvaluatedImages {
  const name = basename(file);
  if (!origins) {
    return {
      images: selectImages(source, selection),
      remark: `${name} does not say what it was trained on: these images may be among it. --split leaves out those that a sweep or convsweep train took.`,
    };
  }
  const from = origins.map(originText).join(', ') || 'nothing';
  const chosen = selectImages(source, all ? selection : agreeing(selection, origins, from));
  if (all) return { images: chosen, remark: `These may be images that ${name} was trained on: ${from}.` };

  const unseen = new Set(remediable(() => unseenImages(source, origins)).rows);
  const positions = [...chosen.rows.keys()].filter((position) => unseen.has(chosen.rows[position]!));
  if (positions.length === 0) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `${name} was trained on all ${chosen.size} images of ${chosen.name}; ${ALL}`,
    );
  }
  const isWhole = positions.length === chosen.size;
  return {
    images: isWhole ? chosen : chosen.subset(positions, `${chosen.name} not trained on`),
    remark: `${name} was trained on ${from}. Evaluated are ${isWhole ? 'all' : `the ${positions.length} other`} of the ${chosen.size} images of ${chosen.name}.`,
  };
}

/** The selection, completed from the file: all images where none are chosen, and the file's split and seed. */
function agreeing(selection: Selection, origins: readonly Origin[], from: string): Selection {
  const { part, split, seed } = selection;
  const division = origins.length === 1 ? origins[0]!.division : undefined;
  const isOther =
    (split !== undefined && (division?.protocol !== 'holdout' || division.percent !== split)) ||
    (seed !== undefined && division?.seed !== seed);
  if (isOther) {
    const [option, value] =
      split === undefined ? ['--seed', seed] : ['--split', `${split} (seed ${seed ?? 0})`];
    throw invalidArgument(option, `what the model was trained on, ${from} (leave it out; ${ALL})`, value);
  }
  if (division && (split !== undefined || part === 'validation')) {
    return { part: part ?? 'validation', split: division.percent, seed: division.seed };
  }
  return { part: part ?? 'all' };
}

function remediable<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof ConvsweepError)) throw error;
    throw new ConvsweepError(error.code, `${error.message}; ${ALL}`, { cause: error });
  }
}
