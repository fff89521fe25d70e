/**
 * What must compile against the public face, and what must not: `npm run check` compiles this file, and an error that
 * does not come is one. Nothing here runs.
 */
import {
  type Builder,
  type Dataset,
  type FitOptions,
  layers,
  type Model,
  type NotebookGrid,
  type SweepSplit,
  sequential,
  sweep,
  worker,
} from '../../lib/index.js';

declare const model: Model;
declare const data: Dataset;
declare const splits: SweepSplit[];

export async function models(): Promise<void> {
  const { loss, accuracy } = await model.evaluate(data);
  loss.toFixed(accuracy);
  const history = await model.fit(data, { epochs: 2, validationData: data });
  history.history.val_loss?.at(-1);
  sequential([layers.dense({ units: 10, activation: 'softmax' })], { seed: 1, precision: 'tf32' });
  layers.conv2d({ filters: 8, kernelSize: [3, 5], padding: 'same' });

  // @ts-expect-error there is no such option
  await model.fit(data, { epoch: 2 });
  // @ts-expect-error padding has two values
  layers.conv2d({ filters: 8, kernelSize: 3, padding: 'full' });
  // @ts-expect-error a convolution needs its filters
  layers.conv2d({ kernelSize: 3 });
  // @ts-expect-error a model's name is what it was made with
  model.name = 'other';
  // @ts-expect-error a size has two sides
  layers.maxPooling2d({ poolSize: [2, 2, 2] });
  // What fit does with a model is not for its users.
  // @ts-expect-error
  model.trainEpoch;
  // @ts-expect-error
  model.evaluateBatches;
  // @ts-expect-error
  model.progress;
  // @ts-expect-error
  model.abort;
  // @ts-expect-error
  model.requireFitting;
}

export const shuffled: FitOptions = { shuffle: 'samples', verbose: 0 };
// @ts-expect-error orders are three
export const unordered: FitOptions = { shuffle: true };

export const widths: Builder<NotebookGrid> = ({ neuron_counts: [first, second, third] }, { classes }) => [
  layers.flatten(),
  layers.dense({ units: first + second + third }),
  layers.dense({ units: classes, activation: 'softmax' }),
];

export function sweeps(): void {
  sweep({
    out: 'runs/x',
    splits,
    grid: { units: [4, 8], activation: ['relu', 'linear'] as const },
    build: ({ units, activation }, { classes, inputShape }) => ({
      layers: [
        layers.flatten(),
        layers.dense({ units: units + inputShape[0], activation }),
        layers.dense({ units: classes, activation: 'softmax' }),
      ],
      optimizer: { learningRate: 0.01 },
    }),
  });
  const out = 'runs/x';
  const grid = { units: [4] };
  // @ts-expect-error the seed is the sweep's affair
  sweep({ out, splits, grid, build: (_, { seed }) => [layers.dense({ units: seed })] });
  // @ts-expect-error the grid has no such hyperparameter
  sweep({ out, splits, grid, build: ({ width }) => [layers.dense({ units: width })] });
  // @ts-expect-error a folder is wanted
  sweep({ splits });
  // Builders of different grids.
  const narrow: Builder<{ units: number[] }> = ({ units }) => [layers.dense({ units })];
  worker({ queue: 'redis://host', build: { widths, narrow } });
  // @ts-expect-error an address is wanted
  worker({ build: { widths } });
}
