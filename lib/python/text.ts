import { pythonFloat } from './float.js';

/** Plain data that Python has a literal for; lists are tuples there. */
export type PythonLiteral = string | number | boolean | null | readonly PythonLiteral[];

/** Python's `str`: `(60, 60, 60)`, `(60,)`, `True`; null is the empty cell that `csv` writes for None. */
export function pythonText(value: PythonLiteral): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : pythonLiteral(value);
}

function pythonLiteral(value: PythonLiteral): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : pythonFloat(value);
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    return quote + value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`) + quote;
  }
  const elements = value.map(pythonLiteral);
  return elements.length === 1 ? `(${elements[0]},)` : `(${elements.join(', ')})`;
}
