import { accuracyOf, predictedClasses } from '../model/accuracy.js';
import { Model } from '../model/model.js';
import type { DeviceName } from '../native/devices.js';
import type { Callback, Logs } from '../training/callback.js';
import { earlyStopping } from '../training/early-stopping.js';
import { modelCheckpoint } from '../training/model-checkpoint.js';
import { builtBlueprint } from './builder.js';
import { checkpointFile, type SweepFolder } from './folder.js';
import type { SweepSettings } from './options.js';
import { type KeepingRule, type LastWrite, StateKeeper } from './state-keeper.js';
import type { Trial, TrialRecord } from './trial.js';
import type { TrialState } from './trial-state.js';

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
  /** Of an earlier run; training goes on from it. */
  state: TrialState | undefined;
  keepingRule: KeepingRule;
  lastWrite: LastWrite;
  writeState: (state: TrialState) => Promise<void>;
}

/**
 * Trains one model with early stopping, keeps its best state as a file, and tests that file: what counts is what a user
 * would load.
 * @throws ConvsweepError `ABORTED`, or what went wrong
 */
export async function runTrial(trial: Trial, context: TrialContext): Promise<TrialRecord> {
  const { settings, device, precision, folder, signal, jobs, state } = context;
  const { keepingRule, lastWrite, writeState } = context;
  const { split, parameters, seed } = trial;
  const { epochs: mostEpochs } = settings;
  const begin = performance.now();
  const secondsUntilNow = (): number => (state?.seconds ?? 0) + (performance.now() - begin) / 1000;
  const file = checkpointFile(trial.number);
  await folder.remove(file);

  const startFromEpoch = trial.startFromEpoch.epoch;
  const stopping = earlyStopping({ patience: settings.patience, startFromEpoch });
  const checkpoint = modelCheckpoint(folder.file(file), { startFromEpoch, deferred: true });
  const report: Callback = { onEpochEnd: context.onEpoch };
  const { layers, inputShape, optimizer } = builtBlueprint(settings.build, parameters, split.train);
  const model = new Model(layers, { inputShape, optimizer, seed, device, precision, ...threadsOf(settings) });
  const { history, fitSeconds } = await useModel(model, async () => {
    const fitBegin = performance.now();
    const fitSecondsUntilNow = (): number => (state?.fitSeconds ?? 0) + (performance.now() - fitBegin) / 1000;
    const times = () => ({ seconds: secondsUntilNow(), fitSeconds: fitSecondsUntilNow() });
    const keeper = new StateKeeper({
      stopping,
      checkpoint,
      state,
      epochs: mostEpochs,
      rule: keepingRule,
      lastWrite,
      times,
      write: writeState,
    });
    await model.fit(split.train, {
      epochs: mostEpochs,
      initialEpoch: keeper.history.loss.length,
      batchSize: settings.batchSize,
      shuffle: settings.shuffle,
      seed,
      validationData: split.validation,
      callbacks: [stopping, checkpoint, report, keeper],
      signal,
      verbose: 0,
    });
    return { history: keeper.history, fitSeconds: fitSecondsUntilNow() };
  });

  const result = checkpoint.bestEpoch === undefined ? undefined : await test(trial, context);
  const epochs = history.loss.length;
  const common = {
    trial: trial.number,
    split: split.name,
    parameters,
    seed,
    epochs,
    stoppedEarly: stopping.stoppedEpoch !== undefined,
    startFromEpoch,
    history,
    seconds: secondsUntilNow(),
    fitSeconds,
    imagesPerSecond: (epochs * split.train.size) / fitSeconds,
    jobs,
    finished: new Date().toISOString(),
  };
  if (!result) return { status: 'diverged', ...common };
  return { status: 'finished', ...common, ...result, bestEpoch: checkpoint.bestEpoch! };
}

function threadsOf({ threads }: SweepSettings): { threads?: number } {
  return threads === undefined ? {} : { threads };
}

/** What the file of a trial's best state is worth. */
async function test(trial: Trial, { settings, device, precision, folder, signal }: TrialContext) {
  const { validation, unseen } = trial.split;
  const file = checkpointFile(trial.number);
  const best = await Model.load(folder.file(file), { device, precision, ...threadsOf(settings) });
  return useModel(best, async () => {
    const accuracy = async (data: typeof validation): Promise<number> =>
      accuracyOf(data.labels(), predictedClasses(await best.predict(data, { signal }), best.classes));
    return {
      accuracy: await accuracy(validation),
      ...(unseen && { unseenAccuracy: await accuracy(unseen) }),
      checkpoint: { file, sha256: (await folder.sha256(file))! },
    };
  });
}

async function useModel<T>(model: Model, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    model.dispose();
  }
}
