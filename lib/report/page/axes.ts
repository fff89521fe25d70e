import type { Grid, GridPoint, GridValue } from '../../sweep/grid.js';

/** A number, word or the like that a grid varies: a hyperparameter, or one place of a list such as the widths. */
export interface Axis {
  /** `second dense layer`, `units`, `kernel 2` */
  name: string;
  /** Distinct, in the grid's order. */
  values: readonly GridValue[];
  /** The axis' value of a trial. */
  of: (parameters: GridPoint) => GridValue;
}

const ORDINALS = ['first', 'second', 'third'];
const LAYER = ' dense layer';

/** What a grid varies, in its order; what has the same value in every trial is left out. */
export function gridAxes(grid: Grid): Axis[] {
  return Object.entries(grid)
    .flatMap(([name, values]) => axesOf(name, values))
    .filter((axis) => axis.values.length > 1);
}

/** `widths` for the notebook's three dense layers, else the axes' names. */
export function axesInWords(axes: readonly Axis[]): string {
  if (axes.length === 0) return 'one setting';
  if (axes.every(({ name }) => name.endsWith(LAYER))) return 'widths';
  return axes.map(({ name }) => name).join(', ');
}

/** Lists of one length have an axis for each place; other hyperparameters are one axis. */
function axesOf(name: string, values: readonly GridValue[]): Axis[] {
  const lengths = new Set(values.map((value) => (isList(value) ? value.length : -1)));
  const [length] = lengths;
  if (lengths.size > 1 || length === undefined || length < 1) {
    return [{ name, values: distinct(values), of: (parameters) => parameters[name]! }];
  }
  return Array.from({ length }, (_, place) => ({
    name: name === 'neuron_counts' && length === 3 ? `${ORDINALS[place]}${LAYER}` : `${name} ${place + 1}`,
    values: distinct((values as readonly GridValue[][]).map((list) => list[place]!)),
    of: (parameters) => (parameters[name] as readonly GridValue[])[place]!,
  }));
}

function isList(value: GridValue): value is readonly GridValue[] {
  return Array.isArray(value);
}

function distinct(values: readonly GridValue[]): GridValue[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
