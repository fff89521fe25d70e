import type { Dataset } from '../data/dataset.js';
import { epochPlan, stepsPerEpoch } from '../data/epoch-plan.js';
import { ConvsweepError } from '../errors.js';
import type { Callback, Logs } from './callback.js';
import { type FitOptions, resolveFitOptions } from './fit-options.js';
import { History } from './history.js';
import { ProgressDisplay } from './progress-display.js';
import type { Trainer } from './trainer.js';

/**
 * Trains epoch by epoch as Keras' `fit` does: train, evaluate the validation data, call the callbacks, then the
 * history, then the progress display; stop after an epoch in which a callback asked for it.
 *
 * When it is aborted or fails, the optimizer steps done until then stand and `onTrainEnd` is not called.
 *
 * @returns the logs of every epoch that ran
 * @throws ConvsweepError `INVALID_ARGUMENT` and `SHAPE_MISMATCH` before anything runs; `ABORTED` with the signal's
 * reason as cause
 */
export async function fit(trainer: Trainer, train: Dataset, options: FitOptions = {}): Promise<History> {
  const settings = resolveFitOptions(options, trainer.seed);
  const { epochs, batchSize, shuffle, validationData, callbacks, signal, seed, initialEpoch } = settings;
  const { model } = trainer;
  trainer.requireFitting('train', train);
  if (validationData) trainer.requireFitting('validationData', validationData);

  const history = new History();
  const display = new ProgressDisplay(settings, stepsPerEpoch(train.size, batchSize));
  const observers: Callback[] = [...callbacks, history];
  const abort = (): void => trainer.abort();
  const throwIfAborted = (cause?: unknown): void => {
    if (!signal?.aborted) return;
    throw new ConvsweepError('ABORTED', 'Training was aborted', { cause: signal.reason ?? cause });
  };

  throwIfAborted();
  signal?.addEventListener('abort', abort);
  try {
    model.stopTraining = false;
    for (const observer of observers) await observer.onTrainBegin?.(model);
    for (let epoch = initialEpoch; epoch < epochs && !model.stopTraining; epoch++) {
      for (const observer of observers) await observer.onEpochBegin?.(epoch);
      display.beginEpoch(epoch);
      throwIfAborted();
      const plan = epochPlan(train, { batchSize, shuffle, seed, epoch });
      const { loss, accuracy } = await display.follow(trainer.trainEpoch(train, plan), plan, () =>
        trainer.progress(),
      );
      throwIfAborted();
      const logs: Logs = { loss, accuracy };
      if (validationData) {
        const validation = await trainer.evaluate(validationData, batchSize);
        throwIfAborted();
        logs.val_loss = validation.loss;
        logs.val_accuracy = validation.accuracy;
      }
      for (const observer of observers) await observer.onEpochEnd?.(epoch, logs);
      display.endEpoch(logs);
    }
    throwIfAborted();
    for (const observer of observers) await observer.onTrainEnd?.();
    return history;
  } catch (error) {
    throwIfAborted(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
