import { accuracyText } from '../accuracy-text.js';
import { classificationReport } from '../evaluation/classification-report.js';
import type { ReportEvaluation, SweepReport } from '../sweep-report.js';
import { countText, plural, trialText } from './format.js';
import { type Html, html } from './html.js';

/** Colours of the confusion matrix, from few mistakes to many. */
const STEPS = 5;

/** What the best model confuses, class by class and image by image. */
export function bestModel({ best, evaluation }: SweepReport): Html | undefined {
  if (!best || !evaluation) return undefined;
  const { data, images, loss, accuracy, confusionMatrix } = evaluation;
  const count = mistakeCount(confusionMatrix);
  return html`<h2>The best model</h2>
<p>Trial ${best.trial}, ${trialText(best)}, on ${countText(images)} images that it was not trained on (${data}): accuracy ${accuracyText(accuracy)}, loss ${loss.toFixed(4)}, ${plural(count, 'mistake')}.</p>
<div class="pair">
<div class="half"><h3>Confusion matrix</h3>${matrix(confusionMatrix)}</div>
<div class="half"><h3>By class</h3>${classes(confusionMatrix)}</div>
</div>
${mistakes(evaluation, count)}`;
}

function mistakeCount(matrix: ReportEvaluation['confusionMatrix']): number {
  return matrix.reduce(
    (sum, row, i) => sum + row.reduce((total, count, j) => total + (i === j ? 0 : count), 0),
    0,
  );
}

function matrix(counts: ReportEvaluation['confusionMatrix']): Html {
  const most = Math.max(1, ...counts.map((row, i) => Math.max(0, ...row.filter((_, j) => j !== i))));
  const cell = (count: number, hit: boolean): Html => {
    if (count === 0) return html`<td></td>`;
    const step = Math.ceil((count / most) * STEPS) - 1;
    return hit ? html`<td class="hit">${count}</td>` : html`<td class="e${step}">${count}</td>`;
  };
  return html`<div class="scroll"><table class="confusion">
<caption>down: true class; across: predicted class</caption>
<thead><tr><td></td>${counts.map((_, i) => html`<th scope="col">${i}</th>`)}</tr></thead>
<tbody>${counts.map(
    (row, i) => html`<tr><th scope="row">${i}</th>${row.map((count, j) => cell(count, i === j))}</tr>
`,
  )}</tbody></table></div>`;
}

function classes(counts: ReportEvaluation['confusionMatrix']): Html {
  const report = classificationReport(counts);
  const rows = [...report.classes, { name: 'mean', ...report['macro avg'] }];
  return html`<div class="scroll"><table class="list compact">
<thead><tr><th class="text">Class</th><th>Precision</th><th>Recall</th><th>F1</th><th>Images</th></tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr><td class="text">${row.name}</td><td>${row.precision.toFixed(3)}</td><td>${row.recall.toFixed(3)}</td><td>${row['f1-score'].toFixed(3)}</td><td>${countText(row.support)}</td></tr>
`,
  )}</tbody></table></div>`;
}

function mistakes({ mistakes: shown }: ReportEvaluation, count: number): Html | undefined {
  if (shown.length === 0) return undefined;
  const which =
    shown.length < count
      ? `The ${shown.length} most confident of ${plural(count, 'mistake')}`
      : 'All mistakes';
  return html`<h3>Mistakes</h3>
<p>${which}, the most confident first: true class → predicted class, with its probability.</p>
<ul class="digits">${shown.map(
    (mistake) =>
      html`<li><img src="${mistake.image}" alt="image ${mistake.index}" title="image ${mistake.index}"><span>${mistake.label} → <b>${mistake.predicted}</b></span><small>${mistake.probability.toFixed(3)}</small></li>
`,
  )}</ul>`;
}
