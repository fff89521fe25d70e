import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import { makeFolder, writeWhole } from '../../files.js';
import { accuracyText } from '../accuracy-text.js';
import { plotConfusionMatrix } from './confusion-chart.js';
import { evaluationText } from './evaluation-text.js';
import { misclassifiedPage } from './misclassified-page.js';
import type { ModelEvaluation } from './model-evaluation.js';

/**
 * Writes `report.txt`, `evaluation.json`, `confusion_matrix.svg` and `misclassified.html`. All are made before the
 * first is written, and each appears whole or not at all.
 * @param folder made if it is missing; files of these names are replaced
 * @param images those that were evaluated
 * @returns the paths
 * @throws ConvsweepError `FILE`
 */
export async function writeEvaluation(
  folder: string,
  evaluation: ModelEvaluation,
  images: Dataset,
): Promise<string[]> {
  const { model, data, accuracy, confusionMatrix } = evaluation;
  const files = {
    'report.txt': evaluationText(evaluation),
    'evaluation.json': `${JSON.stringify(evaluation, null, 2)}\n`,
    'confusion_matrix.svg': await plotConfusionMatrix(confusionMatrix, [
      model,
      `${data}: ${evaluation.images} images, accuracy ${accuracyText(accuracy)}`,
    ]),
    'misclassified.html': misclassifiedPage(evaluation, images),
  };
  await makeFolder(folder);
  for (const [name, content] of Object.entries(files)) await writeWhole(join(folder, name), content);
  return Object.keys(files).map((name) => join(folder, name));
}
