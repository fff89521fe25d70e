import { accuracyText } from '../report/accuracy-text.js';
import { formatDuration } from '../report/duration.js';
import type { TrialRecord } from '../sweep/trial.js';
import { shortTrialLabel } from '../sweep/trial-label.js';

/** A trial that has ended, in less than `columns` where that is possible: the least wanted details are left out. */
export function trialLine(record: TrialRecord, total: number, columns: number): string {
  const { trial, epochs, seconds, imagesPerSecond } = record;
  const place = `[${String(trial).padStart(String(total).length)}/${total}]`;
  const head = `${place} ${shortTrialLabel(record)}: ${outcome(record)}`;
  const details = [
    record.status === 'finished' ? `epoch ${record.bestEpoch + 1} of ${epochs}` : `${epochs} epochs`,
    formatDuration(seconds),
    `${Math.round(imagesPerSecond).toLocaleString('en')} images/s`,
  ];
  const lines = details.map((_, i) => `${head} (${details.slice(0, i + 1).join(', ')})`);
  return lines.findLast((line) => line.length < columns) ?? head;
}

function outcome(record: TrialRecord): string {
  if (record.status === 'diverged') return 'diverged';
  const { accuracy, unseenAccuracy } = record;
  const unseen = unseenAccuracy === undefined ? '' : `, unseen ${accuracyText(unseenAccuracy)}`;
  return `accuracy ${accuracyText(accuracy)}${unseen}`;
}
