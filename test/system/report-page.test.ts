import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { reportHtml } from '../../lib/report/page/page.js';
import { sweepReport } from '../../lib/report/sweep-report.js';
import type { SweepConfig } from '../../lib/sweep/config.js';
import { LiveView } from '../../lib/watch/live-view.js';
import { divergedTrial, EVALUATION, sweepConfig, trialRecords } from '../unit/report-fixture.js';
import { CHROMIUM_TIMEOUT, describeWithChromium, documentOf } from './chromium.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-page-'));
});
afterAll(() => rm(folder, { recursive: true }));

const reportOf = (config: SweepConfig = sweepConfig()) =>
  sweepReport('digits', config, trialRecords(config), { command: 'convsweep sweep', evaluation: EVALUATION });

/** The document of a report as Chromium shows it, after `script` has played the user in it. */
async function opened(report = reportOf(), script = ''): Promise<string> {
  const file = join(folder, 'report.html');
  // Errors of this script are found as those of the page's own are.
  const page = reportHtml(report).replace('</body>', () => `<script>{${script}}</script></body>`);
  await writeFile(file, page);
  return documentOf(pathToFileURL(file).href);
}

const rootOf = (document: string): string => /<html[^>]*>/.exec(document)![0];
const textOf = (document: string, id: string): string =>
  new RegExp(`id="${id}"[^>]*>([^<]*)<`).exec(document)![1]!;

describeWithChromium('report.html in Chromium', () => {
  test(
    'runs without an error and shows the best trial’s curves',
    async () => {
      const document = await opened();
      expect(rootOf(document)).toContain('data-state="ready"');
      expect(rootOf(document)).not.toContain('data-error');
      expect(textOf(document, 'facts')).toBe('Accuracy 0.9900; epoch 3 of 4 kept; 10.0 s, 1,235 images/s.');
      expect(textOf(document, 'readout')).toBe(
        'Epoch 3: loss 0.1000 training, 0.2000 validation; accuracy 0.9900 training, 0.9500 validation.',
      );
      for (const quantity of ['loss', 'accuracy']) {
        const chart = new RegExp(`<svg id="${quantity}".*?</svg>`, 's').exec(document)![0];
        expect(chart.match(/<path [^>]*class="training"/g)).toHaveLength(1);
        expect(chart.match(/<path [^>]*class="validation"/g)).toHaveLength(1);
        expect(chart.match(/<path [^>]*class="others"/g)).toHaveLength(15);
        expect(chart).toContain('class="early"');
        expect(chart).toContain('class="kept"');
        expect(chart).not.toMatch(/NaN|Infinity|undefined/);
      }
      // The second validation loss is not a number: the line has a gap there.
      const line = /<svg id="loss".*?<path d="([^"]*)" class="validation"/s.exec(document)![1]!;
      expect(line.match(/M/g)).toHaveLength(2);
      expect(document.match(/<option/g)).toHaveLength(16);
    },
    CHROMIUM_TIMEOUT,
  );

  test(
    'shows a trial when its cell, row or dot is pressed, and with the keyboard',
    async () => {
      const document = await opened(
        reportOf(),
        `const note = (name) => { document.documentElement.dataset[name] = chooser.value; };
         document.querySelector('#heat button[data-trial="7"]').click(); note('cell');
         document.querySelector('#ranking tr[data-trial="10"]').click(); note('row');
         document.querySelector('#spread i[data-trial="4"]').click(); note('dot');
         byId('next').click(); note('next');
         byId('previous').click(); byId('previous').click(); note('previous');
         chooser.value = '12'; chooser.dispatchEvent(new Event('change')); note('chosen');
         byId('loss').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft' }));
         document.documentElement.dataset.marked = document.querySelectorAll('#heat .shown').length;`,
      );
      for (const [name, value] of Object.entries({
        cell: 7,
        row: 10,
        dot: 4,
        next: 5,
        previous: 3,
        chosen: 12,
        marked: 1,
      })) {
        expect(rootOf(document)).toContain(`data-${name}="${value}"`);
      }
      expect(textOf(document, 'readout')).toMatch(/^Epoch 2: loss 0\.5000 training, not a number validation/);
      expect(rootOf(document)).not.toContain('data-error');
    },
    CHROMIUM_TIMEOUT,
  );

  test(
    'sorts the table by a column, and the other way round',
    async () => {
      const order = `[...document.querySelectorAll('.sortable tbody tr')].map((row) => row.dataset.trial).join()`;
      const document = await opened(
        reportOf(),
        `const heading = (column) => document.querySelectorAll('.sortable th button')[column];
         heading(3).click(); document.documentElement.dataset.accuracy = ${order};
         heading(0).click(); heading(0).click(); document.documentElement.dataset.number = ${order};`,
      );
      expect(rootOf(document)).toContain('data-accuracy="3,5,10,15,4,9,14,8,13,2,7,12,1,6,11,16"');
      expect(rootOf(document)).toContain('data-number="16,15,14,13,12,11,10,9,8,7,6,5,4,3,2,1"');
      expect(document.match(/<th [^>]*aria-sort=/g)).toHaveLength(1);
    },
    CHROMIUM_TIMEOUT,
  );

  test(
    'reads out for an epoch the accuracy that its tables have',
    async () => {
      const [record] = trialRecords(sweepConfig(), 1);
      const share = 3899 / 4000;
      const history = { ...record!.history, val_accuracy: [0.1, 0.8, share, 0.94] };
      const tied = { ...record!, accuracy: Math.fround(share), history };
      const document = await opened(sweepReport('tie', sweepConfig(), [tied]));
      expect(textOf(document, 'facts')).toContain('Accuracy 0.9747; epoch 3 of 4 kept');
      expect(textOf(document, 'readout')).toContain('0.9747 validation.');
    },
    CHROMIUM_TIMEOUT,
  );

  test(
    'shows what a trial that diverged has, and sorts it last',
    async () => {
      const config = sweepConfig();
      const records = trialRecords(config).map((record) =>
        record.trial === 2 ? divergedTrial(record) : record,
      );
      const order = `[...document.querySelectorAll('.sortable tbody tr')].map((row) => row.dataset.trial).join()`;
      const document = await opened(
        sweepReport('diverged', config, records),
        `const heading = (column) => document.querySelectorAll('.sortable th button')[column];
         heading(3).click(); document.documentElement.dataset.down = ${order};
         heading(3).click(); document.documentElement.dataset.up = ${order};
         document.querySelector('#heat .diverged').click();`,
      );
      expect(rootOf(document)).not.toContain('data-error');
      expect(rootOf(document)).toMatch(/data-down="3,5,[\d,]+,2"/);
      expect(rootOf(document)).toMatch(/data-up="1,6,[\d,]+,3,2"/);
      expect(textOf(document, 'facts')).toBe(
        'Diverged: the validation loss was not a finite number in any epoch looked at, of 4; 10.0 s, 1,235 images/s.',
      );
      expect(textOf(document, 'readout')).toContain('loss not a number training');
      expect(document).toMatch(/<option[^>]*>2: 60% · 8, 8, 16 – diverged</);
      expect(document.replace(/<script>.*?<\/script>/gs, '')).not.toMatch(/NaN|undefined/);
    },
    CHROMIUM_TIMEOUT,
  );

  test(
    'does not scroll sideways on a phone',
    async () => {
      const wide = sweepConfig({ grid: { units: [4, 8], name: ['a-rather-long-name'.repeat(4), 'b'] } });
      const report = reportOf(wide);
      const page = reportHtml({
        ...report,
        name: 'a-name-without-spaces-'.repeat(6),
        command: 'x'.repeat(300),
      });
      // Chromium's windows are at least 500 pixels wide, a frame can be as narrow as a phone.
      const file = join(folder, 'phone.html');
      const content = page.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
      await writeFile(
        file,
        `<!doctype html><html><iframe style="width:390px;height:800px;border:0" srcdoc="${content}"></iframe>
         <script>window.onload = () => {
           const { documentElement: inner } = frames[0].document;
           const { dataset } = document.documentElement;
           dataset.inner = inner.dataset.state + ' ' + inner.clientWidth + ' ' + inner.scrollWidth;
         };</script></html>`,
      );
      const document = await documentOf(pathToFileURL(file).href);
      expect(rootOf(document)).toContain('data-inner="ready 390 390"');
    },
    CHROMIUM_TIMEOUT,
  );

  test(
    'has no error without a finished trial, nor with a single epoch',
    async () => {
      const config = sweepConfig({ trials: 1 });
      const none = await opened(sweepReport('none', config, []));
      expect(rootOf(none)).toContain('data-state="ready"');
      expect(rootOf(none)).not.toContain('data-error');
      const [record] = trialRecords(config, 1);
      const history = { loss: [0], accuracy: [1], val_loss: [0], val_accuracy: [1] };
      const single = await opened(
        sweepReport('one', config, [{ ...record!, epochs: 1, bestEpoch: 0, startFromEpoch: 0, history }]),
      );
      expect(rootOf(single)).toContain('data-state="ready"');
      expect(rootOf(single)).not.toContain('data-error');
      expect(single).not.toMatch(/"[^"]*(NaN|Infinity)[^"]*" class="(training|validation)"/);
    },
    CHROMIUM_TIMEOUT,
  );
});

describeWithChromium('a sweep that is watched in Chromium', () => {
  test(
    'comes into the open page, which then says that it has finished',
    async () => {
      const config = sweepConfig();
      const records = trialRecords(config);
      const live = await LiveView.open('runs/digits', 0);
      const best = records[2]!;
      const progress = { total: 16, running: 0, epochs: 8, images: 9, seconds: 3, imagesPerSecond: 3, best };
      live.show({
        type: 'start',
        config,
        jobs: 1,
        resumed: records.slice(0, 5),
        progress: { ...progress, done: 5 },
      });
      // Passes on what the browser asks for, so that the sweep goes on only when the page is listening.
      const between = createServer((incoming, outgoing) => {
        const upstream = request(new URL(incoming.url!, live.url), (answer) => {
          outgoing.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(outgoing);
          if (incoming.url === '/events') {
            const trial = { number: 6, split: { name: '60%' }, parameters: {}, startFromEpoch: { epoch: 1 } };
            live.show({
              type: 'trialEnd',
              trial: trial as never,
              record: records[5]!,
              progress: { ...progress, done: 6 },
            });
            void live.finish(sweepReport('digits', config, records.slice(0, 6), { evaluation: EVALUATION }));
          }
        });
        upstream.end();
      });
      await new Promise<void>((listening) => between.listen(0, '127.0.0.1', listening));
      try {
        const { port } = between.address() as AddressInfo;
        const document = await documentOf(`http://127.0.0.1:${port}/`);
        expect(rootOf(document)).toContain('data-live="ended"');
        expect(rootOf(document)).not.toContain('data-error');
        expect(document).toContain('<strong>Finished</strong> 6 of 16 trials');
        expect(document).toContain('All mistakes');
        expect(document.match(/<option/g)).toHaveLength(6);
        expect(textOf(document, 'facts')).toContain('Accuracy 0.9900');
      } finally {
        between.closeAllConnections();
        between.close();
      }
    },
    CHROMIUM_TIMEOUT,
  );
});
