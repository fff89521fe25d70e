import { accuracyText } from '../report/accuracy-text.js';
import { formatDuration } from '../report/duration.js';
import type { SweepProgress } from '../sweep/progress.js';
import { shortTrialLabel } from '../sweep/trial-label.js';

/** The bar and what fits beside it in less than `columns`, the most wanted first: a line that wraps is not redrawn. */
export function progressLine(bar: string, progress: SweepProgress, columns: number): string {
  const { done, total, secondsLeft, best, imagesPerSecond, epochs } = progress;
  const parts = [
    `${done}/${total} trials`,
    `${secondsLeft === undefined ? '?' : formatDuration(secondsLeft)} left`,
    `best ${best ? `${accuracyText(best.accuracy)} ${shortTrialLabel(best)}` : '-'}`,
    `${Math.round(imagesPerSecond).toLocaleString('en')} images/s`,
    `${epochs} epochs`,
  ];
  return parts.reduce((line, part) => {
    const longer = `${line}  ${part}`;
    return longer.length < columns ? longer : line;
  }, bar);
}
