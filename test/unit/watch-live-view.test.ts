import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sweepReport } from '../../lib/report/sweep-report.js';
import type { SweepEvent, SweepStep } from '../../lib/sweep/events.js';
import { LiveView } from '../../lib/watch/live-view.js';
import { eventStream, eventsOf, type ReceivedEvent } from './event-stream.js';
import { divergedTrial, EVALUATION, sweepConfig, trialRecords } from './report-fixture.js';

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

/** A connection that `text` was sent on; `answer`: all that came back, or that came before it was quiet. */
async function rawConnection(
  live: LiveView,
  text: string,
): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(Number(new URL(live.url).port), '127.0.0.1').on('error', () => {});
  await new Promise((connected) => socket.once('connect', connected));
  const answer = new Promise<string>((done) => {
    socket.once('data', (bytes) => done(bytes.toString('latin1'))).once('close', () => done(''));
  });
  socket.write(text, 'latin1');
  return { socket, answer };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((later) => setTimeout(later, 20));
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
    const history = { loss: [2], accuracy: [0.25], val_accuracy: [0.125] };
    live.show(event({ type: 'trialStart', trial: trialOf(4), history }));
    live.show(
      event({
        type: 'epoch',
        trial: trialOf(4),
        epoch: 1,
        logs: { loss: 1, accuracy: 0.5, val_accuracy: 0.25 },
      }),
    );
    for (let i = 0; i < 2; i++) {
      const page = await (await fetch(live.url)).text();
      const { trials, best } = JSON.parse(/id="data">(.*?)<\/script>/s.exec(page)![1]!);
      expect(trials.map(({ trial }: { trial: number }) => trial)).toEqual([1, 2, 3, 4]);
      expect(trials[3].history).toEqual({
        loss: [2, 1],
        accuracy: [0.25, 0.5],
        val_accuracy: [0.125, 0.25],
      });
      expect(best).toBe(3);
      expect(page).toContain('model_9.h5 is missing.');
      expect(page).toContain('60% · 8, 16, 16: epoch 2, accuracy 0.2500');
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

  test('tell of a trial that diverged', async () => {
    const live = await opened();
    live.show(start(1));
    const stream = eventStream(`${live.url}events`);
    await next(stream);
    live.show(event({ type: 'trialEnd', trial: trialOf(2), record: divergedTrial(records[1]!) }));
    const { data } = await next(stream);
    expect(data.trials[0]).toMatchObject({ trial: 2, state: 'diverged' });
    expect(data.trials[0]).not.toHaveProperty('accuracy');
    expect(data.best).toBe(1);
    expect(data.sections.overview).toContain('1 trial diverged');
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

  test('are rendered once for all that follow, of whom there are at most 64', async () => {
    const live = await opened();
    let renderings = 0;
    const counted = {
      ...config,
      get versions() {
        renderings++;
        return config.versions;
      },
    };
    live.show(event({ type: 'start', config: counted, jobs: 2, resumed: records.slice(0, 2) }));
    const first = eventStream(`${live.url}events`);
    await next(first);
    // The update that `start` caused.
    await next(first);
    renderings = 0;
    const responses = await Promise.all(Array.from({ length: 99 }, () => fetch(`${live.url}events`)));
    const served = responses.filter(({ status }) => status === 200);
    const refused = responses.filter(({ status }) => status === 503);
    expect([served.length, refused.length]).toEqual([63, 36]);
    expect(await refused[0]!.text()).toBe('64 browsers follow this sweep already; close one of them\n');
    const others = served.map(eventsOf);
    for (const stream of others) expect(numbersOf(await next(stream))).toEqual([1, 2]);
    expect(renderings).toBe(0);
    const streams = [first, ...others];
    renderings = 0;
    finishTrial(live, 3);
    const updates = await Promise.all(streams.map(next));
    expect(updates.map(numbersOf)).toEqual(Array.from({ length: 64 }, () => [3]));
    expect(renderings).toBe(1);
    await streams[0]!.return(undefined);
    await until(async () => (await fetch(`${live.url}events`)).status === 200);
  });

  test('let a browser go that reads nothing for long, and go on with the others', async () => {
    const live = await opened();
    live.show(event({ type: 'start', config: large, jobs: 2, resumed: manyRecords }));
    const { socket } = await rawConnection(live, 'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    socket.pause();
    const closed = new Promise((done) => socket.once('close', done));
    const stream = eventStream(`${live.url}events`);
    // All records at once, which may take longer than a browser is waited for.
    await next(stream);
    const timer = setInterval(() => live.show(event({ type: 'notice', message: 'more' })), 50);
    for (let i = 0; i < 12; i++) await next(stream);
    clearInterval(timer);
    socket.resume();
    await closed;
    live.show(event({ type: 'notice', message: 'the last one' }));
    let update = await next(stream);
    while (!update.data.sections.status.includes('the last one')) update = await next(stream);
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

describe('who means ill', () => {
  /** What came of sending `text`, once the server has closed the connection or answered. */
  const send = async (live: LiveView, text: string): Promise<string> => {
    const { socket, answer } = await rawConnection(live, text);
    const received = await Promise.race([answer, new Promise<string>((late) => setTimeout(late, 200, ''))]);
    socket.destroy();
    return received;
  };
  const host = 'Host: localhost\r\n';

  test.each([
    ['a path that is no URL', 'GET // HTTP/1.1', 404],
    ['a host in the path', 'GET //[ HTTP/1.1', 404],
    ['a URL that is none', 'GET http:// HTTP/1.1', 404],
    ['a bad port', 'GET http://localhost:99999999/ HTTP/1.1', 404],
    ['a star', 'OPTIONS * HTTP/1.1', 404],
    ['an upgrade', 'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket', 200],
    ['an expectation', 'GET / HTTP/1.1\r\nExpect: wonders', 417],
    ['no method that is known', 'BREW / HTTP/1.1', 400],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`, 431],
    ['a query', 'GET /?%ff HTTP/1.1', 200],
  ])('%s is answered', async (_, line, status) => {
    const live = await opened();
    live.show(start(1));
    expect(await send(live, `${line}\r\n${host}\r\n`)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect((await fetch(live.url)).status).toBe(200);
  });

  test('a foreign page is refused before anything else is looked at', async () => {
    const live = await opened();
    const foreign = 'Host: evil.example\r\n\r\n';
    expect(await send(live, `GET // HTTP/1.1\r\n${foreign}`)).toMatch(/^HTTP\/1.1 403 /);
    expect(await send(live, `DELETE /x HTTP/1.1\r\n${foreign}`)).toMatch(/^HTTP\/1.1 403 /);
  });

  test('nothing that is sent makes it fail', async () => {
    const live = await opened();
    live.show(start(1));
    // A generator of our own, so that a failure comes again.
    let state = 1;
    const below = (count: number): number => {
      state = (state * 48271) % 2147483647;
      return state % count;
    };
    const some = (pieces: string, most: number): string => {
      const list = pieces.split(' ');
      return Array.from({ length: 1 + below(most) }, () => list[below(list.length)]).join('');
    };
    const targets = '/ // /events ? # % %ff \\ .. [ [::1] : @ http: http:// localhost 99999 * é \x7f';
    const headers =
      'Host: Host:localhost,Host:[ Content-Length:5 Content-Length:-1 Connection:Upgrade Upgrade:h2c Expect:wonders ' +
      'Transfer-Encoding:chunked Last-Event-ID:\x01 Range:bytes=5- \0 \xff , \n';
    const methods = 'GET GET GET HEAD OPTIONS POST DELETE CONNECT PRI get';
    const framed = (): string =>
      `${some(methods, 1)} ${some(targets, 4)} HTTP/1.1\r\n${host}${some(headers, 3).replaceAll(',', '\r\n')}\r\n\r\n`;
    const plain = (): string => `${some(methods, 1)} ${some(targets, 4)} HTTP/1.1\r\n${host}\r\n`;
    const cut = (text: string): string => text.slice(0, below(text.length));
    for (let round = 0; round < 8; round++) {
      const texts = [...Array(50)].map(() =>
        [plain, framed, () => cut(framed()), () => some(headers, 9)][below(4)]!(),
      );
      await Promise.all(texts.map((text) => send(live, text)));
    }
    expect((await fetch(live.url)).status).toBe(200);
    expect(numbersOf(await next(eventStream(`${live.url}events`)))).toEqual([1]);
  });

  test('a report that cannot be shown is an answer, and the sweep goes on', async () => {
    const live = await opened();
    const following = eventStream(`${live.url}events`);
    const ended = following.next().then(
      ({ done }) => done,
      () => true,
    );
    await until(async () => (await fetch(live.url)).status === 200);
    const broken = {
      ...config,
      get versions(): never {
        throw new Error('out of paper');
      },
    };
    live.show(event({ type: 'start', config: broken, jobs: 2, resumed: records.slice(0, 2) }));
    expect(await ask(live.url, {})).toEqual({
      status: 500,
      text: 'The report cannot be shown: out of paper\n',
    });
    expect(await ended).toBe(true);
    await live.finish(sweepReport('digits', broken, records));
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
