import type { Dataset } from '../../data/dataset.js';
import { accuracyText } from '../accuracy-text.js';
import { digitPng } from '../digit-png.js';
import { FONT_FAMILY } from '../font.js';
import { Html, html } from '../page/html.js';
import { COLORS } from '../vega-svg.js';
import type { Misclassified, ModelEvaluation } from './model-evaluation.js';

/** A page of more pictures than these is slow to open and is not read to its end; evaluation.json lists all. */
const MAX_PICTURES = 1000;

const STYLE = `
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem; font: 16px/1.45 ${FONT_FAMILY}; color: ${COLORS.ink}; background: white; }
h1 { font-size: 1.4rem; margin: 0; }
p { color: ${COLORS.faint}; margin: .4rem 0 1.4rem; }
.misclassified { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .9rem; list-style: none; margin: 0; padding: 0; }
.misclassified li { border: 1px solid #d0d7de; border-radius: 8px; overflow: hidden; break-inside: avoid; }
figure { margin: 0; }
img { display: block; width: 100%; height: auto; image-rendering: pixelated; background: black; }
figcaption { padding: .5rem .65rem .6rem; font-size: .86rem; }
b { font-size: 1.1rem; color: ${COLORS.training}; }
b.wrong { color: ${COLORS.validation}; }
small { color: ${COLORS.faint}; }
`;

/** A page of its own, without scripts or outside files, of the images that a model took for another class. */
export function misclassifiedPage(evaluation: ModelEvaluation, images: Dataset): string {
  const { model, data, misclassified } = evaluation;
  const shown = misclassified.slice(0, MAX_PICTURES);
  const part =
    shown.length < misclassified.length
      ? ` These are the first ${shown.length}; evaluation.json lists all.`
      : '';
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Misclassified: ${misclassified.length} of ${evaluation.images}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<h1>${misclassified.length} of ${evaluation.images} images misclassified</h1>
<p>${model} on ${data}: accuracy ${accuracyText(evaluation.accuracy)}, loss ${evaluation.loss.toFixed(4)}. The most confident mistakes come first.${part}</p>
<ol class="misclassified">
${shown.map((mistake) => html`${misclassifiedItem(mistake, images)}\n`)}</ol>
</body>
</html>
`.text;
}

/** A list item with the picture, the true and the predicted class, and the probabilities that both were given. */
export function misclassifiedItem(mistake: Misclassified, images: Dataset): Html {
  const { position, index, label, predicted, probability, labelProbability } = mistake;
  const [height, width] = images.imageShape;
  const png = Buffer.from(digitPng(images, position, 1)).toString('base64');
  return html`<li><figure><img src="data:image/png;base64,${png}" width="${width}" height="${height}" alt="image ${index}, a ${label}"><figcaption><b>${label}</b> taken for <b class="wrong">${predicted}</b><br>${percent(probability)} sure<br><small>true class ${percent(labelProbability)}<br>image ${index}</small></figcaption></figure></li>`;
}

/** One digit, but never a rounded `100.0 %` or `0.0 %`. */
function percent(share: number): string {
  if (share > 0.9995) return '> 99.9 %';
  return share < 0.0005 ? '< 0.1 %' : `${(share * 100).toFixed(1)} %`;
}
