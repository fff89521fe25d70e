import type { GridPoint, GridValue } from '../../sweep/grid.js';
import type { TrialRecord } from '../../sweep/trial.js';

/** `12,345` */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en');
}

/** `81 trials`, `1 trial` */
export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `100, 60, 100` */
export function valueText(value: GridValue): string {
  return typeof value === 'object' && value !== null ? value.map(valueText).join(', ') : String(value);
}

/** `100, 60, 100`; with the names where there are several hyperparameters: `units 8, rate 0.25`. */
export function parametersText(parameters: GridPoint): string {
  const entries = Object.entries(parameters);
  if (entries.length === 1) return valueText(entries[0]![1]);
  return entries.map(([name, value]) => `${name} ${valueText(value)}`).join(', ');
}

/** `60% · 100, 60, 100` */
export function trialText({ split, parameters }: Pick<TrialRecord, 'split' | 'parameters'>): string {
  return `${split} · ${parametersText(parameters)}`;
}
