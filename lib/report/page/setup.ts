import type { Grid } from '../../sweep/grid.js';
import { trainedSplits } from '../../sweep/trained-splits.js';
import type { SweepReport } from '../sweep-report.js';
import { gridAxes } from './axes.js';
import { countText, valueText } from './format.js';
import { type Html, html } from './html.js';

/** All that the results depend on, and the command that gives them again. */
export function setup({ config, command, device }: SweepReport): Html {
  const { engine, versions, grid } = config;
  const splits = trainedSplits(config);
  const entries: [string, Html | string | number][] = [
    ['Trials', config.trials],
    ...gridEntries(grid),
    ['Seed', config.seed],
    ['Epochs', `at most ${config.epochs}, patience ${config.patience}`],
    ['Batch', `${config.batchSize} images, shuffled by ${config.shuffle}`],
    ['Device', device === undefined ? config.device : `${config.device}: ${device}`],
    ['Engine', [engine.backend, engine.instructionSet, engine.compiler].filter(Boolean).join(', ')],
    ['Versions', `convsweep ${versions.convsweep}, engine ${engine.version}, Node.js ${versions.node}`],
    ['Models', html`<code>${config.modelsSha256.slice(0, 16)}</code>, SHA-256 of all architectures`],
  ];
  return html`<h2>How it was made</h2>
${
  command !== undefined &&
  html`<p>This command gives the same models again:</p>
<pre class="command"><code>${command}</code></pre>`
}
<dl class="setup">${entries.map(
    ([name, value]) => html`<div class="setup-row"><dt>${name}</dt><dd>${value}</dd></div>
`,
  )}</dl>
<div class="scroll"><table class="list">
<thead><tr><th class="text">Split</th><th class="text">Images</th><th>Train</th><th>Validate</th><th>Unseen</th><th class="text">SHA-256</th><th class="text">Early stopping looks from</th></tr></thead>
<tbody>${splits.map(
    ({ name, data, train, validation, unseen, sha256, startFromEpoch }) =>
      html`<tr><td class="text">${name}</td><td class="text">${data}</td><td>${countText(train)}</td><td>${countText(validation)}</td><td>${unseen === undefined ? '–' : countText(unseen)}</td><td class="text"><code>${sha256.slice(0, 16)}</code></td><td class="text wrap">epoch ${startFromEpoch.epoch + 1}: ${startFromEpoch.reason}</td></tr>
`,
  )}</tbody></table></div>
<p>Beside this page: <code>models.csv</code>, <code>model.h5</code> (the best), <code>summary.txt</code>, <code>evaluation/</code>, the plots, <code>models/</code>, <code>config.json</code> and <code>journal.jsonl</code>, one line per trial.</p>`;
}

/** The values of each axis where the grid has all their combinations, else the hyperparameters' values. */
function gridEntries(grid: Grid): [string, string][] {
  const product = (lists: readonly (readonly unknown[])[]): number =>
    lists.reduce((count, { length }) => count * length, 1);
  const axes = gridAxes(grid);
  if (product(axes.map(({ values }) => values)) === product(Object.values(grid))) {
    return axes.map(({ name, values }) => [name, values.map(valueText).join(' · ')]);
  }
  return Object.entries(grid).map(([name, values]) => [name, values.map(valueText).join(' · ')]);
}
