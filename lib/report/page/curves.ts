import { type Html, html } from './html.js';

/** Where the page's script draws the training curves of the trial that is chosen. */
export function curves(): Html {
  return html`<section id="curves"><div class="curves">
<h2>Training curves</h2>
<noscript><p>The curves need JavaScript.</p></noscript>
<p class="pick"><button type="button" id="previous" aria-label="previous trial">‹</button><select id="trial" aria-label="trial"></select><button type="button" id="next" aria-label="next trial">›</button></p>
<p id="facts" aria-live="polite"></p>
<figure><figcaption>Loss</figcaption><svg id="loss" tabindex="0" role="img" aria-describedby="readout"></svg></figure>
<figure><figcaption>Accuracy</figcaption><svg id="accuracy" tabindex="0" role="img" aria-describedby="readout"></svg></figure>
<p id="readout"></p>
<p class="key"><span><i class="training"></i>training</span> <span><i class="validation"></i>validation</span> <span><i class="others"></i>validation of the other trials</span></p>
<p class="hint">Loss and errors on logarithmic scales, the same for all trials. Shaded: epochs too early to be kept. Dashed: the epoch that was kept. Point at an epoch for its numbers, or use the arrow keys.</p>
<p><button type="button" id="back" hidden>Back to where you were</button></p>
</div></section>
`;
}
