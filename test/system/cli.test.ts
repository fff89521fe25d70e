import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCli } from './run-node.js';

/** A sweep of three small trials; each trains two epochs. */
const TINY = ['sweep', '--device', 'cpu', '--neurons', '8', '--epochs', '2', '--start-from-epoch', '0'];

let folder: string;
let finished: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-cli-'));
  finished = join(folder, 'finished');
  const { code, stderr } = await runCli([...TINY, '--out', finished, '--jobs', '1']);
  if (code !== 0) throw new Error(stderr);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The files of a sweep that are the same for every run of it, by name. */
function results(out: string): Record<string, Buffer> {
  const models = readdirSync(join(out, 'models')).map((name) => join('models', name));
  const names = ['models.csv', 'model.h5', 'summary.txt', 'config.json', ...models];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(out, name))]));
}

describe('convsweep sweep', () => {
  test('writes what the notebook wrote', () => {
    const csv = readFileSync(join(finished, 'models.csv'), 'latin1');
    expect(csv).toMatch(
      /^test_split,neuron_counts,accuracy\r\n60%,"\(8, 8, 8\)",0\.\d+\r\n70%,"\(8, 8, 8\)",0\.\d+\r\n80%,"\(8, 8, 8\)",0\.\d+\r\n$/,
    );
    expect(readdirSync(join(finished, 'models')).sort()).toEqual(['model_1.h5', 'model_2.h5', 'model_3.h5']);
    const journal = readFileSync(join(finished, 'journal.jsonl'), 'utf8').trimEnd().split('\n');
    const records = journal.map((line) => JSON.parse(line));
    expect(records.map((record) => record.trial)).toEqual([1, 2, 3]);
    expect(records[0].history.val_loss).toHaveLength(2);
    const best = records.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
    expect(
      readFileSync(join(finished, 'model.h5')).equals(readFileSync(join(finished, best.checkpoint.file))),
    ).toBe(true);
    expect(readFileSync(join(finished, 'summary.txt'), 'utf8')).toMatch(/^Model: "sequential/);
  });

  test('writes the same files with two jobs', async () => {
    const out = join(folder, 'two-jobs');
    const { code } = await runCli([...TINY, '--out', out, '--jobs', '2']);
    expect(code).toBe(0);
    expect(results(out)).toEqual(results(finished));
  }, 60_000);

  test('goes on from the first trials to all', async () => {
    const out = join(folder, 'limited');
    expect((await runCli([...TINY, '--out', out, '--limit', '1'])).code).toBe(0);
    const { code, stderr } = await runCli([...TINY, '--out', out, '--resume']);
    expect(code).toBe(0);
    expect(stderr).toContain('1 of them is finished already');
    expect(stderr).toContain('looks from epoch 1 on: as --start-from-epoch says');
    expect(results(out)).toEqual(results(finished));
  }, 60_000);

  test('stops at Ctrl-C with 130, says how to resume, and resumes to the same files', async () => {
    const out = join(folder, 'interrupted');
    let stopping = false;
    const interrupted = await runCli([...TINY, '--out', out, '--jobs', '1'], {
      onOutput: (text, child) => {
        if (stopping || !text.includes('[1/3]')) return;
        stopping = true;
        child.kill('SIGINT');
      },
    });
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain('--resume');
    expect(existsSync(join(out, 'models.csv'))).toBe(false);
    const resumed = await runCli([...TINY, '--out', out, '--jobs', '2', '--resume']);
    expect(resumed.code).toBe(0);
    expect(results(out)).toEqual(results(finished));
  }, 120_000);

  test('prints its result as JSON', async () => {
    const { code, stdout, stderr } = await runCli([...TINY, '--out', finished, '--resume', '--json']);
    expect(code).toBe(0);
    expect(stderr).toContain('all are finished already');
    const { best, trials } = JSON.parse(stdout);
    expect(trials).toHaveLength(3);
    expect(best.accuracy).toBe(Math.max(...trials.map((trial: { accuracy: number }) => trial.accuracy)));
  });

  test('refuses a folder that holds another sweep', async () => {
    const before = results(finished);
    const { code, stderr } = await runCli([...TINY, '--out', finished]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/--resume|resume/);
    const other = await runCli([...TINY, '--out', finished, '--resume', '--seed', '5']);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('seed');
    expect(results(finished)).toEqual(before);
  });

  test('labels the notebook protocol as leaking and adds the unseen accuracy', async () => {
    const args = [
      '--protocol',
      'notebook',
      '--splits',
      '80',
      '--epochs',
      '1',
      '--out',
      join(folder, 'notebook'),
    ];
    const { code, stdout, stderr } = await runCli([...TINY, ...args]);
    expect(code).toBe(0);
    expect(stderr).toContain('LEAKS');
    expect(stdout).toContain('unseen');
  }, 60_000);
});

describe('wrong usage exits with 2 and names the argument', () => {
  const cases: [string[], RegExp][] = [
    [['sweep', '--epoch', '3'], /unknown option '--epoch'.*\n?.*--epochs/],
    [['swep'], /unknown command 'swep'/],
    [['sweep', '--splits', '0'], /--splits.*received "0"/],
    [['sweep', '--splits', '60,100'], /--splits/],
    [['sweep', '--splits', '60,60'], /distinct values for --splits but received "60,60"/],
    [['sweep', '--neurons', '8,8'], /distinct values for --neurons but received "8,8"/],
    [['sweep', '--neurons', '0'], /--neurons.*received "0"/],
    [['sweep', '--neurons', '60.5'], /--neurons.*received "60.5"/],
    [['sweep', '--epochs', 'many'], /--epochs.*received "many"/],
    [['sweep', '--patience', '-1'], /--patience/],
    [['sweep', '--start-from-epoch', '30'], /below 30 .* for --start-from-epoch but received 30/],
    [['sweep', '--protocol', 'leaky'], /"holdout" or "notebook" for --protocol but received "leaky"/],
    [['sweep', '--device', 'gpu'], /--device.*received "gpu"/],
    [['sweep', '--jobs', '0'], /--jobs/],
    [['train', '--start-from-epoch', '30'], /below 30 .* for --start-from-epoch but received 30/],
    [['train', '--neurons', '60,60'], /3 positive integers separated by commas for --neurons/],
    [['train', '--out', 'x'], /ending in \.h5 or \.hdf5 for --out but received "x"/],
    [
      ['export', 'm.h5', 'm.zip', '--to', 'onnx'],
      /ending in \.onnx with --to onnx for <out> but received "m\.zip"/,
    ],
    [['predict', 'm.h5', '--part', 'validation'], /--part validation needs --split/],
    [['evaluate', 'm.h5', '--part', 'test', '--split', '60'], /--part test has no --split/],
    [['evaluate', 'm.h5', '--part', 'test'], /--part test needs --data, or --split/],
    [['predict', 'm.h5', '-1'], /-1 is no position/],
    [['evaluate', 'm.h5', '--precision', 'fp64'], /--precision but received "fp64"/],
    [['evaluate'], /missing required argument 'model'/],
    [['data', 'show', '10000'], /from 0 to 9999/],
    [['summary'], /Give either a model file or --neurons/],
  ];
  test.each(cases)('%j', async (args, message) => {
    const out = join(folder, 'never');
    const { code, stderr } = await runCli(args[0] === 'sweep' ? [...args, '--out', out] : args, {
      cwd: folder,
    });
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

describe('failures exit with 1', () => {
  test('an explicit device that is not there', async () => {
    const { code, stderr } = await runCli(['sweep', '--device', 'cuda:99', '--out', join(folder, 'cuda')]);
    expect(stderr).toMatch(/"cuda:99" is not available/);
    expect(code).toBe(1);
    expect(existsSync(join(folder, 'cuda'))).toBe(false);
  });

  test('a file that is no model, and one that is not there', async () => {
    const foreign = join(folder, 'foreign.h5');
    writeFileSync(foreign, 'not HDF5');
    expect(await runCli(['evaluate', foreign])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('foreign.h5'),
    });
    const missing = join(folder, 'missing.h5');
    expect(await runCli(['summary', missing])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('missing.h5'),
    });
  });

  test('evaluate says nothing of the images before there is a model', async () => {
    const { code, stderr } = await runCli(['evaluate', 'missing.h5'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^convsweep: .*missing\.h5/);
  });

  test('a data folder without IDX files names the download command', async () => {
    const { code, stderr } = await runCli(['sweep', '--data', folder, '--out', join(folder, 'no-data')]);
    expect(stderr).toContain('convsweep data download');
    expect(code).toBe(1);
  });
});

describe('the other commands', () => {
  test('a reader that leaves early is no failure', async () => {
    const { code, stderr } = await runCli(['data', 'info'], {
      onStart: (child) => child.stdout!.destroy(),
    });
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  const model = () => join(finished, 'model.h5');
  const trial = (number: number) => join(finished, 'models', `model_${number}.h5`);

  test('evaluate prints loss, accuracy, confusion matrix and report', async () => {
    const text = await runCli(['evaluate', trial(3)], { cwd: folder });
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/2000 images\nloss: \d\.\d{4} - accuracy: 0\.\d{4}/);
    expect(text.stdout).toMatch(/precision +recall +f1-score +support/);
    const json = JSON.parse((await runCli(['evaluate', trial(3), '--json'], { cwd: folder })).stdout);
    expect(json.images).toBe(2000);
    const total = json.confusionMatrix.flat().reduce((sum: number, count: number) => sum + count, 0);
    expect(total).toBe(2000);
  });

  test('predict classifies images of the data set', async () => {
    const { stdout } = await runCli(['predict', model(), '0', '9999', '--json']);
    const predictions = JSON.parse(stdout);
    expect(predictions.map((p: { label: number }) => p.label)).toEqual([0, 5]);
    const sum = predictions[0].probabilities.reduce((a: number, b: number) => a + b, 0);
    expect(sum).toBeCloseTo(1, 5);
  });

  test('summary prints the layers of a file and of widths', async () => {
    const file = await runCli(['summary', model()]);
    const widths = await runCli(['summary', '--neurons', '8,8,8']);
    expect(file.stdout).toContain('Total params: 13,');
    expect(widths.stdout).toBe(file.stdout);
  });

  test('train keeps the best epoch of one model', async () => {
    const out = join(folder, 'new', 'one.h5');
    const { code, stdout } = await runCli([
      ...['train', '--device', 'cpu', '--neurons', '8,8,8', '--split', '20', '--epochs', '2'],
      ...['--start-from-epoch', '0', '--out', out],
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Epoch 1: val_loss improved from inf to \d\.\d{5}, saving model to .*one\.h5/);
    expect(existsSync(out)).toBe(true);
  });

  test('the defaults of lists are written as they are given', async () => {
    const { stdout } = await runCli(['sweep', '--help']);
    expect(stdout).toContain('(default: 60,70,80)');
    expect(stdout).toContain('(default: 60,80,100)');
  });

  test('report and plot print their files as JSON', async () => {
    const report = await runCli(['report', finished, '--json']);
    expect(JSON.parse(report.stdout)).toEqual({ files: [join(finished, 'report.html')] });
    const plot = await runCli(['plot', finished, '--json']);
    expect(JSON.parse(plot.stdout).files).toContain(join(finished, 'accuracy.svg'));
  });

  test('data info and show describe the digits', async () => {
    const info = await runCli(['data', 'info']);
    expect(info.stdout).toContain('num_examples=10000');
    const shown = await runCli(['data', 'show', '0', '--ascii']);
    expect(shown.stdout).toContain('label 0');
    expect(shown.stdout.split('\n').length).toBeGreaterThan(14);
  });

  test('inspect tells versions and backends', async () => {
    const { code, stdout } = await runCli(['inspect', '--json']);
    expect(code).toBe(0);
    const { backends } = JSON.parse(stdout);
    const cpu = backends.find(({ backend }: { backend: string }) => backend === 'cpu');
    expect(cpu).toMatchObject({ available: true, devices: [{ name: 'cpu' }] });
    expect(cpu.build.instructionSets).toContain('baseline');
    const cuda = backends.find(({ backend }: { backend: string }) => backend === 'cuda');
    expect(cuda.available || cuda.reason.length > 0).toBe(true);
  });

  test.each(['sweep', 'train', 'evaluate', 'predict', 'summary', 'data', 'inspect'])(
    '%s --help',
    async (command) => {
      const { code, stdout } = await runCli([command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: convsweep ${command}`);
    },
  );
});
