import { rankTrials } from '../../sweep/selection.js';
import { accuracyText } from '../accuracy-text.js';
import { formatDuration } from '../duration.js';
import type { SweepReport } from '../sweep-report.js';
import { parametersText } from './format.js';
import { type Html, html } from './html.js';
import { trialButton } from './trial-button.js';

const LENGTH = 10;

/** The most accurate models, equals in the order of their numbers. */
export function ranking({ trials }: SweepReport): Html | undefined {
  const first = rankTrials(trials).slice(0, LENGTH);
  if (first.length === 0) return undefined;
  const hasUnseen = first.some(({ unseenAccuracy }) => unseenAccuracy !== undefined);
  return html`<h2>Best models</h2>
<div class="scroll"><table class="list">
<thead><tr><th>Accuracy</th>${hasUnseen && html`<th>Unseen</th>`}<th class="text">Split</th><th class="text">${Object.keys(first[0]!.parameters).join(', ')}</th><th>Trial</th><th>Epoch kept</th><th class="wide">Time</th></tr></thead>
<tbody>
${first.map(
  (record) => html`<tr data-trial="${record.trial}"><td><b>${accuracyText(record.accuracy)}</b></td>${
    hasUnseen && html`<td>${record.unseenAccuracy !== undefined && accuracyText(record.unseenAccuracy)}</td>`
  }<td class="text">${record.split}</td><td class="text">${parametersText(record.parameters)}</td><td>${trialButton(record, record.trial)}</td><td>${record.bestEpoch + 1} of ${record.epochs}</td><td class="wide">${formatDuration(record.seconds)}</td></tr>
`,
)}</tbody></table></div>`;
}
