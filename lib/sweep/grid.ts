import { ConvsweepError, invalidArgument } from '../errors.js';
import { requireInteger } from '../validate.js';

/** A value of a hyperparameter; plain data, so that it can be recorded. */
export type GridValue = string | number | boolean | null | readonly GridValue[];

/** How deep arrays may lie within arrays: far deeper than anybody needs, and far from where recursion ends. */
const MOST_NESTED = 16;
/** So many combinations fit in memory, and none of them has ever been trained. */
const MOST_POINTS = 1_000_000;

/** The values to try of each hyperparameter. */
export type Grid = Readonly<Record<string, readonly GridValue[]>>;

/** One combination of a grid's values. */
export type GridPoint<G extends Grid = Grid> = { readonly [Name in keyof G]: G[Name][number] };

/** Widths of the notebook's three dense layers. */
export type NotebookGrid = { readonly neuron_counts: readonly (readonly [number, number, number])[] };

/**
 * All combinations of the grid's values, the last hyperparameter varying fastest, as nested loops or Python's
 * `itertools.product` would.
 * @throws ConvsweepError `INVALID_ARGUMENT` naming a hyperparameter without values, or with one that is no plain data
 */
export function gridPoints<G extends Grid>(grid: G): GridPoint<G>[] {
  if (typeof grid !== 'object' || grid === null || Array.isArray(grid)) {
    throw invalidArgument('grid', 'an object of value lists', grid);
  }
  if (Object.keys(grid).length === 0) throw invalidArgument('grid', 'at least one hyperparameter', grid);
  for (const [name, values] of Object.entries(grid)) {
    if (name === 'test_split' || name === 'accuracy' || /^\d+$/.test(name)) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `A hyperparameter cannot be called ${name}: models.csv has such a column, or JavaScript would reorder it; rename it`,
      );
    }
    if (!Array.isArray(values) || values.length === 0) {
      throw invalidArgument(`grid.${name}`, 'a non-empty array of values', values);
    }
    for (const [i, value] of values.entries()) requirePlain(`grid.${name}[${i}]`, value);
  }
  const count = Object.values(grid).reduce((product, values) => product * values.length, 1);
  if (count > MOST_POINTS) throw invalidArgument('grid', `at most ${MOST_POINTS} combinations`, count);
  const points = Object.entries(grid).reduce<Record<string, GridValue>[]>(
    (partial, [name, values]) =>
      partial.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    [{}],
  );
  return points as GridPoint<G>[];
}

/**
 * The notebook's grid: every triple of `widths` for the three dense layers, in the notebook's order.
 * @param widths default 60, 80, 100: 27 triples
 * @throws ConvsweepError `INVALID_ARGUMENT` unless they are distinct positive integers
 */
export function notebookGrid(widths: readonly number[] = [60, 80, 100]): NotebookGrid {
  if (!Array.isArray(widths) || widths.length === 0)
    throw invalidArgument('widths', 'an array of widths', widths);
  for (const [i, width] of widths.entries()) requireInteger(`widths[${i}]`, width);
  if (new Set(widths).size !== widths.length) throw invalidArgument('widths', 'distinct widths', widths);
  const points = gridPoints({ a: widths, b: widths, c: widths });
  return { neuron_counts: points.map(({ a, b, c }) => [a, b, c] as const) };
}

function requirePlain(name: string, value: unknown, depth = 0): void {
  if (value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)) return;
  if (!Array.isArray(value)) {
    throw invalidArgument(name, 'a string, a finite number, a boolean, null or an array of these', value);
  }
  if (depth === MOST_NESTED) {
    throw invalidArgument(name, `arrays within at most ${MOST_NESTED} others`, value);
  }
  for (const [i, element] of value.entries()) requirePlain(`${name}[${i}]`, element, depth + 1);
}
