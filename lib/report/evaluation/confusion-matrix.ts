import { invalidArgument } from '../../errors.js';

/**
 * Counts by true class (row) and predicted class (column).
 * @param labels the true classes
 * @param predictions the predicted classes, as many as `labels`
 * @param classes number of classes
 * @throws ConvsweepError `INVALID_ARGUMENT` when the lengths differ, are 0, or a class is out of range
 */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): number[][] {
  if (labels.length === 0) throw invalidArgument('labels', 'at least one label', labels.length);
  if (predictions.length !== labels.length) {
    throw invalidArgument('predictions', `${labels.length} classes, one per label`, predictions.length);
  }
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    const row = matrix[labels[i]!];
    if (!row) throw invalidArgument('labels', `integers from 0 to ${classes - 1}`, labels[i]);
    const predicted = predictions[i]!;
    if (row[predicted] === undefined) {
      throw invalidArgument('predictions', `integers from 0 to ${classes - 1}`, predicted);
    }
    row[predicted]!++;
  }
  return matrix;
}

/**
 * The matrix as a table for the terminal, true classes down, predicted classes across.
 * @param names one per class; default their indices
 */
export function formatConfusionMatrix(
  matrix: readonly (readonly number[])[],
  names: readonly string[] = matrix.map((_, i) => String(i)),
): string {
  const corner = 'true \\ predicted';
  const cells = [[corner, ...names], ...matrix.map((row, i) => [names[i]!, ...row.map(String)])];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) => `${row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')}\n`).join('');
}
