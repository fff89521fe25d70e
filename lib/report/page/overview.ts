import { finishedOnly } from '../../sweep/selection.js';
import { trainedSplits } from '../../sweep/trained-splits.js';
import type { FinishedTrial } from '../../sweep/trial.js';
import { accuracyText } from '../accuracy-text.js';
import { formatDuration } from '../duration.js';
import type { SweepReport } from '../sweep-report.js';
import { axesInWords, gridAxes } from './axes.js';
import { countText, plural, trialText } from './format.js';
import { type Html, html } from './html.js';
import { busySeconds, type Spread, spreadOf } from './statistics.js';

/** The sweep in one sentence and a few figures, with what must be known before they are believed. */
export function overview(report: SweepReport): Html {
  const { config, trials, best } = report;
  const warnings = trainedSplits(config).filter(({ description }) => description !== undefined);
  return html`<p class="lede">${lede(report)}</p>
${warnings.map(({ name, description }) => html`<p class="warning"><strong>${name}</strong> ${description}.</p>`)}
${divergence(trials)}
${best && figures(report, best, spreadOf(finishedOnly(trials).map(({ accuracy }) => accuracy)))}`;
}

/** Which trials have no result. */
function divergence(trials: SweepReport['trials']): Html | undefined {
  const diverged = trials.filter(({ status }) => status === 'diverged');
  if (diverged.length === 0) return undefined;
  return html`<p class="warning"><strong>${plural(diverged.length, 'trial')} diverged</strong> The validation loss was not a finite number in any epoch looked at, so there is no model; left out of all statistics: ${diverged.map(({ trial }) => trial).join(', ')}.</p>`;
}

function lede({ config }: SweepReport): string {
  const { splits, grid, trials } = config;
  const points = Object.values(grid).reduce((product, values) => product * values.length, 1);
  const all = splits.length * points;
  const what = `${plural(splits.length, 'split')} × ${plural(points, 'combination')} of ${axesInWords(gridAxes(grid))}`;
  const trained = trainedSplits(config);
  const images = [...new Set(trained.map(({ data }) => data))].join(', ');
  if (trials === all) return `${plural(all, 'model')} of ${images}: ${what}.`;
  const names = trained.map(({ name }) => name).join(', ');
  const only = trained.length === splits.length ? '' : ` They are of split ${names}.`;
  return `The first ${countText(trials)} of ${plural(all, 'model')} of ${images}: ${what}.${only}`;
}

function figures({ config, trials }: SweepReport, best: FinishedTrial, spread: Spread): Html {
  const imagesOf = new Map(config.splits.map(({ name, train }) => [name, train]));
  const images = trials.reduce((sum, { split, epochs }) => sum + epochs * (imagesOf.get(split) ?? 0), 0);
  const seconds = busySeconds(trials);
  const figure = (label: string, value: string, note: string): Html =>
    html`<div><dt>${label}</dt><dd><b>${value}</b> <span>${note}</span></dd></div>`;
  return html`<dl class="figures">
${figure('Best accuracy', accuracyText(best.accuracy), `trial ${best.trial}: ${trialText(best)}`)}
${best.unseenAccuracy !== undefined && figure('On unseen images', accuracyText(best.unseenAccuracy), 'of the same trial')}
${figure('Median accuracy', accuracyText(spread.median), `${accuracyText(spread.min)} to ${accuracyText(spread.max)}`)}
${figure('Training time', formatDuration(seconds), `${plural(trials.length, 'trial')}, up to ${Math.max(...trials.map(({ jobs }) => jobs))} at a time`)}
${figure('Images a second', countText(images / seconds), `${countText(images)} in all`)}
</dl>`;
}
