import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCli, runInShell } from './run-node.js';
import { describeWithTerminal, runOnTerminal } from './terminal.js';

/** A sweep of three small trials; each trains two epochs. */
const TINY = ['--device', 'cpu', '--neurons', '8', '--epochs', '2', '--start-from-epoch', '0', '--jobs', '1'];
const TIMEOUT = 120_000;

let folder: string;
let table: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-output-'));
  const { code, stderr } = await runCli(['sweep', ...TINY, '--out', join(folder, 'whole')]);
  if (code !== 0) throw new Error(stderr);
  table = tableOf('whole');
}, TIMEOUT);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tableOf = (out: string): string => readFileSync(join(folder, out, 'models.csv'), 'latin1');
const sweepInto = (out: string, ...more: string[]): string[] => [
  'sweep',
  ...TINY,
  '--out',
  join(folder, out),
  ...more,
];
const words = (args: readonly string[]): string => args.map((arg) => `'${arg}'`).join(' ');
/** What the shell prints of the first command of its last pipe. */
const STATUS = `echo "status \${PIPESTATUS[0]}" >&2`;

describe('a sweep', () => {
  test.each([
    ['whose reader leaves', '2>&1 | head -3'],
    ['whose reader leaves at once', '2>&1 | true'],
    ['whose log is on a full disk', '>/dev/full 2>&1'],
    ['without any output', '>&- 2>&-'],
  ])(
    '%s trains on to the end, and succeeds',
    async (name, output) => {
      const out = name.replaceAll(' ', '-');
      const { stderr } = await runInShell(`convsweep ${words(sweepInto(out))} ${output}; ${STATUS}`);
      expect(stderr).toContain('status 0\n');
      expect(tableOf(out)).toBe(table);
      expect(existsSync(join(folder, out, 'report.html'))).toBe(true);
    },
    TIMEOUT,
  );

  test(
    'says that its JSON could not be written, with its files whole',
    async () => {
      const { code, stderr } = await runInShell(
        `convsweep ${words(sweepInto('whole', '--resume', '--json'))} >/dev/full`,
      );
      expect(code).toBe(1);
      expect(stderr).toContain('convsweep: Cannot write the result to standard output: ENOSPC');
      expect(tableOf('whole')).toBe(table);
    },
    TIMEOUT,
  );

  test(
    'is silent about a reader of its JSON that left',
    async () => {
      const { stderr } = await runInShell(
        `convsweep ${words(sweepInto('whole', '--resume', '--json'))} | true; ${STATUS}`,
      );
      expect(stderr).toContain('status 0\n');
      expect(stderr).not.toContain('convsweep:');
    },
    TIMEOUT,
  );
});

describe('a command whose result is what it prints', () => {
  test.each(['data info', 'data info --json', 'inspect', '--version', 'sweep --help'])(
    '%s fails on a full disk, and says so',
    async (command) => {
      const { code, stderr } = await runInShell(`convsweep ${command} >/dev/full`);
      expect(code).toBe(1);
      expect(stderr).toContain('Cannot write the result to standard output: ENOSPC');
    },
  );

  test('fails on a disk that takes only a part of it', async () => {
    const file = join(folder, 'part.txt');
    const { code, stderr } = await runInShell(`ulimit -f 1; convsweep sweep --help >'${file}'`);
    expect(code).toBe(1);
    expect(stderr).toContain('Cannot write the result to standard output: EFBIG');
    expect(readFileSync(file)).toHaveLength(1024);
  });

  test('ends quietly when its reader has left', async () => {
    const { stderr } = await runInShell(`convsweep data info --json | true; ${STATUS}`);
    expect(stderr).toBe('status 0\n');
  });
});

describeWithTerminal('on a terminal that vanishes', () => {
  test(
    'without a word, a sweep trains on to the end',
    async () => {
      const ended = await runOnTerminal(sweepInto('detached'), { fate: 'DETACH', text: '[1/3]' });
      expect(ended).toMatchObject({ code: 0, signal: null });
      expect(tableOf('detached')).toBe(table);
    },
    TIMEOUT,
  );

  test(
    'a sweep stops cleanly with 129 when it is told, and resumes to the same results',
    async () => {
      const ended = await runOnTerminal(sweepInto('hung-up'), { fate: 'HANGUP', text: '[1/3]' });
      expect(ended).toMatchObject({ code: 129, signal: null });
      const journal = readFileSync(join(folder, 'hung-up', 'journal.jsonl'), 'utf8');
      expect(journal).toMatch(/^\{.*"trial":1,.*\}\n/);
      expect(existsSync(join(folder, 'hung-up', 'models.csv'))).toBe(false);
      expect((await runCli(sweepInto('hung-up', '--resume'))).code).toBe(0);
      expect(tableOf('hung-up')).toBe(table);
    },
    TIMEOUT,
  );

  test.each([
    ['DETACH', 0],
    ['HANGUP', 129],
  ] as const)(
    'the training of a model ends with %s as %i',
    async (fate, code) => {
      const out = join(folder, `${fate}.h5`);
      const args = ['train', '--device', 'cpu', '--neurons', '8,8,8', '--epochs', '3', '--out', out];
      const ended = await runOnTerminal([...args, '--start-from-epoch', '0'], { fate, text: 'Epoch 2/3' });
      expect(ended).toMatchObject({ code, signal: null });
      expect(existsSync(out)).toBe(true);
    },
    TIMEOUT,
  );
});
