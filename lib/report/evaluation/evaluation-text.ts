import { accuracyText } from '../accuracy-text.js';
import { formatClassificationReport } from './classification-report.js';
import { formatConfusionMatrix } from './confusion-matrix.js';
import type { ModelEvaluation } from './model-evaluation.js';

/** Mistakes that the text lists. */
const LISTED = 10;

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
