import { createRequire } from 'node:module';
import { layOutDigits, pythonRepr } from '../training/python-format.js';
import type { GridPoint, GridValue } from './grid.js';

const require = createRequire(import.meta.url);

/** A row of models.csv. */
export interface ModelRow {
  /** The split's name, `60%`. */
  split: string;
  parameters: GridPoint;
  /** A float32 value; without one the cell is empty. */
  accuracy?: number;
}

/**
 * The table of all trials, byte for byte as Python's `csv` module writes it from tuples and numpy's float32: CRLF,
 * quotes only where needed. For the notebook's grid the header is `test_split,neuron_counts,accuracy`.
 * @param rows in trial order, all with the same hyperparameters
 */
export function modelsCsv(rows: readonly ModelRow[]): string {
  // Loaded when it is needed: most who import this package write no table.
  const { stringify } = require('csv-stringify/sync') as typeof import('csv-stringify/sync');
  const names = Object.keys(rows[0]?.parameters ?? {});
  const table = rows.map(({ split, parameters, accuracy }) => [
    split,
    ...names.map((name) => pythonText(parameters[name]!)),
    accuracy === undefined ? '' : formatFloat32(accuracy),
  ]);
  return stringify([['test_split', ...names, 'accuracy'], ...table], {
    record_delimiter: 'windows',
    quoted_match: /[\r\n]/,
  });
}

/** Python's `str` of a hyperparameter: `(60, 60, 60)`, `(60,)`, `True`; null is the empty cell of None. */
export function pythonText(value: GridValue): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : pythonLiteral(value);
}

/** numpy's `str` of a float32: the shortest digits that round-trip, scientific below 1e-4 and from 1e16 on. */
export function formatFloat32(value: number): string {
  const float = Math.fround(value);
  if (!Number.isFinite(float)) return pythonRepr(float);
  let digits = 1;
  while (Math.fround(Number(toPrecision(float, digits))) !== float) digits++;
  const size = Math.abs(float);
  return layOutDigits(toPrecision(float, digits), size !== 0 && (size < 1e-4 || size >= 1e16));
}

/** As Number.prototype.toPrecision, but an exact tie goes to the even digit: 1/4096 is 0.00024414062. */
function toPrecision(value: number, digits: number): string {
  const oneMore = value.toExponential(digits);
  const [mantissa, exponent] = oneMore.split('e') as [string, string];
  const isTie = Number(oneMore) === value && mantissa.endsWith('5');
  const below = mantissa.slice(0, -1);
  const isEven = Number(below.replace('.', '').at(-1)) % 2 === 0;
  return isTie && isEven ? `${below.replace(/\.$/, '')}e${exponent}` : value.toPrecision(digits);
}

function pythonLiteral(value: GridValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : pythonRepr(value);
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    return quote + value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`) + quote;
  }
  const elements = value.map(pythonLiteral);
  return elements.length === 1 ? `(${elements[0]},)` : `(${elements.join(', ')})`;
}
