import { PNG } from 'pngjs';
import { deriveSeed } from '../../lib/random.js';
import type { SweepConfig } from '../../lib/sweep/config.js';
import { gridPoints, notebookGrid } from '../../lib/sweep/grid.js';
import type { DivergedTrial, FinishedTrial } from '../../lib/sweep/trial.js';

/** A sweep's configuration: two splits of the grid, by default the notebook's grid of two widths, 8 points. */
export function sweepConfig(more: Partial<SweepConfig> = {}): SweepConfig {
  const grid = more.grid ?? notebookGrid([8, 16]);
  const split = (name: string, train: number, validation: number) => ({
    name,
    data: 'digits',
    train,
    validation,
    startFromEpoch: { epoch: 1, reason: 'given' },
    sha256: 'a'.repeat(64),
  });
  return {
    splits: [split('60%', 600, 400), split('80%', 800, 200)],
    grid,
    trials: gridPoints(grid).length * 2,
    epochs: 5,
    patience: 2,
    batchSize: 32,
    shuffle: 'batches',
    seed: 4,
    device: 'cpu',
    precision: 'fp32',
    modelsSha256: 'b'.repeat(64),
    engine: { version: '1.2.3', backend: 'cpu', compiler: 'GNU 1.0', instructionSet: 'avx2' },
    versions: { convsweep: '0.9.0', node: '20.0.0' },
    ...more,
  };
}

/** Made-up results of the first `count` trials; trial 3 is the best, at 0.99. */
export function trialRecords(config: SweepConfig, count = config.trials): FinishedTrial[] {
  const points = gridPoints(config.grid);
  return Array.from({ length: count }, (_, i) => ({
    status: 'finished',
    trial: i + 1,
    split: config.splits[Math.floor(i / points.length)]!.name,
    parameters: points[i % points.length]!,
    seed: deriveSeed(config.seed, 'trial', i + 1),
    accuracy: Math.fround(i === 2 ? 0.99 : 0.95 + (i % 5) / 200),
    epochs: 4,
    bestEpoch: 2,
    stoppedEarly: i % 2 === 0,
    startFromEpoch: 1,
    history: {
      loss: [1, 0.5, 0.1, 0.01],
      accuracy: [0.5, 0.9, 0.99, 1],
      val_loss: [2, Number.NaN, 0.2, 0.3],
      val_accuracy: [0.1, 0.8, 0.95, 0.94],
    },
    checkpoint: { file: `models/model_${i + 1}.h5`, sha256: 'c'.repeat(64) },
    seconds: 10,
    fitSeconds: 9,
    imagesPerSecond: 1234.5,
    jobs: 2,
    finished: new Date(Date.UTC(2026, 0, 1) + (i + 1) * 5000).toISOString(),
  }));
}

/** A grey image of one pixel. */
const PIXEL = `data:image/png;base64,${PNG.sync.write(new PNG({ width: 1, height: 1 })).toString('base64')}`;

export const EVALUATION = {
  data: 'digits after 60%',
  images: 10,
  loss: 0.25,
  accuracy: 0.7,
  confusionMatrix: [
    [4, 1],
    [2, 3],
  ],
  mistakes: [
    { image: PIXEL, index: 7, label: 0, predicted: 1, probability: 0.875 },
    { image: PIXEL, index: 9, label: 1, predicted: 0, probability: 0.75 },
    { image: PIXEL, index: 5, label: 1, predicted: 0, probability: 0.5625 },
  ],
};

/** What would be left of a trial if it had diverged. */
export function divergedTrial(record: FinishedTrial): DivergedTrial {
  const { accuracy: _, unseenAccuracy: __, bestEpoch: ___, checkpoint: ____, ...rest } = record;
  const none = record.history.loss.map(() => Number.NaN);
  return { ...rest, status: 'diverged', history: { ...record.history, loss: none, val_loss: none } };
}
