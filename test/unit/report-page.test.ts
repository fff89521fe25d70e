import { describe, expect, test } from '@jest/globals';
import { gridAxes } from '../../lib/report/page/axes.js';
import { html, scriptJson } from '../../lib/report/page/html.js';
import { pageSections, reportHtml } from '../../lib/report/page/page.js';
import { busySeconds, quantile, spreadOf, tellingRange } from '../../lib/report/page/statistics.js';
import { sweepReport } from '../../lib/report/sweep-report.js';
import { divergedTrial, EVALUATION, sweepConfig, trialRecords } from './report-fixture.js';

const config = sweepConfig();
const records = trialRecords(config);
const report = sweepReport('digits', config, records, {
  command: 'convsweep sweep --seed 4',
  device: 'A Processor',
  evaluation: EVALUATION,
});

/** Text without markup. */
const text = (markup: string): string => markup.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
/** A page without its script, which knows words that no reader should see. */
const markupOf = (page: string): string => page.replace(/<script>.*?<\/script>/s, '');
const dataOf = (page: string) =>
  JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!);

describe('escaping', () => {
  test('what is put into HTML stays text', () => {
    expect(html`<p title="${'"\'<&>'}">${'</p><script>'}</p>`.text).toBe(
      '<p title="&#34;&#39;&#60;&#38;&#62;">&#60;/p&#62;&#60;script&#62;</p>',
    );
  });

  test('HTML is kept, lists are joined, what is missing is left out', () => {
    expect(html`${html`<b>`}${[1, html`<i>`, '<']}${undefined}${false}${0}`.text).toBe('<b>1<i>&#60;0');
  });

  test('JSON in a script element cannot end it', () => {
    const value = { '</script>': '<!--<script>', list: [1, null] };
    const json = scriptJson(value).text;
    expect(json).not.toContain('<');
    expect(JSON.parse(json)).toEqual(value);
  });

  test.each([
    ['the name', sweepReport('</script><script>alert(1)</script>', config, records)],
    [
      'a split',
      (() => {
        const named = sweepConfig({ splits: [{ ...config.splits[0]!, name: '</script><script>alert(1)' }] });
        return sweepReport('x', named, trialRecords(named, 2));
      })(),
    ],
    [
      'a hyperparameter',
      (() => {
        const other = sweepConfig({ grid: { '<script>alert(1)': ['"><script>alert(1)', 'b'] } });
        return sweepReport('x', other, trialRecords(other));
      })(),
    ],
    ['the command', { ...report, command: '<script>alert(1)</script>' }],
  ])('%s cannot bring a script into the page', (_, malicious) => {
    const page = reportHtml(malicious);
    expect(page).not.toContain('<script>alert');
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(page).toContain('alert(1)');
  });
});

describe('the page', () => {
  const page = reportHtml(report);

  test('loads nothing and may load nothing', () => {
    expect(page).toContain(
      "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\"",
    );
    expect(page).not.toMatch(/<link|@import|url\((?!#)|src="(?!data:)|https?:\/\/(?!www\.w3\.org)/);
  });

  test('holds the curves of every trial, and which is the best', () => {
    const { trials, best } = dataOf(page);
    expect(best).toBe(3);
    expect(trials).toHaveLength(16);
    expect(trials[2]).toEqual({
      trial: 3,
      label: '60% · 8, 16, 8',
      history: { ...records[2]!.history, val_loss: [2, null, 0.2, 0.3] },
      startFromEpoch: 1,
      state: 'finished',
      bestEpoch: 2,
      accuracy: Math.fround(0.99),
      time: '10.0 s, 1,235 images/s',
    });
  });

  test('begins with the figures', () => {
    const { overview } = pageSections(report);
    expect(text(overview)).toContain('16 models of digits: 2 splits × 8 combinations of widths.');
    expect(text(overview)).toContain('Best accuracy 0.9900 trial 3: 60% · 8, 16, 8');
    // 8 trials of 4 epochs on 600 images and 8 on 800, in intervals of 10 s that end every 5 s.
    expect(text(overview)).toContain('Training time 1 min 25 s');
    expect(text(overview)).toContain('Images a second 527 44,800 in all');
  });

  test('ranks the ten most accurate, equals by number', () => {
    const rows = [...pageSections(report).ranking.matchAll(/<tr data-trial="(\d+)">/g)].map(([, n]) =>
      Number(n),
    );
    expect(rows).toEqual([3, 5, 10, 15, 4, 9, 14, 8, 13, 2]);
  });

  test('has a cell for each point of each split, with its own trial', () => {
    const { heat } = pageSections(report);
    expect(heat.match(/<table class="heat">/g)).toHaveLength(4);
    // Down the first width, across the second; a panel for the third.
    const panels = heat.split('<table class="heat">').slice(1);
    const trialsOf = (panel: string) => [...panel.matchAll(/data-trial="(\d+)"/g)].map(([, n]) => Number(n));
    expect(panels.map(trialsOf)).toEqual([
      [1, 3, 5, 7],
      [2, 4, 6, 8],
      [9, 11, 13, 15],
      [10, 12, 14, 16],
    ]);
    expect(/class="([^"]*)">\.9900</.exec(heat)![1]).toBe('q6 best');
    expect(text(heat)).toContain('Down: first dense layer; across: second dense layer.');
  });

  test('shows the spread by split and by each width', () => {
    const { spread } = pageSections(report);
    expect(spread.match(/class="strip"/g)).toHaveLength(2 + 3 * 2);
    expect(spread.match(/<i data-trial="3"/g)).toHaveLength(4);
    expect(text(spread)).toContain('16 trials from 0.9500 to 0.9900');
  });

  test('tells when training stopped', () => {
    expect(text(pageSections(report).epochs)).toContain('60% from 2 3 4 4 of 8 10.0 s 1,235');
  });

  test('shows what the best model confuses', () => {
    const { model } = pageSections(report);
    expect(text(model)).toContain('Trial 3, 60% · 8, 16, 8, on 10 images that it was not trained on');
    expect(text(model)).toContain('3 mistakes');
    expect(text(model)).toContain('All mistakes, the most confident first');
    expect(model.match(/<img src="data:image\/png;base64,/g)).toHaveLength(3);
    expect(text(model)).toContain('0 → 1 0.875');
    expect(text(model)).toContain('0 0.667 0.800 0.727 5');
    // Two mistakes in one cell are the most, one is less.
    expect(model).toContain('<td class="e4">2</td>');
    expect(model).toContain('<td class="e2">1</td>');
  });

  test('says so when there are more mistakes than it shows', () => {
    const many = {
      ...EVALUATION,
      confusionMatrix: [
        [4, 400],
        [200, 3],
      ],
    };
    expect(text(pageSections({ ...report, evaluation: many }).model)).toContain(
      'The 3 most confident of 600 mistakes',
    );
  });

  test('has all trials in a closed table', () => {
    const { trials } = pageSections(report);
    expect(trials).toContain('<details><summary>');
    expect(trials.match(/<tr data-trial/g)).toHaveLength(16);
  });

  test('tells how it was made', () => {
    const setup = text(pageSections(report).setup);
    for (const part of [
      'convsweep sweep --seed 4',
      'first dense layer 8 · 16',
      'Seed 4',
      'at most 5, patience 2',
      'cpu: A Processor',
      'cpu, avx2, GNU 1.0',
      'convsweep 0.9.0, engine 1.2.3, Node.js 20.0.0',
      '32 images, shuffled by batches',
    ]) {
      expect(setup).toContain(part);
    }
  });

  test('of a whole sweep says nothing about a state, of an unfinished one how to go on', () => {
    expect(pageSections(report).status).toBe('');
    const { status, heat, model } = pageSections(sweepReport('digits', config, records.slice(0, 5)));
    expect(text(status)).toContain('Unfinished 5 of 16 trials');
    expect(status).toContain('--resume');
    expect(heat.match(/class="pending"/g)).toHaveLength(11);
    expect(model).toBe('');
  });

  test('of a sweep without a finished trial has its configuration', () => {
    const empty = sweepReport('digits', config, []);
    expect(pageSections(empty)).toMatchObject({ ranking: '', heat: '', spread: '', epochs: '', trials: '' });
    expect(text(reportHtml(empty))).toContain('Seed 4');
    expect(dataOf(reportHtml(empty))).toEqual({ trials: [] });
  });

  test('warns of a split that leaks, and shows the accuracy on unseen images', () => {
    const leaking = sweepConfig({ splits: [{ ...config.splits[0]!, description: 'LEAKS: 93 %' }] });
    const unseen = trialRecords(leaking, 3).map((record) => ({ ...record, unseenAccuracy: 0.5 }));
    const { overview, ranking, trials } = pageSections(sweepReport('x', leaking, unseen));
    expect(text(overview)).toContain('60% LEAKS: 93 %.');
    expect(text(overview)).toContain('On unseen images 0.5000');
    for (const table of [ranking, trials]) {
      expect(table).toContain('Unseen');
      expect(table.match(/<td>0\.5000<\/td>/g)).toHaveLength(3);
    }
  });
});

describe('trials that diverged', () => {
  const mixed = records.map((record) => ([4, 5].includes(record.trial) ? divergedTrial(record) : record));
  const { overview, ranking, heat, spread, epochs, trials } = pageSections(sweepReport('x', config, mixed));
  const page = reportHtml(sweepReport('x', config, mixed));

  test('are named at the beginning', () => {
    expect(text(overview)).toContain('2 trials diverged');
    expect(text(overview)).toContain('left out of all statistics: 4, 5.');
    expect(text(pageSections(report).overview)).not.toContain('diverged');
  });

  test('are in no ranking and in no statistics', () => {
    const sound = sweepReport(
      'x',
      config,
      records.filter(({ trial }) => ![4, 5].includes(trial)),
    );
    expect(ranking).toBe(pageSections(sound).ranking);
    expect(spread).toBe(pageSections(sound).spread);
    expect(text(overview)).toContain('Median accuracy 0.9575 0.9500 to 0.9900');
    // Their epochs and time were spent all the same.
    expect(text(epochs)).toContain('60% from 2 3 4 4 of 8');
  });

  test('have a cell and a row that say so', () => {
    expect(heat).toContain(
      '<button type="button" data-trial="4" title="Trial 4, 60% · 8, 16, 16: diverged" aria-label="Trial 4, 60% · 8, 16, 16: diverged; show its training" class="diverged">×</button>',
    );
    expect(text(heat)).toContain('a cross is a trial that diverged');
    expect(text(trials)).toContain('4 60% 8, 16, 16 diverged 4');
    expect(markupOf(page)).not.toMatch(/NaN|undefined/);
    expect(dataOf(page).trials[3]).toMatchObject({
      state: 'diverged',
      history: { val_loss: [null, null, null, null] },
    });
  });

  test('may be all that there is', () => {
    const all = sweepReport('x', config, records.map(divergedTrial));
    const sections = pageSections(all);
    expect(sections).toMatchObject({ ranking: '', heat: '', spread: '', model: '' });
    expect(text(sections.epochs)).toContain('60% from 2 – 4 4 of 8');
    expect(sections.trials).toContain('<details open>');
    expect(text(sections.overview)).toContain('16 trials diverged');
    expect(markupOf(reportHtml(all))).not.toMatch(/NaN|undefined/);
  });

  test('leave the column of unseen accuracies to the others', () => {
    const unseen = records.slice(0, 2).map((record) => ({ ...record, unseenAccuracy: 0.5 }));
    const one = pageSections(sweepReport('x', config, [unseen[0]!, divergedTrial(unseen[1]!)])).trials;
    const [first, second] = [...one.matchAll(/<tr data-trial.*?<\/tr>/gs)].map(
      ([row]) => row.match(/<td/g)!.length,
    );
    expect(first).toBe(second);
  });
});

describe('a sweep that is limited', () => {
  const limited = sweepConfig({ trials: 3 });
  const sections = pageSections(sweepReport('x', limited, trialRecords(limited)));

  test('shows only the splits that it trains', () => {
    for (const [name, section] of Object.entries(sections))
      expect([name, section]).toEqual([name, expect.not.stringContaining('80%')]);
    expect(text(sections.overview)).toContain(
      'The first 3 of 16 models of digits: 2 splits × 8 combinations of widths. They are of split 60%.',
    );
    expect(sections.heat.match(/<table class="heat">/g)).toHaveLength(2);
  });

  test('to trials of all splits shows all', () => {
    const more = sweepConfig({ trials: 9 });
    expect(text(pageSections(sweepReport('x', more, [])).setup)).toContain('80%');
  });
});

describe('an accuracy', () => {
  test('is the same number wherever it is shown, on a tie of rounding too', () => {
    // As a float64 0.97475 rounds up, as the float32 that a result is it rounds down.
    const share = 3899 / 4000;
    const [record] = trialRecords(config, 1);
    const history = { ...record!.history, val_accuracy: [0.1, 0.8, share, 0.94] };
    const one = sweepReport('x', config, [{ ...record!, accuracy: Math.fround(share), history }], {
      evaluation: { ...EVALUATION, accuracy: share },
    });
    expect(share.toFixed(4)).toBe('0.9748');
    const { overview, ranking, model, trials } = pageSections(one);
    for (const section of [overview, ranking, model, trials]) {
      expect(section).toContain('0.9747');
      expect(section).not.toContain('0.9748');
    }
    expect(dataOf(reportHtml(one)).trials[0].history.val_accuracy[2]).toBe(share);
  });
});

describe('other grids', () => {
  const sectionsOf = (grid: Parameters<typeof gridAxes>[0]) => {
    const other = sweepConfig({ grid });
    return pageSections(sweepReport('x', other, trialRecords(other)));
  };

  test('of two axes have a panel for each split', () => {
    const { heat } = sectionsOf({ units: [4, 8, 16], rate: [0, 0.25] });
    expect(heat.match(/<table class="heat">/g)).toHaveLength(2);
    expect(text(heat)).toContain('Accuracy by units, rate and split');
    expect(text(heat)).toContain('0 0.25 4 .9500 .9550 8');
  });

  test('of one axis have a row for each split', () => {
    const { heat } = sectionsOf({ units: [4, 8, 16] });
    expect(heat.match(/<table class="heat">/g)).toHaveLength(2);
    expect(text(heat)).toContain('Across: units.');
  });

  test.each([
    ['four axes', { a: [1, 2], b: [1, 2], c: [1, 2], d: [1, 2] }],
    ['none', { a: [1] }],
  ])('of %s have an open table instead', (_, grid) => {
    const { heat, trials } = sectionsOf(grid);
    expect(heat).toBe('');
    expect(trials).toContain('<details open>');
  });
});

describe('axes', () => {
  test('of the notebook are its layers', () => {
    expect(gridAxes(config.grid).map(({ name, values }) => [name, values])).toEqual([
      ['first dense layer', [8, 16]],
      ['second dense layer', [8, 16]],
      ['third dense layer', [8, 16]],
    ]);
  });

  test('are hyperparameters, places of lists of one length, and only what varies', () => {
    const grid = {
      kernel: [
        [3, 3],
        [3, 5],
      ],
      units: [[8], [8, 8]],
      name: ['a'],
      flag: [true, false],
    };
    expect(gridAxes(grid).map(({ name, values }) => [name, values])).toEqual([
      ['kernel 2', [3, 5]],
      ['units', [[8], [8, 8]]],
      ['flag', [true, false]],
    ]);
  });
});

describe('statistics', () => {
  test('of a sample', () => {
    // numpy: mean, std(ddof=1), median, quantile(0.1)
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect(spreadOf(values)).toEqual({
      count: 8,
      mean: 5,
      deviation: Math.sqrt(32 / 7),
      min: 2,
      median: 4.5,
      max: 9,
    });
    expect(quantile(values, 0.1)).toBeCloseTo(3.4, 12);
    expect(spreadOf([3]).deviation).toBe(0);
  });

  test('leave a far outlier out of the range of colours', () => {
    expect(tellingRange([0.2, 0.95, 0.96, 0.97, 0.98])).toEqual({ low: 0.95, high: 0.98, clipped: true });
    expect(tellingRange([0.5, 0.5])).toEqual({ low: 0.5, high: 0.5, clipped: false });
  });

  test('count the time in which something ran, once, and no breaks', () => {
    const at = (end: number, seconds: number) => ({ finished: new Date(end * 1000).toISOString(), seconds });
    expect(busySeconds([at(10, 10), at(12, 5), at(100, 4)])).toBe(16);
    expect(busySeconds([])).toBe(0);
  });
});
