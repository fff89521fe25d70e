import { finishedOnly } from '../../sweep/selection.js';
import { formatDuration } from '../duration.js';
import type { SweepReport } from '../sweep-report.js';
import { countText } from './format.js';
import { type Html, html } from './html.js';
import { quantile } from './statistics.js';

/** When training stopped, which epochs were kept, and how long it took, by split. */
export function epochs({ config, trials }: SweepReport): Html | undefined {
  if (trials.length === 0) return undefined;
  const rows = config.splits.flatMap(({ name, startFromEpoch }) => {
    const members = trials.filter(({ split }) => split === name);
    if (members.length === 0) return [];
    const stopped = members.filter(({ stoppedEarly }) => stoppedEarly).length;
    return html`<tr><td class="text">${name}</td><td>from ${startFromEpoch.epoch + 1}</td><td>${middle(finishedOnly(members).map(({ bestEpoch }) => bestEpoch + 1))}</td><td>${middle(members.map((record) => record.epochs))}</td><td>${stopped} of ${members.length}</td><td>${formatDuration(
      quantile(
        members.map(({ seconds }) => seconds),
        0.5,
      ),
    )}</td><td>${countText(
      quantile(
        members.map(({ imagesPerSecond }) => imagesPerSecond),
        0.5,
      ),
    )}</td></tr>
`;
  });
  return html`<h2>Epochs and time</h2>
<p>Training stops when the validation loss has not improved for ${config.patience} epochs, and after ${config.epochs} at the latest; the best epoch is kept. Medians over the trials, with the range in brackets; a trial shares the device with those beside it.</p>
<div class="scroll"><table class="list">
<thead><tr><th class="text">Split</th><th>Looked at</th><th>Epoch kept</th><th>Epochs trained</th><th>Stopped early</th><th>Time of a trial</th><th>Images/s</th></tr></thead>
<tbody>
${rows}</tbody></table></div>`;
}

/** `12 (9–17)`, or a dash for none. */
function middle(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const median = quantile(values, 0.5).toFixed(1).replace(/\.0$/, '');
  return low === high ? median : `${median} (${low}–${high})`;
}
