import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { type Model, sequential } from '../../lib/model/model.js';
import { writeBestModelReports } from '../../lib/report/best-model-reports.js';
import { plotConfusionMatrix } from '../../lib/report/evaluation/confusion-chart.js';
import { writeEvaluation } from '../../lib/report/evaluation/evaluation-folder.js';
import { evaluationText } from '../../lib/report/evaluation/evaluation-text.js';
import { misclassifiedPage } from '../../lib/report/evaluation/misclassified-page.js';
import { evaluateModel, type ModelEvaluation } from '../../lib/report/evaluation/model-evaluation.js';
import { parseSvg } from './report-svg.js';

/**
 * Two pixels a and b, three classes: the probabilities are as 8^a : 3^b : 1, so that every number can be checked by
 * hand. As row: pixels, label, probabilities.
 */
const all = Dataset.from({
  images: Uint8Array.of(1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0),
  labels: Uint8Array.of(
    0, // 8:1:1, right
    2, // 1:3:1, taken for 1
    1, // 8:3:1, taken for 0
    2, // 8:1:1, taken for 0
    0, // 1:1:1, right, as the first of equals
    1, // 8:1:1, taken for 0
  ),
  height: 1,
  width: 2,
  name: 'pairs',
});
const images = all.subset([5, 4, 3, 2, 1, 0]);

let folder: string;
let model: Model;
let evaluation: ModelEvaluation;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evaluation-'));
  model = sequential([layers.flatten(), layers.dense({ units: 3, activation: 'softmax' })], {
    inputShape: [1, 2, 1],
    device: 'cpu',
  });
  const [kernel, bias] = model.getWeights();
  const values = Float32Array.of(Math.log(8), 0, 0, 0, Math.log(3), 0);
  model.setWeights([{ ...kernel!, data: values }, bias!]);
  evaluation = await evaluateModel('model <1>', model, images);
});
afterAll(async () => {
  model.dispose();
  await rm(folder, { recursive: true });
});

describe('evaluateModel', () => {
  test('gives the numbers worked out by hand', () => {
    const ofLabels = [0.8, 0.2, 3 / 12, 0.1, 1 / 3, 0.1];
    expect(evaluation).toMatchObject({ model: 'model <1>', data: 'pairs', images: 6 });
    expect(evaluation.loss).toBeCloseTo(-ofLabels.reduce((sum, p) => sum + Math.log(p), 0) / 6, 5);
    expect(evaluation.accuracy).toBeCloseTo(2 / 6, 6);
    expect(evaluation.confusionMatrix).toEqual([
      [2, 0, 0],
      [2, 0, 0],
      [1, 1, 0],
    ]);
    expect(evaluation.report.classes[0]).toEqual({
      name: '0',
      precision: 2 / 5,
      recall: 1,
      'f1-score': 4 / 7,
      support: 2,
    });
  });

  test('lists mistakes, the most confident first, of equals the first image', () => {
    const near = (value: number) => expect.closeTo(value, 6);
    expect(evaluation.misclassified).toEqual([
      { position: 0, index: 5, label: 1, predicted: 0, probability: near(0.8), labelProbability: near(0.1) },
      { position: 2, index: 3, label: 2, predicted: 0, probability: near(0.8), labelProbability: near(0.1) },
      {
        position: 3,
        index: 2,
        label: 1,
        predicted: 0,
        probability: near(8 / 12),
        labelProbability: near(0.25),
      },
      { position: 4, index: 1, label: 2, predicted: 1, probability: near(0.6), labelProbability: near(0.2) },
    ]);
  });

  test('refuses images with more classes than the model', async () => {
    const more = Dataset.from({ images: Uint8Array.of(1, 1), labels: Uint8Array.of(3), height: 1, width: 2 });
    await expect(evaluateModel('model', model, more)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });
});

describe('evaluationText', () => {
  test('has loss, accuracy, matrix, report and the mistakes', () => {
    const lines = evaluationText(evaluation).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'model <1>',
      'pairs: 6 images',
      `loss: ${evaluation.loss.toFixed(4)} - accuracy: 0.3333`,
    ]);
    expect(lines[4]).toMatch(/true \\ predicted +0 +1 +2/);
    expect(lines[9]).toMatch(/precision +recall +f1-score +support/);
    expect(lines.slice(-7)).toEqual([
      'misclassified: 4 of 6, the most confident first',
      '      image       true  predicted probability',
      '          5          1          0     0.8000',
      '          3          2          0     0.8000',
      '          2          1          0     0.6667',
      '          1          2          1     0.6000',
      '',
    ]);
  });

  test('lists ten of many mistakes, and none of none', () => {
    const many = new Array(11).fill(evaluation.misclassified[0]);
    const lines = evaluationText({ ...evaluation, images: 20, misclassified: many }).split('\n');
    expect(lines).toContain('misclassified: 11 of 20, the 10 most confident');
    expect(lines.filter((line) => line.endsWith('0.8000'))).toHaveLength(10);
    expect(evaluationText({ ...evaluation, misclassified: [] })).toMatch(/misclassified: 0 of 6\n$/);
  });
});

describe('plotConfusionMatrix', () => {
  test('writes every count that is not zero, right ones blue and wrong ones orange', async () => {
    const svg = await plotConfusionMatrix(evaluation.confusionMatrix, ['a model', 'on pairs']);
    const { texts, count } = parseSvg(svg);
    expect(texts).toEqual(
      expect.arrayContaining(['Confusion matrix', 'a model', 'on pairs', 'true class', 'predicted class']),
    );
    // Twice the axes' labels 0, 1, 2, and the counts 2, 2, 1, 1.
    expect(texts.filter((text) => /^\d+$/.test(text)).sort()).toEqual([...'0011112222']);
    // The right count has its whole class: the darkest blue. Two of two is the darkest mistake; one of two is paler.
    expect([count('fill="rgb(0, 114, 178)"'), count('fill="rgb(213, 94, 0)"')]).toEqual([1, 1]);
    expect(await plotConfusionMatrix(evaluation.confusionMatrix, ['a model', 'on pairs'])).toBe(svg);
  });

  test('draws classes without images, a matrix without mistakes, and many classes', async () => {
    parseSvg(
      await plotConfusionMatrix(
        [
          [0, 0],
          [0, 0],
        ],
        [],
      ),
    );
    parseSvg(
      await plotConfusionMatrix(
        [
          [3, 0],
          [0, 4],
        ],
        [],
      ),
    );
    const many = Array.from({ length: 47 }, (_, i) =>
      Array.from({ length: 47 }, (_, j) => (i === j ? 9 : 0)),
    );
    const { texts, width } = parseSvg(await plotConfusionMatrix(many, []));
    expect(texts.filter((text) => text === '9')).toHaveLength(47 + 2);
    expect(width).toBeGreaterThan(1000);
  });
});

describe('misclassifiedPage', () => {
  test('shows each picture with its classes and probabilities, in order, and loads nothing', () => {
    const page = misclassifiedPage(evaluation, images);
    const pictures = [...page.matchAll(/src="data:image\/png;base64,([^"]+)" width="2" height="1"/g)].map(
      (match) => {
        const { data } = PNG.sync.read(Buffer.from(match[1]!, 'base64'));
        return [data[0], data[4]];
      },
    );
    expect(pictures).toEqual([
      [1, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ]);
    const captions = [...page.matchAll(/<figcaption>(.*?)<\/figcaption>/g)].map((match) =>
      match[1]!
        .replace(/<[^>]*>/g, ' ')
        .replace(/ +/g, ' ')
        .trim(),
    );
    expect(captions[0]).toBe('1 taken for 0 80.0 % sure true class 10.0 % image 5');
    expect(captions[3]).toBe('2 taken for 1 60.0 % sure true class 20.0 % image 1');
    expect(page).toContain('<h1>4 of 6 images misclassified</h1>');
    expect(page).toContain('model &#60;1&#62; on pairs');
    expect(page).not.toMatch(/<script|https?:|<link/);
  });

  test('never rounds to certainty, and shows no more than a thousand', () => {
    const sure = { ...evaluation.misclassified[0]!, probability: 0.99999, labelProbability: 1e-7 };
    const page = misclassifiedPage({ ...evaluation, misclassified: new Array(1001).fill(sure) }, images);
    expect(page).toContain('&#62; 99.9 % sure<br><small>true class &#60; 0.1 %');
    expect(page.split('<figure>').length - 1).toBe(1000);
    expect(page).toContain('These are the first 1000; evaluation.json lists all.');
  });
});

describe('what is written', () => {
  test('an evaluation is a folder of four files, the same each time', async () => {
    const out = join(folder, 'deep', 'evaluation');
    const names = ['report.txt', 'evaluation.json', 'confusion_matrix.svg', 'misclassified.html'];
    expect(await writeEvaluation(out, evaluation, images)).toEqual(names.map((name) => join(out, name)));
    expect((await readdir(out)).sort()).toEqual([...names].sort());
    const contents = () => Promise.all(names.map((name) => readFile(join(out, name), 'utf8')));
    const first = await contents();
    expect(JSON.parse(first[1]!)).toEqual(JSON.parse(JSON.stringify(evaluation)));
    expect(first[0]).toBe(evaluationText(evaluation));
    await writeEvaluation(out, await evaluateModel('model <1>', model, images), images);
    expect(await contents()).toEqual(first);
  });

  test('the reports of a best model are its pictures and its evaluation', async () => {
    const out = join(folder, 'best');
    const history = { loss: [1], accuracy: [0.5], val_loss: [1], val_accuracy: [0.5] };
    const run = {
      title: 'the best of 2 models',
      description: 'trial 1',
      history,
      bestEpoch: 0,
      startFromEpoch: 0,
    };
    const { files, evaluation } = await writeBestModelReports(out, run, model, images);
    expect(files.map((file) => file.slice(out.length + 1))).toEqual([
      'accuracy.svg',
      'loss.svg',
      'cnn_architecture.svg',
      'evaluation/report.txt',
      'evaluation/evaluation.json',
      'evaluation/confusion_matrix.svg',
      'evaluation/misclassified.html',
    ]);
    for (const file of files) expect((await readFile(file)).length).toBeGreaterThan(100);
    expect(evaluation.model).toBe('the best of 2 models, trial 1');
  });

  test('a folder that cannot be made is an error that names it', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, 'x');
    await expect(writeEvaluation(file, evaluation, images)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(file),
    });
    // A folder in the place of a file: nothing half-written stays.
    const taken = join(folder, 'taken');
    await mkdir(join(taken, 'report.txt'), { recursive: true });
    await expect(writeEvaluation(taken, evaluation, images)).rejects.toMatchObject({ code: 'FILE' });
    expect(await readdir(taken)).toEqual(['report.txt']);
  });
});
