import { pythonText } from '../python/text.js';
import type { GridPoint, GridValue } from './grid.js';

/** What tells a trial from the others of its sweep. */
interface Labelled {
  /** The split's name. */
  split: string;
  parameters: GridPoint;
}

/** `60%, neuron_counts (100, 60, 100)` */
export function trialLabel({ split, parameters }: Labelled): string {
  const values = Object.entries(parameters).map(([name, value]) => `${name} ${valueText(value)}`);
  return [split, ...values].join(', ');
}

/** `60% (100, 60, 100)`, for where there is little room. */
export function shortTrialLabel({ split, parameters }: Labelled): string {
  return `${split} ${parametersLabel(parameters)}`;
}

/** `(100, 60, 100)` */
export function parametersLabel(parameters: GridPoint): string {
  return Object.values(parameters).map(valueText).join(' ');
}

/** As models.csv has it, where a cell may be empty; here that would show nothing. */
function valueText(value: GridValue): string {
  return value === null ? 'None' : pythonText(value);
}
