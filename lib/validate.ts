/** Checks of what callers hand over. */
import { ConvsweepError, invalidArgument } from './errors.js';

/** Throws unless `value` is an integer of at least `minimum`. */
export function requireInteger(name: string, value: unknown, minimum = 1): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum) {
    const expected = minimum === 1 ? 'a positive integer' : `an integer of at least ${minimum}`;
    throw invalidArgument(name, expected, value);
  }
}

/** Throws unless `value` is a number from `minimum` to `maximum`. */
export function requireNumber(
  name: string,
  value: unknown,
  minimum: number,
  maximum = Number.MAX_VALUE,
): asserts value is number {
  if (!(typeof value === 'number' && value >= minimum && value <= maximum)) {
    const range = maximum < Number.MAX_VALUE ? `from ${minimum} to ${maximum}` : `of at least ${minimum}`;
    throw invalidArgument(name, `a number ${range}`, value);
  }
}

/** Throws unless `value`, the argument `name`, is what it must be. */
export type Check = (name: string, value: unknown) => void;

/** The check of an integer of at least `minimum`. */
export function integer(minimum = 1): Check {
  return (name, value) => requireInteger(name, value, minimum);
}

/** The check of a finite number of at least `minimum`. */
export function numberFrom(minimum: number): Check {
  return (name, value) => requireNumber(name, value, minimum);
}

/** The check of one of several values. */
export function oneOf(values: readonly (string | number | boolean)[]): Check {
  const words = values.map((value) => JSON.stringify(value));
  const expected = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return (name, value) => {
    if (!(values as readonly unknown[]).includes(value)) throw invalidArgument(name, expected, value);
  };
}

/** Throws unless `value` is an AbortSignal, of whatever realm. */
export function requireSignal(name: string, value: unknown): asserts value is AbortSignal {
  if (typeof (value as AbortSignal | null)?.addEventListener !== 'function') {
    throw invalidArgument(name, 'an AbortSignal', value);
  }
}

/** Throws unless `options` is an object all of whose keys are in `known`, suggesting the nearest known one. */
export function rejectUnknownOptions(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument(`the options of ${where}`, 'an object', options);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const nearest = known.find((k) => k.toLowerCase() === key.toLowerCase()) ?? nearestWord(key, known);
    const hint = nearest ? `; did you mean ${nearest}?` : `; known options: ${known.join(', ')}`;
    throw new ConvsweepError('INVALID_ARGUMENT', `Unknown option ${key} for ${where}${hint}`);
  }
}

function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
        next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
      }
      row = next;
    }
    return row[b.length]!;
  };
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of candidates) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}
