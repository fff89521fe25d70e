import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { Dataset } from '../../lib/data/dataset.js';
import { classificationReport } from '../../lib/report/evaluation/classification-report.js';
import { reportEvaluation } from '../../lib/report/sweep-report.js';
import { rebuildReport, writeReport } from '../../lib/report/write-report.js';
import { EVALUATION, sweepConfig, trialRecords } from './report-fixture.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function makeFolder(finished: number): Promise<void> {
  const config = sweepConfig();
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const lines = trialRecords(config, finished).map((record) => `${JSON.stringify(record)}\n`);
  await writeFile(join(folder, 'journal.jsonl'), lines.join(''));
}

test('a report is written again from its folder to the same bytes', async () => {
  await makeFolder(16);
  const { file } = await writeReport(folder, {
    command: 'convsweep sweep',
    device: 'X',
    evaluation: EVALUATION,
  });
  expect(file).toBe(join(folder, 'report.html'));
  const first = await readFile(file, 'utf8');
  expect(first).toContain('All mistakes');
  await rm(file);
  expect((await rebuildReport(folder)).file).toBe(file);
  expect(await readFile(file, 'utf8')).toBe(first);
  expect((await readdir(folder)).sort()).toEqual([
    'config.json',
    'journal.jsonl',
    'report.html',
    'report.json',
  ]);
});

test('a report of a sweep that is running leaves its journal alone', async () => {
  await makeFolder(5);
  await appendFile(join(folder, 'journal.jsonl'), '{"trial":6,"sp');
  const before = await readFile(join(folder, 'journal.jsonl'));
  const { report } = await rebuildReport(folder);
  expect(report.trials).toHaveLength(5);
  expect(await readFile(join(folder, 'journal.jsonl'))).toEqual(before);
});

test.each([
  ['no sweep', {}, 'FILE', /holds no sweep \(config\.json is missing\)/],
  [
    'a configuration that is no JSON',
    { 'config.json': '{' },
    'INVALID_DATA',
    /a sweep's configuration in .*config\.json, but: Expected property name/,
  ],
  [
    'another configuration',
    { 'config.json': '{}' },
    'INVALID_DATA',
    /a sweep's configuration in .*config\.json/,
  ],
  [
    'a damaged journal',
    { 'config.json': JSON.stringify(sweepConfig()), 'journal.jsonl': 'x\n' },
    'INVALID_DATA',
    /line 1 of .*journal\.jsonl/,
  ],
  [
    'damaged extras',
    { 'config.json': JSON.stringify(sweepConfig()), 'report.json': '' },
    'INVALID_DATA',
    /beyond its sweep in .*report\.json, but: Unexpected end of JSON input; it is damaged; delete it/,
  ],
])('a folder with %s gets no report', async (_, files, code, message) => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  await expect(rebuildReport(folder)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
  expect(await readdir(folder)).not.toContain('report.html');
});

test.each([
  ['a list', [], 'an object for the extras'],
  ['nothing', null, 'an object for the extras but received null'],
  ['another field', { results: 1 }, 'but received "results"'],
  ['no text', { command: 1 }, 'a text for command'],
  ['an empty evaluation', { evaluation: {} }, 'a value for data of evaluation'],
  ['a loss that is no number', damaged({ loss: null }), 'evaluation.loss but received null'],
  ['an accuracy above 1', damaged({ accuracy: 2 }), 'from 0 to 1 for evaluation.accuracy'],
  ['a matrix that is none', damaged({ confusionMatrix: [1] }), 'for evaluation.confusionMatrix'],
  ['a matrix that is not square', damaged({ confusionMatrix: [[1, 2]] }), 'for evaluation.confusionMatrix'],
  ['mistakes that are no list', damaged({ mistakes: {} }), 'a list for evaluation.mistakes'],
  ['an image elsewhere', mistake({ image: 'http://x/y.png' }), 'a data URL for evaluation.mistakes[0].image'],
  ['a class beyond the last', mistake({ label: 2 }), 'from 0 to 1 for evaluation.mistakes[0].label'],
  ['no probability', mistake({ probability: '1' }), 'for evaluation.mistakes[0].probability'],
])('a report.json with %s is an error of that file', async (_, extras, reason) => {
  await makeFolder(16);
  await writeFile(join(folder, 'report.json'), JSON.stringify(extras));
  const rebuilding = rebuildReport(folder);
  await expect(rebuilding).rejects.toMatchObject({ code: 'INVALID_DATA' });
  await expect(rebuilding).rejects.toThrow(`${join(folder, 'report.json')}, but: `);
  await expect(rebuilding).rejects.toThrow(reason);
  expect(await readdir(folder)).not.toContain('report.html');
});

function damaged(changes: object): object {
  return { evaluation: { ...EVALUATION, ...changes } };
}

function mistake(changes: object): object {
  return damaged({ mistakes: [{ ...EVALUATION.mistakes[0], ...changes }] });
}

test('mistakes are shown as images of their pixels, at most a hundred', () => {
  const size = 150;
  const images = Uint8Array.from({ length: size * 4 }, (_, i) => i % 251);
  const data = Dataset.from({ images, labels: new Uint8Array(size), height: 2, width: 2, classes: 2 });
  const confusionMatrix = [
    [0, size],
    [0, 0],
  ];
  const misclassified = Array.from({ length: size }, (_, i) => {
    const position = size - 1 - i;
    return { position, index: position, label: 0, predicted: 1, probability: 0.9, labelProbability: 0.1 };
  });
  const report = classificationReport(confusionMatrix);
  const evaluation = {
    model: 'm',
    data: 'd',
    images: size,
    loss: 1,
    accuracy: 0,
    confusionMatrix,
    report,
    misclassified,
  };
  const { mistakes } = reportEvaluation(evaluation, data);
  expect(mistakes).toHaveLength(100);
  expect(mistakes[0]).toMatchObject({ index: 149, label: 0, predicted: 1, probability: 0.9 });
  const png = PNG.sync.read(Buffer.from(mistakes[0]!.image.replace('data:image/png;base64,', ''), 'base64'));
  expect([png.width, png.height]).toEqual([2, 2]);
  expect([0, 4, 8, 12].map((i) => png.data[i])).toEqual([...images.subarray(149 * 4)]);
});
