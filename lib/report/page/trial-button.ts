import type { TrialRecord } from '../../sweep/trial.js';
import { accuracyText } from '../accuracy-text.js';
import { trialText } from './format.js';
import { type Html, type HtmlValue, html } from './html.js';

/** What shows a trial's training curves when it is pressed. */
export function trialButton(record: TrialRecord, content: HtmlValue, className?: string): Html {
  const label = `Trial ${record.trial}, ${trialText(record)}: ${outcomeText(record)}`;
  return html`<button type="button" data-trial="${record.trial}" title="${label}" aria-label="${label}; show its training"${
    className !== undefined && html` class="${className}"`
  }>${content}</button>`;
}

/** `accuracy 0.9840`, or that there is none. */
function outcomeText(record: TrialRecord): string {
  return record.status === 'diverged' ? 'diverged' : `accuracy ${accuracyText(record.accuracy)}`;
}
