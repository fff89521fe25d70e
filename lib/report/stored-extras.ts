import { invalidArgument } from '../errors.js';
import { parseStored, requireFields, requireText } from '../sweep/stored.js';
import { requireInteger, requireNumber } from '../validate.js';
import type { ReportEvaluation, ReportExtras, ReportMistake } from './sweep-report.js';

/**
 * What a sweep's `report.json` holds.
 * @param path of the file, for messages
 * @throws ConvsweepError `INVALID_DATA` for anything else
 */
export function parseExtras(text: string, path: string): ReportExtras {
  const what = `what a report tells beyond its sweep in ${path}`;
  const remedy = 'it is damaged; delete it to write the report without the evaluation of the best model';
  return parseStored(text, { what, remedy }, (value) => {
    requireFields<ReportExtras>('the extras', value, [], ['command', 'device', 'evaluation']);
    for (const key of ['command', 'device'] as const) {
      if (Object.hasOwn(value, key)) requireText(key, value[key]);
    }
    if (Object.hasOwn(value, 'evaluation')) requireEvaluation(value.evaluation);
    return value as ReportExtras;
  });
}

function requireEvaluation(value: unknown): void {
  const fields = ['data', 'images', 'loss', 'accuracy', 'confusionMatrix', 'mistakes'] as const;
  requireFields<ReportEvaluation>('evaluation', value, fields);
  requireText('evaluation.data', value.data);
  requireInteger('evaluation.images', value.images);
  requireNumber('evaluation.loss', value.loss, 0);
  requireNumber('evaluation.accuracy', value.accuracy, 0, 1);
  const classes = requireMatrix('evaluation.confusionMatrix', value.confusionMatrix);
  requireMistakes('evaluation.mistakes', value.mistakes, classes);
}

/** @returns the number of classes */
function requireMatrix(name: string, value: unknown): number {
  const isCounts = (row: unknown, _: number, { length }: unknown[]): boolean =>
    Array.isArray(row) && row.length === length && row.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!Array.isArray(value) || value.length === 0 || !value.every(isCounts)) {
    throw invalidArgument(name, 'as many rows of counts as they are long', value);
  }
  return value.length;
}

function requireMistakes(name: string, value: unknown, classes: number): void {
  if (!Array.isArray(value)) throw invalidArgument(name, 'a list', value);
  for (const [i, mistake] of value.entries()) {
    const at = `${name}[${i}]`;
    const fields = ['image', 'index', 'label', 'predicted', 'probability'] as const;
    requireFields<ReportMistake>(at, mistake, fields);
    // Nothing else, as an address from which a page would fetch it.
    const { image } = mistake;
    if (typeof image !== 'string' || !/^data:image\/png;base64,[\w+/]+=*$/.test(image)) {
      throw invalidArgument(`${at}.image`, 'a PNG image as a data URL', image);
    }
    requireInteger(`${at}.index`, mistake.index, 0);
    for (const key of ['label', 'predicted'] as const) {
      requireInteger(`${at}.${key}`, mistake[key], 0);
      requireNumber(`${at}.${key}`, mistake[key], 0, classes - 1);
    }
    requireNumber(`${at}.probability`, mistake.probability, 0, 1);
  }
}
