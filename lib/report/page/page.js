/*
 * The script of the report: draws the training curves of the chosen trial, sorts the table, and follows the events of a
 * sweep that is still running. It goes into the page as it is, see page.ts.
 */

const root = document.documentElement;
// Tests look here; nothing is reported elsewhere.
window.addEventListener('error', (event) => {
  root.dataset.error = event.message;
});

const byId = (id) => document.getElementById(id);
const chooser = byId('trial');
const data = JSON.parse(byId('data').textContent);
/** By number: what is known of each trial's training. */
const trials = new Map(data.trials.map((trial) => [trial.trial, trial]));
/** The number of the best trial, of the one that is shown, and whether the user chose it. */
let best = data.best;
let shown;
let isChosen = false;
/** The epoch, from 0, whose numbers are read out; undefined for the one that was kept. */
let pointed;
/** Where the user was before the curves came into view. */
let origin;

// ---- scales ----

const CHART = { height: 210, left: 46, right: 10, top: 8, bottom: 26 };
const ACCURACY_TICKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];
const LOSS_TICKS = [-5, -4, -3, -2, -1, 0, 1, 2, 3].flatMap((power) =>
  [1, 2, 5].map((digit) => Number(`${digit}e${power}`)),
);

/**
 * What each chart shows: the size that is drawn on a logarithmic scale (of an accuracy its errors), whether more of it
 * is drawn further up, and the values that may be labelled.
 */
const QUANTITIES = {
  loss: { sizeOf: (loss) => loss, direction: 1, ticks: LOSS_TICKS },
  accuracy: { sizeOf: (accuracy) => 1 - accuracy, direction: -1, ticks: ACCURACY_TICKS },
};

/** JSON has no NaN and holds null for it. */
const isNumber = (value) => typeof value === 'number';
const hasDiverged = ({ state }) => state === 'diverged';

/**
 * The common axes of all trials, so that their curves can be compared; those that diverged may leave them. Training may
 * end far better than validation; a tenth of the best validation is the least that they show.
 */
function domain(quantity) {
  const all = [...trials.values()];
  const sound = all.filter((trial) => !hasDiverged(trial));
  const sizes = (series) =>
    (sound.length > 0 ? sound : all)
      .flatMap(({ history }) => history[series] ?? [])
      .filter(isNumber)
      .map(QUANTITIES[quantity].sizeOf)
      .filter((size) => size > 0);
  const training = sizes(quantity);
  const validation = sizes(`val_${quantity}`);
  const smallest = (list) => list.reduce((least, size) => Math.min(least, size), Number.POSITIVE_INFINITY);
  const largest = (list) => list.reduce((most, size) => Math.max(most, size), 0);
  const least = Math.min(1, Math.max(smallest(training), smallest(validation) / 10));
  return { least, most: Math.max(least * 10, largest(training), largest(validation)) };
}

// ---- drawing ----

function element(name, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** A path through the points; values that are no numbers leave gaps. */
function path(values, x, y, className) {
  let pen = 'M';
  const steps = values.map((value, epoch) => {
    if (!isNumber(value)) {
      pen = 'M';
      return '';
    }
    const step = `${pen}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = 'L';
    return step;
  });
  return element('path', { d: steps.join(''), class: className });
}

function drawChart(quantity, trial) {
  const chart = byId(quantity);
  const width = Math.max(200, chart.clientWidth);
  const { height, left, right, top, bottom } = CHART;
  const { sizeOf, direction, ticks } = QUANTITIES[quantity];
  const { least, most } = domain(quantity);
  const count = Math.max(2, ...[...trials.values()].map(({ history }) => history.loss.length));
  const x = (epoch) => left + ((width - left - right) * epoch) / (count - 1);
  const middle = (top + height - bottom) / 2;
  const y = (value) => {
    // No error at all has no logarithm; it is far outside.
    const share = Math.log(Math.max(sizeOf(value), least / 10) / least) / Math.log(most / least);
    return middle + (height - top - bottom) * direction * (0.5 - share);
  };
  const parts = [];

  if (trial.startFromEpoch > 0) {
    const end = Math.min(x(trial.startFromEpoch - 0.5), width - right);
    parts.push(
      element('rect', { x: left, y: top, width: end - left, height: height - top - bottom, class: 'early' }),
    );
  }
  let above = height;
  for (const tick of ticks) {
    const size = sizeOf(tick);
    if (size < least || size > most || above - y(tick) < 18) continue;
    above = y(tick);
    parts.push(
      element('line', { x1: left, x2: width - right, y1: above, y2: above, class: 'grid' }),
      element('text', { x: left - 6, y: above + 4, class: 'tick y' }, String(tick)),
    );
  }
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => (count / size) * 34 < width) ?? 1000;
  for (let epoch = 1; epoch <= count; epoch++) {
    if (epoch % step !== 0 && epoch !== 1) continue;
    if (epoch === 1 && step === 2) continue;
    parts.push(element('text', { x: x(epoch - 1), y: height - 8, class: 'tick x' }, String(epoch)));
  }
  // What is better than the scale leaves the chart.
  const area = {
    x: left - 4,
    y: top - 4,
    width: width - left - right + 8,
    height: height - top - bottom + 8,
  };
  parts.push(element('clipPath', { id: `${quantity}-area` }, element('rect', area)));
  const lines = element('g', { 'clip-path': `url(#${quantity}-area)` });
  for (const other of trials.values()) {
    if (other !== trial) lines.append(path(other.history[`val_${quantity}`] ?? [], x, y, 'others'));
  }
  const kept = trial.bestEpoch;
  if (kept !== undefined) {
    parts.push(element('line', { x1: x(kept), x2: x(kept), y1: top, y2: height - bottom, class: 'kept' }));
  }
  const at = pointed ?? kept ?? trial.history.loss.length - 1;
  if (pointed !== undefined) {
    parts.push(element('line', { x1: x(at), x2: x(at), y1: top, y2: height - bottom, class: 'pointed' }));
  }
  for (const [series, className] of [
    [quantity, 'training'],
    [`val_${quantity}`, 'validation'],
  ]) {
    const values = trial.history[series] ?? [];
    lines.append(path(values, x, y, className));
    if (isNumber(values[at])) {
      lines.append(element('circle', { cx: x(at), cy: y(values[at]), r: 3.5, class: className }));
    }
  }
  parts.push(lines);
  chart.setAttribute('viewBox', `0 0 ${width} ${height}`);
  chart.setAttribute('aria-label', `${quantity} of trial ${trial.trial} by epoch`);
  chart.replaceChildren(...parts);
  chart.epochAt = (pixels) => {
    const epoch = Math.round(((pixels - left) / (width - left - right)) * (count - 1));
    return Math.max(0, Math.min(trial.history.loss.length - 1, epoch));
  };
}

/** As the tables round it: an accuracy is a float32. */
const digits = (value) => (isNumber(value) ? Math.fround(value).toFixed(4) : 'not a number');

function draw() {
  const trial = trials.get(shown);
  byId('curves').hidden = trial === undefined;
  if (trial === undefined) return;
  drawChart('loss', trial);
  drawChart('accuracy', trial);
  const { history, bestEpoch, accuracy, time } = trial;
  const count = history.loss.length;
  const facts = {
    training: `In training, ${count} epochs so far.`,
    finished: `Accuracy ${digits(accuracy)}; epoch ${bestEpoch + 1} of ${count} kept; ${time}.`,
    diverged: `Diverged: the validation loss was not a finite number in any epoch looked at, of ${count}; ${time}.`,
  };
  byId('facts').textContent = facts[trial.state];
  const at = pointed ?? bestEpoch ?? count - 1;
  const read = (name, quantity) =>
    `${name} ${digits(history[quantity][at])} training, ${digits(history[`val_${quantity}`]?.[at])} validation`;
  byId('readout').textContent =
    count === 0 ? '' : `Epoch ${at + 1}: ${read('loss', 'loss')}; ${read('accuracy', 'accuracy')}.`;
}

// ---- choosing a trial ----

/** Numbers in order. */
const numbers = () => [...trials.keys()].sort((a, b) => a - b);

function listTrials() {
  const options = numbers().map((number) => {
    const { label, state, accuracy } = trials.get(number);
    const outcome = { training: 'in training', finished: digits(accuracy), diverged: 'diverged' }[state];
    const text = `${number === best ? '★ ' : ''}${number}: ${label} – ${outcome}`;
    return new Option(text, String(number), false, number === shown);
  });
  chooser.replaceChildren(...options);
}

function markShown() {
  for (const node of document.querySelectorAll('[data-trial]')) {
    node.classList.toggle('shown', Number(node.dataset.trial) === shown);
  }
}

function show(number) {
  if (!trials.has(number)) return;
  shown = number;
  pointed = undefined;
  chooser.value = String(number);
  markShown();
  draw();
}

function choose(number, from) {
  isChosen = true;
  show(number);
  const panel = byId('curves');
  const { top, bottom } = panel.firstElementChild.getBoundingClientRect();
  const isVisible = bottom > 120 && top < window.innerHeight - 120;
  if (from && !isVisible) {
    origin = from;
    byId('back').hidden = false;
    panel.scrollIntoView();
    chooser.focus({ preventScroll: true });
  }
}

function step(by) {
  const list = numbers();
  const index = list.indexOf(shown) + by;
  choose(list[(index + list.length) % list.length]);
}

document.addEventListener('click', (event) => {
  const target = event.target.closest('[data-trial]');
  if (target) choose(Number(target.dataset.trial), target);
  const heading = event.target.closest('.sortable th button');
  if (heading) sortBy(heading.closest('th').cellIndex);
});
chooser.addEventListener('change', () => choose(Number(chooser.value)));
byId('previous').addEventListener('click', () => step(-1));
byId('next').addEventListener('click', () => step(1));
byId('back').addEventListener('click', () => {
  byId('back').hidden = true;
  // An update may have replaced the element since.
  const target = origin.isConnected
    ? origin
    : document.querySelector(`[data-trial="${origin.dataset.trial}"]`);
  target?.scrollIntoView({ block: 'center' });
  (target?.matches('button') ? target : target?.querySelector('button'))?.focus({ preventScroll: true });
});
for (const id of ['loss', 'accuracy']) {
  const chart = byId(id);
  const point = (epoch) => {
    pointed = epoch;
    draw();
  };
  chart.addEventListener('pointermove', (event) =>
    point(chart.epochAt(event.clientX - chart.getBoundingClientRect().left)),
  );
  chart.addEventListener('pointerleave', () => point(undefined));
  chart.addEventListener('blur', () => point(undefined));
  chart.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { history, bestEpoch } = trials.get(shown);
    if (by === undefined || history.loss.length === 0) return;
    event.preventDefault();
    const last = history.loss.length - 1;
    point(Math.max(0, Math.min(last, (pointed ?? bestEpoch ?? last) + by)));
  });
}

// ---- sorting ----

/** The column that the table is sorted by, and the direction. */
let sorting;

function sortBy(column) {
  // Accuracies and rates are best looked at from the largest on.
  const firstDescending = column > 2;
  const isAgain = sorting?.column === column;
  sorting = { column, isDescending: isAgain ? !sorting.isDescending : firstDescending };
  applySorting();
}

function applySorting() {
  const table = document.querySelector('.sortable');
  if (!table || !sorting) return;
  const { column, isDescending } = sorting;
  const collator = new Intl.Collator('en', { numeric: true });
  const key = (row) => row.cells[column].textContent.trim().replaceAll(',', '');
  const direction = isDescending ? -1 : 1;
  // What has no accuracy is last, whichever way the others go.
  const isLast = (row) => Number(hasDiverged(trials.get(Number(row.dataset.trial))) && column > 2);
  const rows = [...table.tBodies[0].rows].sort(
    (a, b) => isLast(a) - isLast(b) || direction * collator.compare(key(a), key(b)),
  );
  table.tBodies[0].append(...rows);
  for (const heading of table.tHead.rows[0].cells) heading.removeAttribute('aria-sort');
  table.tHead.rows[0].cells[column].setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
}

// ---- following a sweep ----

/** Replaces what changed, and leaves the user where they were. */
function replaceSection(id, content) {
  const section = byId(id);
  const active = section.contains(document.activeElement) ? document.activeElement.dataset.trial : undefined;
  const isOpen = section.querySelector('details')?.open;
  section.innerHTML = content;
  const details = section.querySelector('details');
  if (details && isOpen !== undefined) details.open = isOpen;
  if (active !== undefined)
    section.querySelector(`button[data-trial="${active}"]`)?.focus({ preventScroll: true });
}

function update({ sections, trials: changed, best: bestNow }) {
  for (const [id, content] of Object.entries(sections)) replaceSection(id, content);
  for (const trial of changed) trials.set(trial.trial, trial);
  best = bestNow;
  applySorting();
  listTrials();
  const follow = best ?? numbers()[0];
  if (isChosen || shown === follow) {
    markShown();
    draw();
  } else show(follow);
}

function followSweep() {
  const source = new EventSource('events');
  source.addEventListener('update', (event) => {
    root.dataset.live = 'on';
    update(JSON.parse(event.data));
  });
  source.addEventListener('end', (event) => {
    source.close();
    update(JSON.parse(event.data));
    root.dataset.live = 'ended';
  });
  // The browser tries again by itself: a sweep that is resumed on the same port is found.
  source.addEventListener('error', () => {
    root.dataset.live = 'lost';
  });
}

// ---- beginning ----

window.addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
new ResizeObserver(draw).observe(byId('loss'));
show(best ?? numbers()[0]);
listTrials();
draw();
if (root.dataset.live) followSweep();
root.dataset.state = 'ready';
