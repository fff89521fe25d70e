import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventStream, type ReceivedEvent } from '../unit/event-stream.js';
import { runCli } from './run-node.js';

const LIMIT = 120_000;
const TINY = [
  'sweep',
  '--neurons',
  '8',
  '--epochs',
  '2',
  '--start-from-epoch',
  '0',
  '--device',
  'cpu',
  '--jobs',
  '1',
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-report-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a sweep with `--watch` and a browser that listens from when the address is printed. */
async function watched(
  args: readonly string[],
  onEvent: (event: ReceivedEvent) => void = () => {},
  stopAfter?: number,
) {
  const events: ReceivedEvent[] = [];
  let listening: Promise<void> | undefined;
  let page: Promise<string> | undefined;
  const listen = async (url: string, stop: () => void): Promise<void> => {
    // Until the sweep has begun there is nothing to be told; the stream then stays silent.
    for await (const event of eventStream(`${url}events`)) {
      events.push(event);
      onEvent(event);
      page ??= fetch(url).then((response) => response.text());
      const finished = event.data.trials.filter(
        ({ bestEpoch }: { bestEpoch?: number }) => bestEpoch !== undefined,
      );
      if (stopAfter !== undefined && finished.length >= stopAfter) stop();
    }
  };
  const ended = await runCli([...args, '--watch', '0'], {
    onOutput: (text, child) => {
      const url = /Watch it at (http:\S+)/.exec(text)?.[1];
      if (url !== undefined) listening ??= listen(url, () => child.kill('SIGINT'));
    },
  });
  await listening;
  return { ended, events, page: await page };
}

const numbersOf = ({ data }: ReceivedEvent): number[] =>
  data.trials.map(({ trial }: { trial: number }) => trial);

describe('convsweep sweep --watch', () => {
  test(
    'tells of every trial, leaves the report, and a resumed sweep is shown whole',
    async () => {
      const out = join(folder, 'watched');
      const args = [...TINY, '--out', out];
      const interrupted = await watched(args, undefined, 1);
      expect(interrupted.ended).toMatchObject({ code: 130 });
      expect(interrupted.page).toContain('data-live="on"');
      const stopped = interrupted.events.at(-1)!;
      expect(stopped.event).toBe('end');
      expect(stopped.data.sections.status).toContain('<strong>Stopped</strong>');
      expect(existsSync(join(out, 'report.html'))).toBe(false);

      const { ended, events } = await watched([...args, '--resume']);
      expect(ended).toMatchObject({ code: 0 });
      const last = events.at(-1)!;
      expect(last.event).toBe('end');
      expect(last.data.sections.status).toContain('<strong>Finished</strong> 3 of 3 trials');
      expect(last.data.sections.model).toContain('Confusion matrix');
      expect([...new Set(events.flatMap(numbersOf))].sort()).toEqual([1, 2, 3]);
      expect(numbersOf(events[0]!)).toContain(1);

      const page = await readFile(join(out, 'report.html'), 'utf8');
      expect(/<html[^>]*>/.exec(page)![0]).toBe('<html lang="en">');
      expect(page).toContain('Confusion matrix');
      expect(page).toContain(
        'convsweep sweep --protocol holdout --splits 60,70,80 --neurons 8 --epochs 2 --patience 3 --start-from-epoch 0 --batch 128 --shuffle batches --seed 0 --device cpu',
      );
      await rm(join(out, 'report.html'));
      const rebuilt = await runCli(['report', out]);
      expect(rebuilt).toMatchObject({ code: 0, stdout: `${join(out, 'report.html')}\n` });
      expect(await readFile(join(out, 'report.html'), 'utf8')).toBe(page);
    },
    LIMIT,
  );

  test('on a port that is in use fails before anything is written', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    try {
      const { port } = server.address() as AddressInfo;
      const out = join(folder, 'in-use');
      const { code, stderr } = await runCli([...TINY, '--out', out, '--watch', String(port)]);
      expect(code).toBe(2);
      expect(stderr).toContain(
        `Cannot serve on port ${port} of 127.0.0.1: it is in use; choose another with --watch PORT`,
      );
      expect(existsSync(out)).toBe(false);
    } finally {
      server.close();
    }
  });

  test.each(['65536', '-1', 'x'])('takes no port %s', async (port) => {
    const { code, stderr } = await runCli([...TINY, '--out', join(folder, 'none'), `--watch=${port}`]);
    expect(code).toBe(2);
    expect(stderr).toContain('--watch');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});

describe('convsweep report', () => {
  test('of a folder without a sweep says so', async () => {
    const { code, stderr } = await runCli(['report', join(folder, 'nothing')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/nothing holds no sweep \(config\.json is missing\)/);
  });
});
