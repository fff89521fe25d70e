import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { libraryUrl, runScript } from './run-node.js';
import { describeWithTerminal, runOnTerminal } from './terminal.js';

const ESCAPE = '\u001b';
const MOVES_UP = `${ESCAPE}[1A`;
const MOVEMENTS = new RegExp(`${ESCAPE}\\[[\\d;?]*[a-zA-Z]|[\\r\\n]`);

test('ends the progress bar once, so that what is printed after it stays', async () => {
  const { stderr, code } = await runScript(`
    import { SweepDisplay } from ${libraryUrl('cli/sweep-display')};
    process.stderr.isTTY = true;
    const display = new SweepDisplay();
    const config = { device: 'cpu', engine: {}, seed: 0, splits: [], grid: { units: [8] }, trials: 1 };
    const progress = { done: 0, total: 1, epochs: 0, imagesPerSecond: 0 };
    display.show({ type: 'start', config, jobs: 1, resumed: [], progress });
    display.stop();
    process.stderr.write('RESULTS');
    display.stop();
  `);
  expect(code).toBe(0);
  const [before, after] = stderr.split('RESULTS');
  expect(before).toContain('0/1 trials');
  expect(after).not.toContain(MOVES_UP);
  expect(after).toBe('');
});

/** What is printed between two movements of the cursor while the terminal breaks no lines. */
function unbrokenPieces(output: string): string[] {
  const [begin, end] = [`${ESCAPE}[?7l`, `${ESCAPE}[?7h`];
  const regions = output.split(begin).slice(1);
  return regions.flatMap((region) => region.split(end)[0]!.split(MOVEMENTS)).filter(Boolean);
}

describeWithTerminal('a sweep on a terminal', () => {
  const arguments_ = ['sweep', '--device', 'cpu', '--neurons', '8', '--splits', '60', '--epochs', '1'];

  test.each([
    [120, /^\[1\/1\] 60% \(8, 8, 8\): accuracy 0\.\d{4} \(epoch 1 of 1, [\d.]+ m?s, [\d,]+ images\/s\)$/],
    [80, /^\[1\/1\] 60% \(8, 8, 8\): accuracy 0\.\d{4} \(epoch 1 of 1, [\d.]+ m?s, [\d,]+ images\/s\)$/],
    [60, /^\[1\/1\] 60% \(8, 8, 8\): accuracy 0\.\d{4} \(epoch 1 of 1(, [\d.]+ m?s)?\)$/],
    [40, /^\[1\/1\] 60% \(8, 8, 8\): accuracy 0\.\d{4}$/],
    [20, /^\[1\/1\] 60% \(8, 8,$/],
    // Until its size is set, a terminal says 0.
    [0, /^\[1\/1\] 60% \(8, 8, 8\): accuracy 0\.\d{4} \(epoch 1 of 1, [\d.]+ m?s, [\d,]+ images\/s\)$/],
  ])(
    'of %i columns prints no line that is longer, and no less than fits',
    async (columns, trialLine) => {
      const out = mkdtempSync(join(tmpdir(), 'sweep-display-'));
      rmSync(out, { recursive: true });
      try {
        const { output, code } = await runOnTerminal([...arguments_, '--out', out], { columns });
        expect(code).toBe(0);
        const pieces = unbrokenPieces(output);
        expect(pieces.filter((piece) => piece.length >= (columns || 80))).toEqual([]);
        expect(pieces).toContainEqual(expect.stringMatching(trialLine));
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    },
    60_000,
  );
});

test('what is printed just before the end stays', async () => {
  const { stderr } = await runScript(`
    import { SweepDisplay } from ${libraryUrl('cli/sweep-display')};
    process.stderr.isTTY = true;
    const display = new SweepDisplay();
    const config = { device: 'cpu', engine: {}, seed: 0, splits: [], grid: { units: [8] }, trials: 1 };
    const progress = { done: 0, total: 1, epochs: 0, imagesPerSecond: 0 };
    display.show({ type: 'start', config, jobs: 1, resumed: [], progress });
    display.line('LAST WORDS');
    display.stop();
  `);
  expect(stderr).toContain('LAST WORDS');
});

test('a limited sweep announces only the splits that it trains', async () => {
  const { stderr, code } = await runScript(`
    import { SweepDisplay } from ${libraryUrl('cli/sweep-display')};
    const splits = ['60%', '70%', '80%'].map((name) =>
        ({ name, data: 'digits', train: 6, validation: 4, startFromEpoch: { epoch: 0, reason: 'given' } }));
      const config = { device: 'cpu', engine: {}, seed: 0, grid: { units: [4, 8] }, splits, trials: 3 };
      const progress = { done: 0, total: 3, epochs: 0, imagesPerSecond: 0 };
      new SweepDisplay().show({ type: 'start', config, jobs: 1, resumed: [], progress });`);
  expect(code).toBe(0);
  expect(stderr).toContain('60% of digits');
  expect(stderr).toContain('70% of digits');
  expect(stderr).not.toContain('80%');
});
