/** A sweep whose trials sleep, so that all that there is to measure is what the queue does around them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { writeWhole } from '../../lib/files.js';
import { Model } from '../../lib/model/model.js';
import type { Builder } from '../../lib/sweep/builder.js';
import { checkpointFile } from '../../lib/sweep/folder.js';
import type { SweepOptions } from '../../lib/sweep/options.js';
import { protocolSplits } from '../../lib/sweep/protocol.js';
import type { runTrial } from '../../lib/sweep/run-trial.js';

/** As many as a trial of the notebook's takes. */
export const EPOCHS = 20;
/** Of a trial. */
export const SECONDS = 2;

const SEED = 0;
const grid = { units: Array.from({ length: 100 }, (_, i) => i + 1), point: [...Array(100).keys()] };

/** 4 x 4, of two classes. */
export const data = Dataset.from({
  images: Uint8Array.from({ length: 20 * 16 }, (_, i) => i % 251),
  labels: Uint8Array.from({ length: 20 }, (_, i) => i % 2),
  height: 4,
  width: 4,
});

const network = (units: number): LayerSpec[] => [
  layers.flatten(),
  layers.dense({ units, activation: 'relu' }),
  layers.dense({ units: 2, activation: 'softmax' }),
];

export const sleeping: Builder<typeof grid> = ({ units }) => network(units);

/** @param trials at most 10,000 */
export function sleepingSweep(out: string, queue: string, trials: number): SweepOptions<typeof grid> {
  return {
    out,
    queue,
    splits: protocolSplits(data, 'holdout', [60], SEED),
    grid,
    build: sleeping,
    epochs: EPOCHS,
    patience: EPOCHS,
    startFromEpoch: 0,
    seed: SEED,
    device: 'cpu',
    jobs: 0,
    limit: trials,
  };
}

/** The file that every sleeping trial leaves. */
export async function sleepingModel(path: string): Promise<void> {
  using model = new Model(network(100), { inputShape: [4, 4, 1], seed: SEED, device: 'cpu' });
  await model.save(path);
}

/** Instead of training. @param model its file's bytes and their checksum */
export function sleeper({ bytes, sha256 }: { bytes: Uint8Array; sha256: string }): typeof runTrial {
  return async (trial, { folder, jobs, onEpoch, signal }) => {
    const begin = performance.now();
    const history: Record<'loss' | 'accuracy' | 'val_loss' | 'val_accuracy', number[]> = {
      loss: [],
      accuracy: [],
      val_loss: [],
      val_accuracy: [],
    };
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      // Not all at the same time.
      await sleep((1000 * SECONDS * (0.75 + 0.5 * Math.random())) / EPOCHS, undefined, { signal });
      const logs = {
        loss: Math.random(),
        accuracy: Math.random(),
        val_loss: Math.random(),
        val_accuracy: 0.5,
      };
      for (const [name, value] of Object.entries(logs)) history[name as keyof typeof history].push(value);
      onEpoch(epoch, logs);
    }
    const file = checkpointFile(trial.number);
    await writeWhole(folder.file(file), bytes);
    const seconds = (performance.now() - begin) / 1000;
    return {
      status: 'finished',
      trial: trial.number,
      split: trial.split.name,
      parameters: trial.parameters,
      seed: trial.seed,
      epochs: EPOCHS,
      stoppedEarly: false,
      startFromEpoch: trial.startFromEpoch.epoch,
      history,
      seconds,
      fitSeconds: seconds,
      imagesPerSecond: (EPOCHS * trial.split.train.size) / seconds,
      jobs,
      finished: new Date().toISOString(),
      accuracy: 0.5,
      bestEpoch: 0,
      checkpoint: { file, sha256 },
    };
  };
}
