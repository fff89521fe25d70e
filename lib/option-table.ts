/** Options of a call, each spelled once: what it must be, and what it is when it is left out. */
import { type Check, rejectUnknownOptions } from './validate.js';

/** What is to be known of one option. */
export interface OptionRule<T> {
  /** What it is when it is left out; without a default it is undefined then. */
  readonly default?: T;
  /** Whether it has to be given, which `check` must see to. */
  readonly required?: true;
  /** Is asked about every value, of options that are left out only where they are required. */
  readonly check?: Check;
}

/** A rule for every option of the interface `O`, and for nothing else. */
export type OptionTable<O extends object> = {
  readonly [Name in keyof O]-?: OptionRule<Exclude<O[Name], undefined>>;
};

/** The options `O` with the defaults of `T` filled in: undefined are only those without one. */
export type Resolved<O extends object, T extends OptionTable<O>> = {
  [Name in keyof O]-?:
    | Exclude<O[Name], undefined>
    | (T[Name] extends { default: unknown } | { required: true } ? never : undefined);
};

/**
 * Checks options and fills in the defaults. An option that is undefined counts as left out.
 * @param where the function that takes them, for messages
 * @throws ConvsweepError `INVALID_ARGUMENT` for an option that the table does not have, and what the checks throw
 */
export function resolveOptions<O extends object, const T extends OptionTable<O>>(
  where: string,
  options: O,
  table: T,
): Resolved<O, T> {
  const rules = Object.entries<OptionRule<unknown>>(table);
  rejectUnknownOptions(where, options, Object.keys(table));
  const given = options as Readonly<Record<string, unknown>>;
  const resolved = rules.map(([name, rule]) => {
    const value = given[name] === undefined ? rule.default : given[name];
    if (value !== undefined || rule.required) rule.check?.(name, value);
    return [name, value];
  });
  return Object.fromEntries(resolved) as Resolved<O, T>;
}
