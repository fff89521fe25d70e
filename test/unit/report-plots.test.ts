import { describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { plotTraining, type TrainingRun } from '../../lib/report/plots.js';
import { svgToPng } from '../../lib/report/svg-to-png.js';
import { bestTrialRun, trialRun } from '../../lib/report/trial-run.js';
import type { FinishedTrial } from '../../lib/sweep/trial.js';
import { inkShare, parseSvg } from './report-svg.js';

const BLUE = '#0072B2';
const VERMILION = '#D55E00';

const run: TrainingRun = {
  title: 'the best of 81 models',
  description: 'trial 21: split 60%, neuron_counts (100, 60, 100)',
  history: {
    loss: [2, 1, 0.5, 0.25],
    accuracy: [0.3, 0.6, 0.8, 0.9],
    val_loss: [2.5, 1.5, 1, 1.25],
    val_accuracy: [0.25, 0.5, 0.75, 0.7],
  },
  bestEpoch: 2,
  startFromEpoch: 1,
};

/** The y of each point of a series, top down: a circle or a diamond moved to its place. */
function pointHeights(svg: string, color: string): number[] {
  const points = svg.matchAll(
    /<path aria-label="[^"]*" [^>]*transform="translate\(([\d.]+),([\d.]+)\)"[^>]*>/g,
  );
  return [...points].filter((match) => match[0].includes(`fill="${color}"`)).map((match) => Number(match[2]));
}

describe('plotTraining', () => {
  test('names the model, the quantity and both series', async () => {
    const { texts } = parseSvg(await plotTraining('accuracy', run));
    expect(texts).toEqual(
      expect.arrayContaining([
        'Accuracy of the best of 81 models',
        'trial 21: split 60%, neuron_counts (100, 60, 100)',
        'dashed: epoch 2 (from 0, as Keras counts; the 3rd), whose weights were kept; shaded: too early to be kept',
        'epoch (from 0)',
        'accuracy',
        'training',
        'validation',
      ]),
    );
    expect(parseSvg(await plotTraining('loss', run)).texts).toEqual(
      expect.arrayContaining(['Loss of the best of 81 models', 'loss']),
    );
  });

  test('counts epochs from 0', async () => {
    const { texts } = parseSvg(await plotTraining('loss', run));
    expect(texts.filter((text) => /^\d+$/.test(text))).toEqual(['0', '1', '2', '3']);
  });

  test('draws a point per epoch and series at the height of its value', async () => {
    const svg = await plotTraining('loss', run);
    const training = pointHeights(svg, BLUE);
    expect(training).toHaveLength(4);
    expect(pointHeights(svg, VERMILION)).toHaveLength(4);
    // Heights fall as values rise, in proportion.
    const perUnit = (training[1]! - training[0]!) / (2 - 1);
    expect(training[2]! - training[1]!).toBeCloseTo(perUnit * 0.5, 2);
    expect(pointHeights(svg, VERMILION)[0]! - training[0]!).toBeCloseTo(perUnit * -0.5, 2);
    expect(perUnit).toBeGreaterThan(0);
  });

  test('leaves out values that are no finite numbers, and what was not measured', async () => {
    const { val_loss, ...withoutValidation } = run.history;
    const diverged = { ...run.history, loss: [2, Number.NaN, Number.POSITIVE_INFINITY, 1] };
    const svg = await plotTraining('loss', { ...run, history: diverged });
    parseSvg(svg);
    expect(pointHeights(svg, BLUE)).toHaveLength(2);
    const alone = await plotTraining('loss', { ...run, history: withoutValidation });
    expect([pointHeights(alone, BLUE).length, pointHeights(alone, VERMILION).length]).toEqual([4, 0]);
  });

  test('says nothing of shades when every epoch could be kept', async () => {
    const { texts } = parseSvg(await plotTraining('loss', { ...run, startFromEpoch: 0 }));
    expect(texts).toContain('dashed: epoch 2 (from 0, as Keras counts; the 3rd), whose weights were kept');
  });

  test('draws a single epoch, and labels few of many', async () => {
    const one = { loss: [1], accuracy: [0.5], val_loss: [2], val_accuracy: [0.25] };
    const svg = await plotTraining('accuracy', { ...run, history: one, bestEpoch: 0, startFromEpoch: 0 });
    expect(pointHeights(svg, BLUE)).toHaveLength(1);
    const many = { loss: new Array(250).fill(1), accuracy: Array.from({ length: 250 }, (_, i) => i / 250) };
    const { texts } = parseSvg(await plotTraining('accuracy', { ...run, history: many }));
    expect(texts.filter((text) => /^\d+$/.test(text))).toEqual(
      Array.from({ length: 13 }, (_, i) => `${i * 20}`),
    );
  });

  test('escapes what could be markup', async () => {
    const { texts } = parseSvg(await plotTraining('loss', { ...run, description: 'kind <b> & "c"' }));
    expect(texts).toContain('kind &lt;b&gt; &amp; "c"');
  });

  test('gives the same bytes again', async () => {
    expect(await plotTraining('accuracy', run)).toBe(await plotTraining('accuracy', run));
  });
});

describe('svgToPng', () => {
  test('draws at twice the size, with text although no system font is used', async () => {
    const svg = await plotTraining('accuracy', run);
    const png = await svgToPng(svg);
    const { width, height } = PNG.sync.read(Buffer.from(png));
    const size = parseSvg(svg);
    expect([width, height]).toEqual([size.width * 2, size.height * 2]);
    const withoutText = await svgToPng(svg.replace(/<text.*?<\/text>/gs, ''));
    expect(inkShare(png)).toBeGreaterThan(inkShare(withoutText) + 0.01);
    expect(Buffer.from(await svgToPng(svg)).equals(Buffer.from(png))).toBe(true);
  });
});

describe('the titles of trials', () => {
  const record = {
    trial: 21,
    split: '60%',
    parameters: { neuron_counts: [100, 60, 100] },
    accuracy: Math.fround(0.9838),
    history: run.history,
    bestEpoch: 2,
    startFromEpoch: 1,
  } as unknown as FinishedTrial;

  test('say which model it is, of how many', () => {
    expect(bestTrialRun(record, { finished: 81, total: 81 })).toEqual({
      title: 'the best of 81 models',
      description: 'trial 21: split 60%, neuron_counts (100, 60, 100), accuracy 0.9838',
      history: run.history,
      bestEpoch: 2,
      startFromEpoch: 1,
    });
    expect(bestTrialRun(record, { finished: 30, total: 81 }).title).toBe('the best of 30 models so far');
    expect(trialRun({ ...record, unseenAccuracy: 0.5 })).toMatchObject({
      title: 'trial 21',
      description: 'split 60%, neuron_counts (100, 60, 100), accuracy 0.9838, on unseen images 0.5000',
    });
  });
});
