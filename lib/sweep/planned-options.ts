import type { Dataset } from '../data/dataset.js';
import type { TrainTest } from '../data/train-test.js';
import { ConvsweepError } from '../errors.js';
import { differences, requireSplitsOf, type SweepConfig, trialEngine, withoutEngine } from './config.js';
import { engineRemedy, engineText, isSameEngine } from './engine.js';
import type { SweepOptions } from './options.js';
import { protocolOf, protocolSplits } from './protocol.js';
import type { SweepSplit } from './trial.js';

/**
 * The splits of a plan, which are a protocol's.
 * @param source the images that it is for
 * @throws ConvsweepError `INVALID_ARGUMENT` where they are other images, or the splits are of another making
 */
export function plannedSplits(config: SweepConfig, source: Dataset | TrainTest): SweepSplit[] {
  const made = protocolOf(config.splits);
  if (!made) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Expected splits named by percentages, which a protocol makes, but received ${config.splits.map(({ name }) => name).join(', ')}; train these with the program that planned them`,
    );
  }
  const splits = protocolSplits(source, made.protocol, made.percentages, config.seed);
  requireSplitsOf(config, splits);
  return splits;
}

/** Options of `sweep` that a plan holds: all but the builder, and what each machine says for itself. */
export type PlannedOption = Exclude<
  keyof SweepOptions,
  'build' | 'device' | 'precision' | 'jobs' | 'threads' | 'resume' | 'queue' | 'mixed' | 'signal'
>;

/** What `sweep` was given for a plan, as far as the plan holds it. */
export function plannedOptions(
  config: SweepConfig,
  out: string,
  splits: readonly SweepSplit[],
): SweepOptions {
  const { grid, trials: limit, epochs, patience, batchSize, shuffle, seed } = config;
  const startFromEpoch = givenStartEpoch(config);
  // None is forgotten; those that are undefined were left out.
  const planned: { [Name in PlannedOption]: SweepOptions[Name] | undefined } = {
    out,
    splits,
    grid,
    epochs,
    patience,
    startFromEpoch,
    batchSize,
    shuffle,
    seed,
    limit,
  };
  return planned as SweepOptions;
}

/** The epoch that the sweep was given as its `startFromEpoch`. */
export function givenStartEpoch({ splits }: SweepConfig): number | undefined {
  return splits.find(({ startFromEpoch }) => startFromEpoch.reason === 'given')?.startFromEpoch.epoch;
}

/**
 * Throws unless this machine trains what was planned.
 * @param own configuration of the sweep here
 * @param out what messages call the place of the plan
 * @param mixed whether the engine may be another
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function requirePlanned(plan: SweepConfig, own: SweepConfig, out: string, mixed: boolean): void {
  const found = differences(withoutEngine(plan), withoutEngine(own));
  if (found.length > 0) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      [
        `${out} holds the plan of a sweep that would have other results; give its own options and data:`,
        ...found,
      ].join('\n  '),
    );
  }
  const planned = trialEngine(plan);
  if (mixed || isSameEngine(planned, trialEngine(own))) return;
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    `The sweep in ${out} is planned for ${engineText(planned)}, but this machine would train with ${engineText(trialEngine(own))}, whose results differ in their last digits; ${engineRemedy(planned)}, or train with --mixed (mixed: true)`,
  );
}
