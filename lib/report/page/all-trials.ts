import type { TrialRecord } from '../../sweep/trial.js';
import { accuracyText } from '../accuracy-text.js';
import type { SweepReport } from '../sweep-report.js';
import { countText, parametersText, plural } from './format.js';
import { hasHeatMaps } from './heat-maps.js';
import { type Html, html } from './html.js';
import { trialButton } from './trial-button.js';

/** Every trial that has ended in a table that can be sorted; open where no heat map shows them. */
export function allTrials(report: SweepReport): Html | undefined {
  const { trials } = report;
  if (trials.length === 0) return undefined;
  const longest = Math.max(...trials.map(({ epochs }) => epochs));
  const hasUnseen = trials.some((record) => 'unseenAccuracy' in record);
  const heads = ['Trial', 'Split', Object.keys(trials[0]!.parameters).join(', '), 'Accuracy'];
  const head = (name: string): Html => {
    const isText = name === heads[1] || name === heads[2];
    return html`<th${isText && html` class="text"`}><button type="button">${name}</button></th>`;
  };
  return html`<h2>All trials</h2>
<details${!hasHeatMaps(report) && html` open`}><summary>${plural(trials.length, 'trial')} in a table</summary>
<p>Press a heading to sort. The bars show the epochs trained and, darker, those up to the one that was kept.</p>
<div class="scroll"><table class="list sortable">
<thead><tr>${[...heads, ...(hasUnseen ? ['Unseen'] : []), 'Epoch kept', 'Epochs', 'Stopped', 'Seconds', 'Images/s'].map(head)}</tr></thead>
<tbody>
${trials.map((record) => {
  const share = (count: number): string => `${((100 * count) / longest).toFixed(1)}%`;
  return html`<tr data-trial="${record.trial}"><td>${trialButton(record, record.trial)}</td><td class="text">${record.split}</td><td class="text">${parametersText(record.parameters)}</td>${results(record, hasUnseen)}<td>${record.epochs} <span class="bar"><i style="width:${share(record.epochs)}"></i>${record.status === 'finished' && html`<b style="width:${share(record.bestEpoch + 1)}"></b>`}</span></td><td>${record.stoppedEarly ? 'early' : 'at the last epoch'}</td><td>${record.seconds.toFixed(1)}</td><td>${countText(record.imagesPerSecond)}</td></tr>
`;
})}</tbody></table></div></details>`;
}

/** The cells of accuracies and the epoch kept. */
function results(record: TrialRecord, hasUnseen: boolean): Html {
  if (record.status === 'diverged') return html`<td>diverged</td>${hasUnseen && html`<td></td>`}<td></td>`;
  const { accuracy, unseenAccuracy, bestEpoch } = record;
  return html`<td>${accuracyText(accuracy)}</td>${
    hasUnseen && html`<td>${unseenAccuracy !== undefined && accuracyText(unseenAccuracy)}</td>`
  }<td>${bestEpoch + 1}</td>`;
}
