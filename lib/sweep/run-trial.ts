import { rm } from 'node:fs/promises';
import { ConvsweepError } from '../errors.js';
import { Model } from '../model/model.js';
import type { DeviceName } from '../native.js';
import type { Callback, Logs } from '../training/callback.js';
import { earlyStopping } from '../training/early-stopping.js';
import { modelCheckpoint } from '../training/model-checkpoint.js';
import { accuracyOf, predictedClasses } from './accuracy.js';
import type { SweepFolder } from './folder.js';
import type { SweepSettings } from './options.js';
import type { FinishedTrial, Trial } from './trial.js';

/** What all trials of a sweep have in common. */
export interface TrialContext {
  settings: SweepSettings;
  device: DeviceName;
  precision: 'fp32' | 'tf32';
  jobs: number;
  folder: SweepFolder;
  signal: AbortSignal;
  /** Told of every epoch, from 0. */
  onEpoch: (epoch: number, logs: Logs) => void;
}

/**
 * Trains one model with early stopping, keeps its best state as a file, and tests that file: what counts is what a user
 * would load.
 * @throws ConvsweepError `ABORTED`, or what went wrong
 */
export async function runTrial(trial: Trial, context: TrialContext): Promise<FinishedTrial> {
  const { settings, device, precision, folder, signal, jobs } = context;
  const { split, parameters, seed } = trial;
  const begin = performance.now();
  const file = folder.checkpoint(trial.number);
  await rm(folder.file(file), { force: true });

  const startFromEpoch = trial.startFromEpoch.epoch;
  const stopping = earlyStopping({ patience: settings.patience, startFromEpoch });
  const checkpoint = modelCheckpoint(folder.file(file), { startFromEpoch, deferred: true });
  const report: Callback = { onEpochEnd: context.onEpoch };
  const { imageShape: inputShape, classes } = split.train;
  const model = settings.build(parameters, { seed, device, precision, inputShape, classes });
  const { history, fitSeconds } = await useModel(model, async () => {
    const fitBegin = performance.now();
    const result = await model.fit(split.train, {
      epochs: settings.epochs,
      batchSize: settings.batchSize,
      shuffle: settings.shuffle,
      seed,
      validationData: split.validation,
      callbacks: [stopping, checkpoint, report],
      signal,
      verbose: 0,
    });
    return { history: result.history, fitSeconds: (performance.now() - fitBegin) / 1000 };
  });
  if (checkpoint.bestEpoch === undefined) {
    throw new ConvsweepError(
      'NATIVE',
      `training diverged: val_loss was not a finite number in any epoch from ${startFromEpoch} on; a smaller learning rate may help`,
    );
  }

  const best = await Model.load(folder.file(file), { device, precision });
  const accuracies = await useModel(best, async () => {
    const test = async (data: typeof split.validation): Promise<number> =>
      accuracyOf(data.labels(), predictedClasses(await best.predict(data, { signal }), best.classes));
    const accuracy = await test(split.validation);
    return { accuracy, ...(split.unseen && { unseenAccuracy: await test(split.unseen) }) };
  });
  const epochs = history.loss.length;
  return {
    status: 'finished',
    trial: trial.number,
    split: split.name,
    parameters,
    seed,
    ...accuracies,
    epochs,
    bestEpoch: checkpoint.bestEpoch,
    stoppedEarly: stopping.stoppedEpoch !== undefined,
    startFromEpoch,
    history,
    checkpoint: { file, sha256: (await folder.sha256(file))! },
    seconds: (performance.now() - begin) / 1000,
    fitSeconds,
    imagesPerSecond: (epochs * split.train.size) / fitSeconds,
    jobs,
    finished: new Date().toISOString(),
  };
}

async function useModel<T>(model: Model, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    model.dispose();
  }
}
