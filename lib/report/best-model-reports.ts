import type { Dataset } from '../data/dataset.js';
import type { InferenceOptions, Model } from '../model/model.js';
import { SweepFolder } from '../sweep/folder.js';
import { writeEvaluation } from './evaluation/evaluation-folder.js';
import { evaluateModel, type ModelEvaluation } from './evaluation/model-evaluation.js';
import { writePictures } from './pictures.js';
import type { TrainingRun } from './plots.js';

/** What {@link writeBestModelReports} wrote. */
export interface BestModelReports {
  evaluation: ModelEvaluation;
  /** Paths of the files. */
  files: string[];
}

/**
 * Writes what people look at of a trained model: `accuracy.svg`, `loss.svg`, `cnn_architecture.svg` and the folder
 * `evaluation`.
 * @param folder made if it is missing; files of these names are replaced
 * @param run its training; `bestTrialRun` makes it of a sweep's record
 * @param model its best state
 * @param images to evaluate it on: ones that it was not trained on
 * @throws ConvsweepError `FILE`, `SHAPE_MISMATCH`, `ABORTED`
 */
export async function writeBestModelReports(
  folder: string,
  run: TrainingRun,
  model: Model,
  images: Dataset,
  options: InferenceOptions = {},
): Promise<BestModelReports> {
  const evaluation = await evaluateModel(`${run.title}, ${run.description}`, model, images, options);
  const place = new SweepFolder(folder);
  const pictures = await writePictures(run, model, 'svg', (picture) => place.picture(picture, 'svg'));
  const files = await writeEvaluation(place.evaluation, evaluation, images);
  return { evaluation, files: [...pictures, ...files] };
}
