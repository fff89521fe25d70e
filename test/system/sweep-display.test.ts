import { expect, test } from '@jest/globals';
import { libraryUrl, runScript } from './run-node.js';

const MOVES_UP = '\u001b[1A';

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
