/** Checks of what a sweep's folder holds, as strict as those of options: anybody may have written there. */
import { ConvsweepError, invalidArgument } from '../errors.js';

/**
 * The object that is written in `text`, once `check` has found nothing wrong with it.
 * @param what is expected, such as `the configuration of a sweep`, and where
 * @param remedy what to do about a damaged one
 * @throws ConvsweepError `INVALID_DATA`
 */
export function parseStored<T>(
  text: string,
  { what, remedy }: { what: string; remedy: string },
  check: (value: unknown) => T,
): T {
  try {
    return check(JSON.parse(text));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ConvsweepError('INVALID_DATA', `Expected ${what}, but: ${reason}; ${remedy}`, { cause });
  }
}

/** Throws unless `value` is an object with all of `required`, and nothing but these and `optional`. */
export function requireFields<T extends object>(
  name: string,
  value: unknown,
  required: readonly (keyof T & string)[],
  optional: readonly (keyof T & string)[] = [],
): asserts value is Record<keyof T & string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object', value);
  }
  const missing = required.find((field) => !Object.hasOwn(value, field));
  if (missing) throw invalidArgument(`${missing} of ${name}`, 'a value', undefined);
  const known: readonly string[] = [...required, ...optional];
  const unknown = Object.keys(value).find((field) => !known.includes(field));
  if (unknown !== undefined) throw invalidArgument(name, `only ${known.join(', ')}`, unknown);
}

/** Throws unless `value` is a text with something in it. */
export function requireText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw invalidArgument(name, 'a text', value);
}

export function requireSha256(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) {
    throw invalidArgument(name, 'the 64 hexadecimal digits of a SHA-256 checksum', value);
  }
}

/** Throws unless `value` is what `expected`, plain data, is. */
export function requireSame(name: string, value: unknown, expected: unknown): void {
  if (!isSame(value, expected)) throw invalidArgument(name, JSON.stringify(expected), value);
}

/** Goes as deep as `expected` does, however deep `value` is. */
function isSame(value: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return value === expected;
  if (typeof value !== 'object' || value === null || Array.isArray(value) !== Array.isArray(expected))
    return false;
  const keys = Object.keys(expected);
  return (
    Object.keys(value).length === keys.length &&
    keys.every(
      (key) =>
        Object.hasOwn(value, key) &&
        isSame((value as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key]),
    )
  );
}
