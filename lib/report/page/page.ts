import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../package.js';
import type { TrialRecord } from '../../sweep/trial.js';
import type { EpochHistory } from '../../training/history.js';
import { formatDuration } from '../duration.js';
import type { SweepReport } from '../sweep-report.js';
import { allTrials } from './all-trials.js';
import { bestModel } from './best-model.js';
import { curves } from './curves.js';
import { epochs } from './epochs.js';
import { countText, trialText } from './format.js';
import { heatMaps } from './heat-maps.js';
import { Html, html, scriptJson } from './html.js';
import { overview } from './overview.js';
import { ranking } from './ranking.js';
import { setup } from './setup.js';
import { spread } from './spread.js';
import { type LiveStatus, liveStatus, unfinishedStatus } from './status.js';

/** What the page's script needs to draw a trial's training curves, finished or not. */
export interface TrialCurves {
  trial: number;
  label: string;
  history: EpochHistory;
  /** From 0. */
  startFromEpoch: number;
  state: 'training' | TrialRecord['status'];
  /** From 0; of a finished trial. */
  bestEpoch?: number;
  /** Of a finished trial. */
  accuracy?: number;
  /** How long it took; undefined while the trial is in training. */
  time?: string;
}

/** Significant digits that a loss curve can show, and those that tell one float32, an accuracy, from another. */
const LOSS_DIGITS = 5;
const ACCURACY_DIGITS = 9;

/**
 * The report of a sweep as one HTML page that needs nothing else: styles, script, data and images are in it, and its
 * content security policy forbids it to load anything.
 * @param live how the sweep that serves the page goes; the page then follows its events
 * @param running the curves of trials in training
 */
export function reportHtml(
  report: SweepReport,
  live?: LiveStatus,
  running: readonly TrialCurves[] = [],
): string {
  const data = { trials: [...report.trials.map(trialCurves), ...running], best: report.best?.trial };
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
  const { status, overview, ...others } = pageSections(report, live);
  const section = ([id, content]: [
    string,
    string,
  ]): Html => html`<section id="${id}">${new Html(content)}</section>
${id === 'heat' && curves()}`;
  return html`<!doctype html>
<html lang="en"${live && html` data-live="on"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy)}${live && new Html("; connect-src 'self'")}">
<meta name="color-scheme" content="light dark">
<title>${report.name} · convsweep</title>
<style>
${asset('page.css')}</style>
</head>
<body>
<header>
<p class="kind">convsweep report</p>
<h1>${report.name}</h1>
${Object.entries({ status, overview }).map(section)}</header>
<main>
${Object.entries(others).map(section)}</main>
<script type="application/json" id="data">${scriptJson(data)}</script>
<script>
${asset('page.js')}</script>
</body>
</html>
`.text;
}

/** The ids of the page's parts that change while a sweep runs. */
type SectionId =
  | 'status'
  | 'overview'
  | 'ranking'
  | 'heat'
  | 'spread'
  | 'epochs'
  | 'model'
  | 'trials'
  | 'setup';

/** The page's parts as HTML by their ids, in order; one without content is empty. */
export function pageSections(report: SweepReport, live?: LiveStatus): Record<SectionId, string> {
  const { trials, config } = report;
  const sections: Record<SectionId, Html | undefined> = {
    status: live ? liveStatus(live) : unfinishedStatus(trials.length, config.trials),
    overview: overview(report),
    ranking: ranking(report),
    heat: heatMaps(report),
    spread: spread(report),
    epochs: epochs(report),
    model: bestModel(report),
    trials: allTrials(report),
    setup: setup(report),
  };
  return Object.fromEntries(
    Object.entries(sections).map(([id, content]) => [id, content?.text ?? '']),
  ) as Record<SectionId, string>;
}

/** What is known of a trial that has ended. */
export function trialCurves(record: TrialRecord): TrialCurves {
  const { trial, status, startFromEpoch, history, seconds, imagesPerSecond } = record;
  const rounded = Object.entries(history).map(([name, values]) => [name, values.map(rounding(name))]);
  return {
    trial,
    label: trialText(record),
    history: Object.fromEntries(rounded) as EpochHistory,
    startFromEpoch,
    state: status,
    ...(status === 'finished' && { bestEpoch: record.bestEpoch, accuracy: record.accuracy }),
    time: `${formatDuration(seconds)}, ${countText(imagesPerSecond)} images/s`,
  };
}

/** Of an accuracy enough for the page's script to read out what the tables say: rounded twice it may be another. */
function rounding(series: string): (value: number) => number {
  const digits = series.endsWith('accuracy') ? ACCURACY_DIGITS : LOSS_DIGITS;
  return (value) => Number(value.toPrecision(digits));
}

/** Beside this file in the package's sources: the compiler does not copy what is no TypeScript. */
function asset(name: string): Html {
  return new Html(readFileSync(join(packageRoot(), 'lib', 'report', 'page', name), 'utf8'));
}
