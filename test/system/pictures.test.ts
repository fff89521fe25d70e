import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { layers } from '../../lib/architecture/layers.js';
import { loadDigits } from '../../lib/data/digits.js';
import { sequential } from '../../lib/model/model.js';
import { packageRoot } from '../../lib/package.js';
import { runCli } from './run-node.js';

/** One of each class, by their places in the embedded digits. */
const DIGITS = [0, 1, 20, 9, 14, 22, 2, 5, 31, 3];

interface Prediction {
  file?: string;
  position?: number;
  predicted: number;
  probability: number;
  probabilities: number[];
  steps?: string[];
}

let folder: string;
/** A softmax regression, which learns digits well in two epochs. */
let model: string;
/** What the model makes of {@link DIGITS} themselves. */
let originals: Prediction[];

const cli = (...args: string[]) => runCli(args, { cwd: folder });
const at = (name: string) => join(folder, name);

async function predict(...files: string[]): Promise<Prediction[]> {
  const { code, stdout, stderr } = await cli('predict', model, ...files, '--device', 'cpu', '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Writes a picture whose pixels `color` gives as red, green, blue and opacity. */
function writePng(
  name: string,
  width: number,
  height: number,
  color: (x: number, y: number) => number[],
): string {
  const png = new PNG({ width, height });
  for (let i = 0; i < width * height; i++) png.data.set(color(i % width, Math.floor(i / width)), i * 4);
  writeFileSync(at(name), PNG.sync.write(png));
  return name;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-pictures-'));
  model = at('model.h5');
  using trained = sequential(
    [
      layers.rescaling({ scale: 1 / 255 }),
      layers.flatten(),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    { seed: 1, device: 'cpu' },
  );
  await trained.fit(await loadDigits(), { epochs: 2, shuffle: 'samples', verbose: 0 });
  await trained.save(model);
  originals = await predict(...DIGITS.map(String));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('convsweep data show --png', () => {
  test('writes the digit, ten times its size', async () => {
    const { code, stdout } = await cli('data', 'show', '22', '--png', 'pictures/five.png');
    expect(code).toBe(0);
    expect(stdout).toContain('label 5');
    const { width, height, data } = PNG.sync.read(readFileSync(at('pictures/five.png')));
    expect([width, height]).toEqual([280, 280]);
    const image = (await loadDigits()).image(22);
    const middles = Array.from({ length: 784 }, (_, i) => {
      const [x, y] = [(i % 28) * 10 + 5, Math.floor(i / 28) * 10 + 5];
      return data[(y * 280 + x) * 4];
    });
    expect(middles).toEqual([...image]);
  });

  test('wants a name that says PNG', async () => {
    const { code, stderr } = await cli('data', 'show', '5', '--png', 'five.jpg');
    expect(stderr).toContain('Expected a file name ending in .png for --png but received "five.jpg"');
    expect(code).toBe(2);
    expect(existsSync(at('five.jpg'))).toBe(false);
  });
});

describe('convsweep predict on PNG files', () => {
  let digits: Uint8Array[];
  beforeAll(async () => {
    const images = await loadDigits();
    digits = DIGITS.map((position) => images.image(position));
  });

  test('the model tells the digits apart at all', () => {
    const right = originals.filter(({ predicted }, label) => predicted === label).length;
    expect(right).toBeGreaterThanOrEqual(8);
  });

  test('classifies larger and inverted digits exactly as the originals', async () => {
    const grey = (value: number) => [value, value, value, 255];
    const larger = digits.map((digit, i) =>
      writePng(`larger${i}.png`, 84, 84, (x, y) => grey(digit[Math.floor(y / 3) * 28 + Math.floor(x / 3)]!)),
    );
    const inverted = digits.map((digit, i) =>
      writePng(`inverted${i}.png`, 28, 28, (x, y) => grey(255 - digit[y * 28 + x]!)),
    );
    const predictions = await predict(...larger, ...inverted);
    const expected = originals.map(({ probabilities }) => probabilities);
    expect(predictions.map(({ probabilities }) => probabilities)).toEqual([...expected, ...expected]);
    expect(predictions[0]).toMatchObject({
      file: 'larger0.png',
      width: 84,
      height: 84,
      steps: ['resized from 84 x 84 to 28 x 28'],
    });
    expect(predictions[10]!.steps).toEqual(['inverted (bright background)']);
  });

  test('classifies coloured and transparent ones as the originals, and says what it did', async () => {
    const files = digits.flatMap((digit, i) => [
      writePng(`blue${i}.png`, 56, 56, (x, y) => {
        const ink = digit[(y >> 1) * 28 + (x >> 1)]!;
        return [255 - ink, 255 - ink, 255 - ink / 2, 255];
      }),
      writePng(`ink${i}.png`, 28, 28, (x, y) => [10, 10, 10, digit[y * 28 + x]!]),
    ]);
    const predictions = await predict(...files);
    expect(predictions.map(({ predicted }) => predicted)).toEqual(
      originals.flatMap(({ predicted }) => [predicted, predicted]),
    );
    expect(predictions[0]!.steps).toEqual([
      'colour made grey',
      'inverted (bright background)',
      'resized from 56 x 56 to 28 x 28',
    ]);
    expect(predictions[1]!.steps).toEqual(['transparency laid over white', 'inverted (bright background)']);
  });

  test('prints a line per file', async () => {
    const { stdout } = await cli('predict', model, 'inverted3.png', 'larger3.png');
    const { predicted, probability } = originals[3]!;
    const cells = `${String(predicted).padStart(9)}  ${probability.toFixed(4).padStart(11)}`;
    expect(stdout.split('\n')).toEqual([
      'image          predicted  probability',
      `inverted3.png  ${cells}  inverted (bright background)`,
      `larger3.png    ${cells}  resized from 84 x 84 to 28 x 28`,
      '',
    ]);
  });

  test('reads one from standard input', async () => {
    const main = join(packageRoot(), 'dist', 'lib', 'cli', 'main.js');
    const child = spawn(process.execPath, [main, 'predict', model, '-', '--json'], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let stdout = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stdin.end(readFileSync(at('larger7.png')));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({ file: '-', probabilities: originals[7]!.probabilities }),
    ]);
  });

  test.each<[string, string[], number, string]>([
    ['a file that is none', ['no.png'], 1, 'Cannot read no.png'],
    ['a model', ['model.h5'], 1, 'in model.h5 but it begins with 89 48 44 46 0d 0a 1a 0a (an HDF5 file'],
    [
      'a truncated picture',
      ['cut.png'],
      1,
      'Expected a whole PNG image in cut.png but it is truncated or damaged',
    ],
    ['nothing on standard input', ['-'], 1, 'Expected a PNG image in standard input but it is empty'],
    ['files among positions', ['5', 'larger0.png'], 2, 'either PNG files or positions'],
    ['standard input twice', ['-', '-'], 2, '"-" only once'],
    [
      'files with --split',
      ['larger0.png', '--split', '60'],
      2,
      'Expected positions in the data set for --split',
    ],
  ])('refuses %s', async (_, args, expected, message) => {
    writeFileSync(at('cut.png'), readFileSync(at('larger0.png')).subarray(0, 300));
    const { code, stdout, stderr } = await cli('predict', model, ...args);
    expect(stderr).toContain(message);
    expect(code).toBe(expected);
    expect(stdout).toBe('');
  });
});

describe('convsweep evaluate', () => {
  test('writes its folder where it runs, and the same numbers everywhere', async () => {
    const { code, stdout, stderr } = await cli('evaluate', 'model.h5', '--all');
    expect(code).toBe(0);
    expect(stderr).toContain(join('evaluation', 'misclassified.html'));
    const report = readFileSync(at('evaluation/report.txt'), 'utf8');
    expect(stdout).toBe(report);
    const json = await cli('evaluate', 'model.h5', '--all', '--json', '--out', 'again');
    const evaluation = JSON.parse(json.stdout);
    expect(evaluation).toEqual(JSON.parse(readFileSync(at('evaluation/evaluation.json'), 'utf8')));
    const wrong = Math.round((1 - evaluation.accuracy) * 10_000);
    expect(evaluation.misclassified).toHaveLength(wrong);
    expect(report).toContain(`misclassified: ${wrong} of 10000`);
    for (const name of readdirSync(at('evaluation'))) {
      expect(readFileSync(at(join('again', name)), 'utf8')).toBe(
        readFileSync(at(join('evaluation', name)), 'utf8'),
      );
    }
  });

  test('writes nothing for a model that does not fit the images', async () => {
    using small = sequential([layers.flatten(), layers.dense({ units: 10, activation: 'softmax' })], {
      inputShape: [14, 14, 1],
      device: 'cpu',
    });
    await small.save(at('small.h5'));
    const { code, stderr } = await cli('evaluate', 'small.h5', '--out', 'never');
    expect(stderr).toContain("Expected images of 14 x 14 x 1 (the model's input)");
    expect(code).toBe(1);
    expect(existsSync(at('never'))).toBe(false);
  });
});

describe('convsweep plot', () => {
  beforeAll(async () => {
    const { code, stderr } = await cli(
      ...['sweep', '--device', 'cpu', '--neurons', '4', '--epochs', '2', '--start-from-epoch', '0'],
      ...['--limit', '2', '--out', 'run'],
    );
    if (code !== 0) throw new Error(stderr);
  }, 60_000);

  test('draws the best trial into the folder', async () => {
    const { code, stdout } = await cli('plot', 'run');
    expect(code).toBe(0);
    const names = ['accuracy.svg', 'loss.svg', 'cnn_architecture.svg'];
    expect(stdout.trimEnd().split('\n')).toEqual(names.map((name) => join('run', name)));
    const accuracy = readFileSync(at('run/accuracy.svg'), 'utf8');
    expect(accuracy).toContain('Accuracy of the best of 2 models');
    expect(accuracy).toMatch(/trial [12]: split [67]0%, neuron_counts \(4, 4, 4\), accuracy 0\.\d{4}</);
    expect(readFileSync(at('run/cnn_architecture.svg'), 'utf8')).toContain('>MaxPooling2D<');
  });

  test('draws any trial, as PNG', async () => {
    const { code } = await cli('plot', 'run', '--trial', '2', '--format', 'png');
    expect(code).toBe(0);
    const names = ['accuracy_2.png', 'cnn_architecture_2.png', 'loss_2.png'];
    expect(readdirSync(at('run/plots')).sort()).toEqual(names);
    for (const name of names) {
      expect(PNG.sync.read(readFileSync(at(join('run/plots', name)))).width).toBeGreaterThan(700);
    }
  });

  test('leaves the journal of a running sweep as it is', async () => {
    appendFileSync(at('run/journal.jsonl'), '{"trial":3,"spl');
    const journal = readFileSync(at('run/journal.jsonl'), 'utf8');
    expect((await cli('plot', 'run', '--trial', '1')).code).toBe(0);
    expect(readFileSync(at('run/journal.jsonl'), 'utf8')).toBe(journal);
  });

  test('has nothing to draw of a trial that diverged', async () => {
    cpSync(at('run'), at('diverged'), { recursive: true });
    const journal = at('diverged/journal.jsonl');
    const lines = readFileSync(journal, 'utf8').split('\n').slice(0, 2);
    const records = lines.map((line) => JSON.parse(line)).sort((a, b) => a.trial - b.trial);
    const diverge = ({ accuracy, bestEpoch, checkpoint, ...rest }: Record<string, unknown>) =>
      JSON.stringify({ ...rest, status: 'diverged' });
    const [first, second] = records.map(diverge);
    writeFileSync(journal, `${JSON.stringify(records[0])}\n${second}\n`);
    const named = await cli('plot', 'diverged', '--trial', '2');
    expect(named.code).toBe(2);
    expect(named.stderr).toContain(
      "Expected one of diverged's finished trials, which did not diverge, 1 for --trial but received 2",
    );
    expect((await cli('plot', 'diverged')).code).toBe(0);
    expect(readFileSync(at('diverged/accuracy.svg'), 'utf8')).toContain('trial 1: ');
    writeFileSync(journal, `${first}\n${second}\n`);
    const none = await cli('plot', 'diverged');
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('holds no finished trial yet (2 diverged in');
  });

  test.each<[string[], number, string]>([
    [['run', '--trial', '3'], 2, "Expected one of run's finished trials 1-2 for --trial but received 3"],
    [['run', '--format', 'gif'], 2, '"svg" or "png" for --format but received "gif"'],
    [['.'], 1, 'holds no sweep (config.json is missing)'],
  ])('plot %j is refused', async (args, expected, message) => {
    const { code, stderr } = await cli('plot', ...args);
    expect(stderr).toContain(message);
    expect(code).toBe(expected);
  });
});
