import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { LiveView } from '../../lib/report/live-view.js';
import { sweepReport } from '../../lib/report/sweep-report.js';
import type { SweepEvent, SweepStep } from '../../lib/sweep/events.js';
import { eventStream, type ReceivedEvent } from './event-stream.js';
import { EVALUATION, sweepConfig, trialRecords } from './report-fixture.js';

const config = sweepConfig();
const records = trialRecords(config);
const trialOf = (number: number) => {
  const { split, parameters, seed } = records[number - 1]!;
  return { number, split: { name: split }, parameters, seed, startFromEpoch: { epoch: 1, reason: 'given' } };
};

let done = 0;
const event = (step: object): SweepEvent => ({
  ...(step as SweepStep),
  progress: { done, total: 16, running: 1, epochs: 4, images: 50, seconds: 2, imagesPerSecond: 25 },
});
const start = (count: number): SweepEvent => {
  done = count;
  return event({ type: 'start', config, jobs: 2, resumed: records.slice(0, count) });
};
const finishTrial = (live: LiveView, number: number): void => {
  done++;
  live.show(event({ type: 'trialEnd', trial: trialOf(number), record: records[number - 1] }));
};

let view: LiveView | undefined;
const opened = async (): Promise<LiveView> => {
  view = await LiveView.open('runs/digits', 0);
  return view;
};
afterEach(() => view?.stop('the test is over'));

const next = async (stream: AsyncGenerator<ReceivedEvent>): Promise<ReceivedEvent> =>
  (await stream.next()).value as ReceivedEvent;
const numbersOf = ({ data }: ReceivedEvent): number[] =>
  data.trials.map(({ trial }: { trial: number }) => trial);

/** The status and text of an answer to a request with any headers. */
function ask(url: string, options: { method?: string; headers?: Record<string, string> }) {
  return new Promise<{ status: number; text: string }>((answered, failed) => {
    const asked = request(url, options, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      answered({ status: response.statusCode!, text });
    });
    asked.on('error', failed).end();
  });
}

describe('the page', () => {
  test('waits for the sweep to begin, then is the report', async () => {
    const live = await opened();
    const waiting = await (await fetch(live.url)).text();
    expect(waiting).toContain('http-equiv="refresh"');
    live.show(start(3));
    const page = await (await fetch(live.url)).text();
    expect(page).toContain('<h1>digits</h1>');
    expect(page).toContain('data-live="on"');
    expect(page).toContain("connect-src 'self'");
    expect(page).toContain('3 of 16 trials');
  });

  test('is whole after a reload: earlier trials, new ones, those in training and what was said', async () => {
    const live = await opened();
    live.show(event({ type: 'notice', message: 'model_9.h5 is missing' }));
    live.show(start(2));
    finishTrial(live, 3);
    live.show(event({ type: 'trialStart', trial: trialOf(4) }));
    live.show(
      event({
        type: 'epoch',
        trial: trialOf(4),
        epoch: 0,
        logs: { loss: 1, accuracy: 0.5, val_accuracy: 0.25 },
      }),
    );
    for (let i = 0; i < 2; i++) {
      const page = await (await fetch(live.url)).text();
      const { trials, best } = JSON.parse(/id="data">(.*?)<\/script>/s.exec(page)![1]!);
      expect(trials.map(({ trial }: { trial: number }) => trial)).toEqual([1, 2, 3, 4]);
      expect(trials[3].history).toEqual({ loss: [1], accuracy: [0.5], val_accuracy: [0.25] });
      expect(best).toBe(3);
      expect(page).toContain('model_9.h5 is missing.');
      expect(page).toContain('60% · 8, 16, 16: epoch 1, accuracy 0.2500');
    }
  });
});

describe('events', () => {
  /** Far more than the buffers of a connection take. */
  const large = sweepConfig({ grid: { units: Array.from({ length: 3000 }, (_, i) => i) } });
  const manyRecords = trialRecords(large);

  test('begin with all that is known, then tell what is new, and end', async () => {
    const live = await opened();
    live.show(start(2));
    const stream = eventStream(`${live.url}events`);
    const first = await next(stream);
    expect([first.event, numbersOf(first)]).toEqual(['update', [1, 2]]);
    expect(Object.keys(first.data.sections)).toContain('heat');
    finishTrial(live, 3);
    const second = await next(stream);
    expect([second.event, numbersOf(second), second.data.best]).toEqual(['update', [3], 3]);
    expect(second.data.sections.status).toContain('3 of 16 trials');
    await live.finish(sweepReport('digits', config, records.slice(0, 3), { evaluation: EVALUATION }));
    const last = await next(stream);
    expect(last.event).toBe('end');
    expect(last.data.sections.status).toContain('<strong>Finished</strong>');
    expect(last.data.sections.model).toContain('All mistakes');
    expect((await stream.next()).done).toBe(true);
    await expect(fetch(live.url)).rejects.toThrow();
  });

  test('reach every browser, whenever it came', async () => {
    const live = await opened();
    live.show(start(1));
    const early = eventStream(`${live.url}events`);
    await next(early);
    finishTrial(live, 2);
    await next(early);
    const late = eventStream(`${live.url}events`);
    expect(numbersOf(await next(late))).toEqual([1, 2]);
    finishTrial(live, 3);
    expect(numbersOf(await next(early))).toEqual([3]);
    expect(numbersOf(await next(late))).toEqual([3]);
  });

  test('say why a sweep stopped', async () => {
    const live = await opened();
    live.show(start(1));
    const stream = eventStream(`${live.url}events`);
    await next(stream);
    await live.stop('The sweep was stopped <by hand>.');
    const { data } = await next(stream);
    expect(data.sections.status).toContain('<strong>Stopped</strong>');
    expect(data.sections.status).toContain('The sweep was stopped &#60;by hand&#62;.');
  });

  test('reach a browser whole, however long the last one is', async () => {
    const live = await opened();
    live.show(event({ type: 'start', config: large, jobs: 2, resumed: manyRecords }));
    const stream = eventStream(`${live.url}events`);
    await next(stream);
    const ended = live.finish(sweepReport('digits', large, manyRecords));
    const last = await next(stream);
    expect(last.event).toBe('end');
    expect(last.data.sections.trials).toContain('6,000 trials in a table');
    await ended;
  });

  test('do not keep the end waiting for a browser that does not read', async () => {
    const live = await opened();
    live.show(event({ type: 'start', config: large, jobs: 2, resumed: manyRecords }));
    const { port } = new URL(live.url);
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
    const answered = new Promise((resolve) => socket.once('readable', resolve));
    socket.write(`GET /events HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    await answered;
    await live.finish(sweepReport('digits', large, manyRecords));
    socket.destroy();
  });
});

describe('who asks for something else', () => {
  test.each([
    ['another page', '/models.csv', {}, 404],
    ['a change', '/', { method: 'POST' }, 405],
    ['a foreign name of this machine', '/', { headers: { Host: 'evil.example' } }, 403],
    ['a foreign name that begins like ours', '/events', { headers: { Host: 'localhost.evil.example' } }, 403],
  ])('%s is refused', async (_, path, options, status) => {
    const live = await opened();
    live.show(start(1));
    const answer = await ask(new URL(path, live.url).href, options);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('digits');
  });

  test.each(['localhost', 'localhost:1234', '127.0.0.1:1', '[::1]:8081'])(
    '%s is this machine',
    async (host) => {
      const live = await opened();
      expect((await ask(live.url, { headers: { Host: host } })).status).toBe(200);
    },
  );

  test('a port that is in use is named, with the remedy', async () => {
    const { port } = new URL((await opened()).url);
    await expect(LiveView.open('runs/other', Number(port))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `Cannot serve on port ${port} of 127.0.0.1: it is in use; choose another with --watch PORT, or --watch 0 for any that is free`,
    });
  });
});
