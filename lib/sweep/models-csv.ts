import { createRequire } from 'node:module';
import { pythonFloat32 } from '../python/float.js';
import { pythonText } from '../python/text.js';
import type { GridPoint } from './grid.js';

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
    accuracy === undefined ? '' : pythonFloat32(accuracy),
  ]);
  return stringify([['test_split', ...names, 'accuracy'], ...table], {
    record_delimiter: 'windows',
    quoted_match: /[\r\n]/,
  });
}
