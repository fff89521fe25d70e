import type { Dataset } from '../data/dataset.js';
import { type Origin, originOf, originText } from '../data/origin.js';
import { allImages, type TrainTest } from '../data/train-test.js';
import { ConvsweepError } from '../errors.js';
import { protocolSplits } from './protocol.js';

/**
 * The images that a model was not trained on, in the order of the data set.
 * @param source what the images that it was trained on were cut from, as `loadDigits` or `loadIdx` gives it
 * @param origins of the model, {@link Model.origins}
 * @throws ConvsweepError `INVALID_ARGUMENT` when the origins are not known, when the model was trained on another data
 * set, or on images of this one that `holdout` and `notebookSplit` would not choose from all of it
 * @example
 * const model = await Model.load('runs/embedded-digits-holdout/model.h5');
 * await model.evaluate(unseenImages(await loadDigits(), model.origins));
 */
export function unseenImages(source: Dataset | TrainTest, origins: readonly Origin[] | undefined): Dataset {
  if (!origins) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      'The model does not say what it was trained on, so which images it has not seen cannot be told',
    );
  }
  const all = allImages(source);
  const seen = new Set(origins.flatMap((origin) => [...trainedOn(source, origin).rows]));
  return all.subset(
    Array.from(all.rows.keys()).filter((position) => !seen.has(all.rows[position]!)),
    `${all.name} not trained on`,
  );
}

/** The images of `source` that `origin` speaks of, which are told by their checksums. */
function trainedOn(source: Dataset | TrainTest, origin: Origin): Dataset {
  const { division, data, rows } = origin;
  const halves = 'all' in source ? [source.all, source.train, source.test] : [source];
  if (originOf(halves[0]!).data.sha256 !== data.sha256) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `The model was trained on ${originText(origin)}, other images than those of ${halves[0]!.name}: which of these it has seen cannot be told`,
    );
  }
  const cut = division
    ? protocolSplits(source, division.protocol, [division.percent], division.seed).map(({ train }) => train)
    : [];
  const found = [...cut, ...halves].find((images) => originOf(images).rows.sha256 === rows.sha256);
  if (found) return found;
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    `The model was trained on ${rows.count} images of ${data.name} that no split of all of it chooses: which ones cannot be told`,
  );
}
