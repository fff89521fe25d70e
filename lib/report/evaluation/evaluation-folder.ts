import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import { makeFolder, writeWhole } from '../../files.js';
import { accuracyText } from '../accuracy-text.js';
import { formatClassificationReport, formatConfusionMatrix } from './classification-report.js';
import { plotConfusionMatrix } from './confusion-chart.js';
import { misclassifiedPage } from './misclassified-page.js';
import type { ModelEvaluation } from './model-evaluation.js';

/** Mistakes that the text lists. */
const LISTED = 10;

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

/** The evaluation for people: what report.txt and the terminal show. */
export function evaluationText(evaluation: ModelEvaluation): string {
  const { model, data, images, loss, accuracy, confusionMatrix, report, misclassified } = evaluation;
  return [
    `${model}`,
    `${data}: ${images} images`,
    `loss: ${loss.toFixed(4)} - accuracy: ${accuracyText(accuracy)}`,
    '',
    formatConfusionMatrix(confusionMatrix),
    formatClassificationReport(report),
    ...mistakes(misclassified, images),
  ].join('\n');
}

function mistakes(misclassified: ModelEvaluation['misclassified'], images: number): string[] {
  const heading = `misclassified: ${misclassified.length} of ${images}`;
  if (misclassified.length === 0) return [heading, ''];
  const most =
    misclassified.length > LISTED ? `, the ${LISTED} most confident` : ', the most confident first';
  const row = (cells: readonly (string | number)[]) =>
    cells.map((cell) => String(cell).padStart(11)).join('');
  return [
    `${heading}${most}`,
    row(['image', 'true', 'predicted', 'probability'].map((title) => ` ${title}`)),
    ...misclassified
      .slice(0, LISTED)
      .map(({ index, label, predicted, probability }) =>
        row([index, label, predicted, probability.toFixed(4)]),
      ),
    '',
  ];
}
