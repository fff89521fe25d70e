import type { Spec } from 'vega';
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

function trainingChart(quantity: Quantity, run: TrainingRun): Spec {
  const { title, description, history, bestEpoch, startFromEpoch } = run;
  const epochs = history[quantity].length;
  // Everything else that a sweep prints and writes counts epochs from 1.
  const kept = `dashed: epoch ${bestEpoch} (from 0, as Keras counts; the ${ordinal(bestEpoch + 1)}), whose weights were kept`;
  const shaded = startFromEpoch > 0 ? '; shaded: too early to be kept' : '';
  const x = { scale: 'x', field: 'epoch' };
  const y = { scale: 'y', field: 'value' };
  const top = { value: 0 };
  const width = { field: { group: 'width' as const } };
  const height = { field: { group: 'height' as const } };
  const color = { scale: 'color', field: 'series' };
  const yAxis = { scale: 'y', orient: 'left' as const, tickCount: { signal: 'ceil(height / 40)' } };
  return {
    width: 600,
    height: 360,
    title: {
      text: `${quantity === 'accuracy' ? 'Accuracy' : 'Loss'} of ${title}`,
      subtitle: [description, `${kept}${shaded}`],
    },
    data: [
      { name: 'early', values: startFromEpoch > 0 ? [{ epoch: -0.35, end: startFromEpoch - 0.5 }] : [] },
      { name: 'kept', values: [{ epoch: bestEpoch }] },
      { name: 'values', values: pointsOf(quantity, history) },
      { name: 'points', source: 'values', transform: [{ type: 'filter', expr: 'isValid(datum.value)' }] },
    ],
    scales: [
      { name: 'x', type: 'linear', domain: [-0.35, epochs - 0.65], range: 'width' },
      {
        name: 'y',
        type: 'linear',
        // Of one field, an axis without values would go from NaN to NaN.
        domain: { data: 'values', fields: ['value'] },
        range: 'height',
        zero: false,
        nice: true,
      },
      { name: 'color', type: 'ordinal', domain: [...SERIES], range: [COLORS.training, COLORS.validation] },
      { name: 'shape', type: 'ordinal', domain: [...SERIES], range: ['circle', 'diamond'] },
    ],
    axes: [
      // Of the grid alone.
      {
        ...yAxis,
        gridScale: 'x',
        grid: true,
        domain: false,
        labels: false,
        ticks: false,
        aria: false,
        minExtent: 0,
        maxExtent: 0,
      },
      {
        scale: 'x',
        orient: 'bottom',
        title: 'epoch (from 0)',
        format: 'd',
        values: epochTicks(epochs),
        labelFlush: true,
        labelOverlap: true,
      },
      { ...yAxis, title: quantity, labelOverlap: true },
    ],
    legends: [
      {
        fill: 'color',
        stroke: 'color',
        shape: 'shape',
        orient: quantity === 'accuracy' ? 'bottom-right' : 'top-right',
        fillColor: 'white',
        padding: 8,
        offset: 8,
      },
    ],
    marks: [
      {
        name: 'layer_0_marks',
        type: 'rect',
        aria: false,
        from: { data: 'early' },
        encode: {
          update: { x, x2: { scale: 'x', field: 'end' }, y: top, y2: height, fill: { value: '#eef0f3' } },
        },
      },
      {
        name: 'layer_1_marks',
        type: 'rule',
        aria: false,
        from: { data: 'kept' },
        encode: {
          update: { x, y: top, y2: height, stroke: { value: COLORS.faint }, strokeDash: { value: [4, 4] } },
        },
      },
      {
        name: 'layer_2_layer_0_pathgroup',
        type: 'group',
        from: { facet: { name: 'line', data: 'values', groupby: ['series'] } },
        encode: { update: { width, height } },
        marks: [
          {
            name: 'layer_2_layer_0_marks',
            type: 'line',
            from: { data: 'line' },
            encode: {
              update: {
                x,
                y,
                defined: { signal: 'isValid(datum.value)' },
                stroke: color,
                strokeWidth: { value: 2.2 },
                description: describedAs(quantity),
              },
            },
          },
        ],
      },
      {
        name: 'layer_2_layer_1_marks',
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          update: {
            x,
            y,
            shape: { scale: 'shape', field: 'series' },
            size: { value: 50 },
            fill: color,
            strokeWidth: { value: 2 },
            opacity: { value: 1 },
            ariaRoleDescription: { value: 'point' },
            description: describedAs(quantity),
          },
        },
      },
    ],
  };
}

/** What a screen reader says of a value. */
function describedAs(quantity: Quantity) {
  return {
    signal: `'epoch (from 0): ' + datum.epoch + '; ${quantity}: ' + format(datum.value, '') + '; series: ' + datum.series`,
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
