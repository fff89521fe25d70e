import type { GridPoint } from '../../sweep/grid.js';
import { finishedOnly } from '../../sweep/selection.js';
import { trainedSplits } from '../../sweep/trained-splits.js';
import { accuracyText } from '../accuracy-text.js';
import type { SweepReport } from '../sweep-report.js';
import { gridAxes } from './axes.js';
import { plural, valueText } from './format.js';
import { type Html, html } from './html.js';
import { spreadOf, tellingRange } from './statistics.js';

/** An axis of more values would fill the page. */
const MOST_VALUES = 12;
const TICKS = 4;

/** The accuracies of all trials that have one on a line for each split and each value of an axis, with mean and deviation. */
export function spread({ config, trials: ended, best }: SweepReport): Html | undefined {
  if (!best) return undefined;
  const trials = finishedOnly(ended);
  const splits = trainedSplits(config);
  const range = tellingRange(trials.map(({ accuracy }) => accuracy));
  const size = range.high - range.low || 1e-4;
  const place = (accuracy: number): string => {
    const share = (accuracy - range.low) / size;
    return `${(Math.min(1, Math.max(0, share)) * 100).toFixed(2)}%`;
  };
  const row = (name: string, members: typeof trials): Html | undefined => {
    if (members.length === 0) return undefined;
    const { mean, deviation, median } = spreadOf(members.map(({ accuracy }) => accuracy));
    const dots = members.map(
      (record) =>
        html`<i data-trial="${record.trial}" style="left:${place(record.accuracy)}"${record === best && html` class="best"`}></i>`,
    );
    return html`<div class="strip"><span>${name}</span><div class="dots"><b style="left:${place(median)}"></b>${dots}</div><span class="number">${accuracyText(mean)} <small>± ${accuracyText(deviation)}</small></span></div>
`;
  };
  const group = (name: string, rows: readonly (Html | undefined)[]): Html =>
    html`<div class="strips"><h3>${name}</h3>${rows}</div>`;

  const groups = [
    ...(splits.length > 1
      ? [
          group(
            'Split',
            splits.map(({ name }) =>
              row(
                name,
                trials.filter(({ split }) => split === name),
              ),
            ),
          ),
        ]
      : []),
    ...gridAxes(config.grid)
      .filter(({ values }) => values.length <= MOST_VALUES)
      .map(({ name, values, of }) => {
        const has = (parameters: GridPoint, value: unknown): boolean =>
          JSON.stringify(of(parameters)) === JSON.stringify(value);
        return group(
          name,
          values.map((value) =>
            row(
              valueText(value),
              trials.filter(({ parameters }) => has(parameters, value)),
            ),
          ),
        );
      }),
  ];
  const { count, min, max, mean, deviation } = spreadOf(trials.map(({ accuracy }) => accuracy));
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => range.low + (size * i) / TICKS);
  return html`<h2>Spread</h2>
<p>${plural(count, 'trial')} from ${accuracyText(min)} to ${accuracyText(max)}, mean ${accuracyText(mean)}, standard deviation ${accuracyText(deviation)}. A dot is a trial, the bar a row’s median; right: mean and standard deviation.${
    range.clipped && html` Accuracies below ${accuracyText(range.low)} are drawn at the left end.`
  }</p>
${groups}
<div class="strip ticks" aria-hidden="true"><span></span><div class="dots">${ticks.map((tick) => html`<span style="left:${place(tick)}">${accuracyText(tick)}</span>`)}</div><span></span></div>`;
}
