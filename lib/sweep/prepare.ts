import type { DeviceName, ResolvedDevice } from '../native/devices.js';
import { type StartEpoch, settledStartEpoch } from '../training/start-epoch.js';
import { resolveConfig, type SweepConfig } from './config.js';
import type { SweepSettings } from './options.js';
import { planTrials, type SweepSplit, type Trial } from './trial.js';

/** What a sweep amounts to on this machine. */
export interface PreparedSweep {
  /** All of them, in order. */
  trials: Trial[];
  config: SweepConfig;
  devices: DeviceName[];
  /** Trials side by side. */
  jobs: number;
}

/**
 * @param devices of one kind
 * @throws ConvsweepError for models that cannot be built, or do not fit the images
 */
export function prepareSweep(settings: SweepSettings, devices: readonly ResolvedDevice[]): PreparedSweep {
  const { splits, points, seed, total } = settings;
  const startEpochs = new Map(splits.map((split) => [split, startEpochOf(split, settings)]));
  const usual = devices.reduce((sum, { concurrency }) => sum + concurrency, 0);
  return {
    trials: planTrials(splits, points, seed, startEpochs).slice(0, total),
    config: resolveConfig(settings, devices, startEpochs),
    devices: devices.map(({ name }) => name),
    jobs: settings.jobs ?? usual,
  };
}

function startEpochOf(split: SweepSplit, { startFromEpoch, batchSize, epochs }: SweepSettings): StartEpoch {
  if (startFromEpoch !== undefined) return { epoch: startFromEpoch, reason: 'given' };
  return settledStartEpoch(split.train.size, batchSize, epochs);
}
