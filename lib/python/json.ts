import { pythonFloat } from './float.js';

/** A number that Python holds as a float: `PythonFloat(0)` is written `0.0`, where the number 0 is written `0`. */
export class PythonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Data that {@link pythonJson} writes. */
export type PythonValue =
  | null
  | boolean
  | number
  | string
  | PythonFloat
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue };

/** The bytes that Python's `json.dumps` gives: `", "` and `": "` between items, floats as `repr` writes them. */
export function pythonJson(value: PythonValue): string {
  if (value instanceof PythonFloat) return pythonFloat(value.value);
  if (isList(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    const items = Object.entries(value).map(([key, item]) => `${pythonJson(key)}: ${pythonJson(item)}`);
    return `{${items.join(', ')}}`;
  }
  if (typeof value === 'string') return asciiOnly(JSON.stringify(value));
  return JSON.stringify(value);
}

function isList(value: PythonValue): value is readonly PythonValue[] {
  return Array.isArray(value);
}

function asciiOnly(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
