import { invalidArgument } from '../../errors.js';
import { formatFixed } from '../../python/format.js';

/** How well one class, or an average over the classes, was recognised; 0 where a ratio has no denominator. */
export interface ClassMetrics {
  precision: number;
  recall: number;
  'f1-score': number;
  /** Number of images of that class. */
  support: number;
}

/** scikit-learn's `classification_report(..., output_dict=True)`, the classes in a list. */
export interface ClassificationReport {
  classes: ({ name: string } & ClassMetrics)[];
  accuracy: number;
  /** Each class counts the same. */
  'macro avg': ClassMetrics;
  /** Each class counts by its support. */
  'weighted avg': ClassMetrics;
}

/**
 * scikit-learn's classification report of a `confusionMatrix`, with every class of it, also those that no image
 * has.
 * @param names one per class; default their indices
 */
export function classificationReport(
  matrix: readonly (readonly number[])[],
  names: readonly string[] = matrix.map((_, i) => String(i)),
): ClassificationReport {
  if (names.length !== matrix.length) {
    throw invalidArgument('names', `${matrix.length} names, one per class`, names.length);
  }
  const classes = matrix.map((row, i) => {
    const hits = row[i]!;
    const support = sum(row);
    const predicted = sum(matrix.map((other) => other[i]!));
    return {
      name: names[i]!,
      precision: ratio(hits, predicted),
      recall: ratio(hits, support),
      'f1-score': ratio(2 * hits, support + predicted),
      support,
    };
  });
  const support = sum(classes.map((metrics) => metrics.support));
  const average = (weight: (metrics: ClassMetrics) => number): ClassMetrics => {
    const weights = sum(classes.map(weight));
    const mean = (key: 'precision' | 'recall' | 'f1-score') =>
      ratio(sum(classes.map((metrics) => metrics[key] * weight(metrics))), weights);
    return { precision: mean('precision'), recall: mean('recall'), 'f1-score': mean('f1-score'), support };
  };
  return {
    classes,
    accuracy: ratio(sum(matrix.map((row, i) => row[i]!)), support),
    'macro avg': average(() => 1),
    'weighted avg': average((metrics) => metrics.support),
  };
}

/** The report as scikit-learn prints it, with two digits and a line end after every row. */
export function formatClassificationReport(report: ClassificationReport): string {
  const width = Math.max('weighted avg'.length, ...report.classes.map(({ name }) => name.length));
  const line = (name: string, cells: readonly (string | number)[]) =>
    `${name.padStart(width)} ${cells.map((cell) => ` ${String(cell).padStart(9)}`).join('')}\n`;
  const row = (name: string, metrics: ClassMetrics) => {
    const ratios = [metrics.precision, metrics.recall, metrics['f1-score']];
    return line(name, [...ratios.map((value) => formatFixed(value, 2)), metrics.support]);
  };
  const macro = report['macro avg'];
  return [
    line('', ['precision', 'recall', 'f1-score', 'support']),
    '\n',
    ...report.classes.map((metrics) => row(metrics.name, metrics)),
    '\n',
    line('accuracy', ['', '', formatFixed(report.accuracy, 2), macro.support]),
    row('macro avg', macro),
    row('weighted avg', report['weighted avg']),
  ].join('');
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

/** In the order in which numpy adds: averages often lie on a rounding tie, which another order would turn. */
function sum(values: readonly number[]): number {
  if (values.length > 128) {
    const half = values.length >> 1;
    const cut = half - (half % 8);
    return sum(values.slice(0, cut)) + sum(values.slice(cut));
  }
  const blocks = values.length - (values.length % 8);
  const r = values.slice(0, blocks && 8);
  for (let i = 8; i < blocks; i++) r[i % 8]! += values[i]!;
  const total = blocks ? r[0]! + r[1]! + (r[2]! + r[3]!) + (r[4]! + r[5]! + (r[6]! + r[7]!)) : 0;
  return values.slice(blocks).reduce((partial, value) => partial + value, total);
}
