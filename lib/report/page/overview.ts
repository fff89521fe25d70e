import { formatDuration } from '../duration.js';
import type { SweepReport } from '../sweep-report.js';
import { axesInWords, gridAxes } from './axes.js';
import { accuracyText, countText, plural, trialText } from './format.js';
import { type Html, html } from './html.js';
import { busySeconds, spreadOf } from './statistics.js';

/** The sweep in one sentence and a few figures, with what must be known before they are believed. */
export function overview(report: SweepReport): Html {
  const { config, trials, best } = report;
  const warnings = config.splits.filter(({ description }) => description !== undefined);
  return html`<p class="lede">${lede(report)}</p>
${warnings.map(({ name, description }) => html`<p class="warning"><strong>${name}</strong> ${description}.</p>`)}
${best && figures(report, spreadOf(trials.map(({ accuracy }) => accuracy)))}`;
}

function lede({ config }: SweepReport): string {
  const { splits, grid, trials } = config;
  const points = Object.values(grid).reduce((product, values) => product * values.length, 1);
  const all = splits.length * points;
  const what = `${plural(splits.length, 'split')} × ${plural(points, 'combination')} of ${axesInWords(gridAxes(grid))}`;
  const images = [...new Set(splits.map(({ data }) => data))].join(', ');
  return trials === all
    ? `${plural(all, 'model')} of ${images}: ${what}.`
    : `The first ${countText(trials)} of ${plural(all, 'model')} of ${images}: ${what}.`;
}

function figures({ config, trials, best }: SweepReport, spread: ReturnType<typeof spreadOf>): Html {
  const imagesOf = new Map(config.splits.map(({ name, train }) => [name, train]));
  const images = trials.reduce((sum, { split, epochs }) => sum + epochs * (imagesOf.get(split) ?? 0), 0);
  const seconds = busySeconds(trials);
  const figure = (label: string, value: string, note: string): Html =>
    html`<div><dt>${label}</dt><dd><b>${value}</b> <span>${note}</span></dd></div>`;
  return html`<dl class="figures">
${figure('Best accuracy', accuracyText(best!.accuracy), `trial ${best!.trial}: ${trialText(best!)}`)}
${best!.unseenAccuracy !== undefined && figure('On unseen images', accuracyText(best!.unseenAccuracy), 'of the same trial')}
${figure('Median accuracy', accuracyText(spread.median), `${accuracyText(spread.min)} to ${accuracyText(spread.max)}`)}
${figure('Training time', formatDuration(seconds), `${plural(trials.length, 'trial')}, up to ${Math.max(...trials.map(({ jobs }) => jobs))} at a time`)}
${figure('Images a second', countText(images / seconds), `${countText(images)} in all`)}
</dl>`;
}
