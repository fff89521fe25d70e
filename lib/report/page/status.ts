import type { SweepProgress } from '../../sweep/progress.js';
import { accuracyText } from '../accuracy-text.js';
import { formatDuration } from '../duration.js';
import { countText, plural } from './format.js';
import { type Html, html } from './html.js';

/** A trial in training. */
export interface RunningTrial {
  trial: number;
  /** `60% · 100, 60, 100` */
  label: string;
  /** Epochs done. */
  epochs: number;
  /** Of the last epoch. */
  accuracy?: number;
}

/** How a sweep that is being watched goes. */
export interface LiveStatus {
  state: 'running' | 'finished' | 'stopped';
  progress: SweepProgress;
  running: readonly RunningTrial[];
  /** What is not as an earlier run left it, or why the sweep stopped. */
  messages: readonly string[];
}

const HEADINGS = {
  running: 'Training',
  finished: 'Finished',
  stopped: 'Stopped',
};

/** How far the sweep is. */
export function liveStatus({ state, progress, running, messages }: LiveStatus): Html {
  const { done, total, seconds, imagesPerSecond, secondsLeft } = progress;
  const facts = [
    `${done} of ${plural(total, 'trial')}`,
    `${formatDuration(seconds)}${state === 'running' ? ' so far' : ''}`,
    `${countText(imagesPerSecond)} images/s`,
    ...(state === 'running' && secondsLeft !== undefined ? [`${formatDuration(secondsLeft)} left`] : []),
  ];
  return html`<div class="status ${state}"><p><strong>${HEADINGS[state]}</strong> ${facts.join(' · ')}</p>
<progress max="${total}" value="${done}" aria-label="trials finished"></progress>
${messages.map((message) => html`<p>${message}</p>`)}
${
  running.length > 0 &&
  html`<ul>${running.map(
    ({ trial, label, epochs, accuracy }) =>
      html`<li><button type="button" data-trial="${trial}" aria-label="show the training of trial ${trial}">${trial}</button> ${label}: epoch ${epochs}${accuracy !== undefined && `, accuracy ${accuracyText(accuracy)}`}</li>`,
  )}</ul>`
}</div>`;
}

/** What a page says about a sweep that has not finished and is not being watched; nothing if it has. */
export function unfinishedStatus(done: number, total: number): Html | undefined {
  if (done === total) return undefined;
  return html`<p class="warning"><strong>Unfinished</strong> ${done} of ${plural(total, 'trial')}; the sweep’s command with --resume trains the others.</p>`;
}
