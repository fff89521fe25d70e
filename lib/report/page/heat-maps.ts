import type { GridPoint, GridValue } from '../../sweep/grid.js';
import { finishedOnly } from '../../sweep/selection.js';
import { trainedSplits } from '../../sweep/trained-splits.js';
import type { TrialRecord } from '../../sweep/trial.js';
import { accuracyText } from '../accuracy-text.js';
import type { SweepReport } from '../sweep-report.js';
import { type Axis, axesInWords, gridAxes } from './axes.js';
import { valueText } from './format.js';
import { type Html, html } from './html.js';
import { tellingRange } from './statistics.js';
import { trialButton } from './trial-button.js';

/** Colours from the least to the most accurate. */
const STEPS = 7;

/** Stands for the rows or panels that a grid of fewer axes does not have. */
const NO_AXIS: Axis = { name: '', values: [null], of: () => null };

/** Whether there is an accuracy, and the grid has one to three axes, as many as heat maps can show. */
export function hasHeatMaps({ config, best }: SweepReport): boolean {
  const { length } = gridAxes(config.grid);
  return best !== undefined && length >= 1 && length <= 3;
}

/**
 * The accuracy of every trial: a panel for each split that is trained and each value of the third axis, the first axis
 * down, the second across.
 */
export function heatMaps(report: SweepReport): Html | undefined {
  const { config, trials, best } = report;
  if (!hasHeatMaps(report)) return undefined;
  const axes = gridAxes(config.grid);
  const [rows, columns, panels] = (axes.length === 1 ? [NO_AXIS, axes[0], NO_AXIS] : [...axes, NO_AXIS]) as [
    Axis,
    Axis,
    Axis,
  ];
  const range = tellingRange(finishedOnly(trials).map(({ accuracy }) => accuracy));
  const key = (split: string, row: GridValue, column: GridValue, panel: GridValue): string =>
    JSON.stringify([split, row, column, panel]);
  const keyOf = ({ split, parameters }: { split: string; parameters: GridPoint }): string =>
    key(split, rows.of(parameters), columns.of(parameters), panels.of(parameters));
  const records = new Map(trials.map((record) => [keyOf(record), record]));

  const cell = (record: TrialRecord | undefined): Html => {
    if (!record) return html`<td><span class="pending" title="not trained">·</span></td>`;
    if (record.status === 'diverged') return html`<td>${trialButton(record, '×', 'diverged')}</td>`;
    const step = colourStep(record.accuracy, range);
    const mark = record === best ? ' best' : '';
    return html`<td>${trialButton(record, accuracyText(record.accuracy).replace(/^0/, ''), `q${step}${mark}`)}</td>`;
  };
  const panel = (split: string, value: GridValue): Html => html`<table class="heat">
${panels !== NO_AXIS && html`<caption>${panels.name} ${valueText(value)}</caption>`}
<thead><tr>${rows !== NO_AXIS && html`<td></td>`}${columns.values.map((column) => html`<th scope="col">${valueText(column)}</th>`)}</tr></thead>
<tbody>${rows.values.map(
    (row) =>
      html`<tr>${rows !== NO_AXIS && html`<th scope="row">${valueText(row)}</th>`}${columns.values.map(
        (column) => cell(records.get(key(split, row, column, value))),
      )}</tr>`,
  )}</tbody></table>`;

  return html`<h2>Accuracy by ${axesInWords(axes)} and split</h2>
<p>${legendInWords(rows, columns)} The best is framed${trials.some(({ status }) => status === 'diverged') && ', a cross is a trial that diverged'}. Press a cell for its training curves.</p>
${legend(range)}
${trainedSplits(config).map(
  ({
    name,
    train,
  }) => html`<h3>Split ${name} <small>${train.toLocaleString('en')} images to train on</small></h3>
<div class="panels">${panels.values.map((value) => panel(name, value))}</div>
`,
)}`;
}

function legendInWords(rows: Axis, columns: Axis): string {
  return rows === NO_AXIS ? `Across: ${columns.name}.` : `Down: ${rows.name}; across: ${columns.name}.`;
}

function legend({ low, high, clipped }: ReturnType<typeof tellingRange>): Html {
  const steps = Array.from({ length: STEPS }, (_, step) => html`<i class="q${step}"></i>`);
  return html`<p class="legend" aria-hidden="true">${accuracyText(low)}${clipped && ' or less'} ${steps} ${accuracyText(high)}</p>`;
}

/** From 0 to {@link STEPS} - 1. */
function colourStep(accuracy: number, { low, high }: { low: number; high: number }): number {
  if (high === low) return STEPS - 1;
  const share = Math.max(0, (accuracy - low) / (high - low));
  return Math.min(STEPS - 1, Math.floor(share * STEPS));
}
