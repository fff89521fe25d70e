import type { TopLevelSpec } from 'vega-lite';
import type { EpochHistory } from '../training/history.js';
import { COLORS, vegaSvg } from './vega-svg.js';

/** What a plot shows over the epochs. */
export type Quantity = 'accuracy' | 'loss';

/** A model's training, and how the titles of pictures call it. */
export interface TrainingRun {
  /** Which model it is, such as `the best of 81 models`. */
  title: string;
  /** What sets it apart, such as `trial 21: split 60%, neuron_counts (100, 60, 100)`. */
  description: string;
  history: EpochHistory;
  /** The epoch whose weights were kept, from 0. */
  bestEpoch: number;
  /** The first epoch that could be kept, from 0. */
  startFromEpoch: number;
}

const SERIES = ['training', 'validation'] as const;

/**
 * Accuracy or loss of the training and the validation images by epoch, which counts from 0 as in Keras. The epoch that
 * was kept is marked, epochs that could not be kept are shaded, and values that are no finite numbers leave gaps.
 * @returns SVG, the same bytes for the same training
 */
export function plotTraining(quantity: Quantity, run: TrainingRun): Promise<string> {
  return vegaSvg(trainingChart(quantity, run));
}

function trainingChart(quantity: Quantity, run: TrainingRun): TopLevelSpec {
  const { title, description, history, bestEpoch, startFromEpoch } = run;
  const epochs = history[quantity].length;
  const x = {
    field: 'epoch',
    type: 'quantitative' as const,
    title: 'epoch (from 0)',
    scale: { domain: [-0.35, epochs - 0.65], nice: false },
    axis: { format: 'd', grid: false, values: epochTicks(epochs) },
  };
  // Everything else that a sweep prints and writes counts epochs from 1.
  const kept = `dashed: epoch ${bestEpoch} (from 0, as Keras counts; the ${ordinal(bestEpoch + 1)}), whose weights were kept`;
  const shaded = startFromEpoch > 0 ? '; shaded: too early to be kept' : '';
  return {
    width: 600,
    height: 360,
    title: {
      text: `${quantity === 'accuracy' ? 'Accuracy' : 'Loss'} of ${title}`,
      subtitle: [description, `${kept}${shaded}`],
    },
    layer: [
      {
        data: { values: startFromEpoch > 0 ? [{ epoch: -0.35, end: startFromEpoch - 0.5 }] : [] },
        mark: { type: 'rect', color: '#eef0f3', aria: false },
        encoding: { x, x2: { field: 'end' } },
      },
      {
        data: { values: [{ epoch: bestEpoch }] },
        mark: { type: 'rule', color: COLORS.faint, strokeDash: [4, 4], aria: false },
        encoding: { x },
      },
      {
        data: { values: pointsOf(quantity, history) },
        mark: { type: 'line', strokeWidth: 2.2, point: { filled: true, size: 50, opacity: 1 } },
        encoding: {
          x,
          y: { field: 'value', type: 'quantitative', title: quantity, scale: { zero: false } },
          color: {
            field: 'series',
            type: 'nominal',
            scale: { domain: [...SERIES], range: [COLORS.training, COLORS.validation] },
            legend: {
              orient: quantity === 'accuracy' ? 'bottom-right' : 'top-right',
              fillColor: 'white',
              padding: 8,
              offset: 8,
            },
          },
          shape: {
            field: 'series',
            type: 'nominal',
            scale: { domain: [...SERIES], range: ['circle', 'diamond'] },
          },
        },
      },
    ],
  };
}

/** `1st`, `12th` */
function ordinal(count: number): string {
  const ending = [11, 12, 13].includes(count % 100) ? undefined : ['st', 'nd', 'rd'][(count % 10) - 1];
  return `${count}${ending ?? 'th'}`;
}

function pointsOf(quantity: Quantity, history: EpochHistory) {
  const values = { training: history[quantity], validation: history[`val_${quantity}`] ?? [] };
  return SERIES.flatMap((series) =>
    values[series].map((value, epoch) => ({ epoch, series, value: Number.isFinite(value) ? value : null })),
  );
}

/** At most 16 whole epochs. */
function epochTicks(epochs: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((size) => epochs / size <= 16) ?? Math.ceil(epochs / 16);
  return Array.from({ length: Math.ceil(epochs / step) }, (_, i) => i * step);
}
