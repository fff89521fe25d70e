import { createHash } from 'node:crypto';
import type { Shuffle } from '../data/epoch-plan.js';
import { storeSha256 } from '../data/origin.js';
import { ConvsweepError } from '../errors.js';
import { type ResolvedDevice, resolvePrecision } from '../native/devices.js';
import { packageVersion } from '../package.js';
import type { StartEpoch } from '../training/start-epoch.js';
import { builtBlueprint } from './builder.js';
import { type Engine, engineOf, type TrialEngine } from './engine.js';
import type { Grid } from './grid.js';
import type { SweepSettings } from './options.js';
import type { SweepSplit } from './trial.js';

/**
 * Everything that a sweep's results depend on: what config.json holds. `jobs` is not in it, since it changes only the
 * time; the journal has it.
 */
export interface SweepConfig {
  splits: SplitConfig[];
  grid: Grid;
  /** Number of trials trained, from the first; grows when a sweep is resumed with more. */
  trials: number;
  epochs: number;
  patience: number;
  batchSize: number;
  shuffle: Shuffle;
  seed: number;
  /** `cuda:all` where there were several. */
  device: string;
  precision: 'fp32' | 'tf32';
  /** SHA-256 of all models' layers and optimizers, which stands for the builder. */
  modelsSha256: string;
  engine: Engine;
  versions: { convsweep: string; node: string };
}

export interface SplitConfig {
  name: string;
  /** The name of the data set that the images are of. */
  data: string;
  description?: string;
  /** Numbers of images. */
  train: number;
  validation: number;
  unseen?: number;
  startFromEpoch: StartEpoch;
  /** SHA-256 of pixels, labels and their order on each side. */
  sha256: string;
}

/**
 * Resolves what `settings` amount to on `devices`, which are of one kind. Builds every model of the grid once, so
 * that a combination that the builder refuses, or a model that does not fit the images, fails here and not after
 * hours.
 * @throws ConvsweepError from the builder; `INVALID_ARGUMENT`, `SHAPE_MISMATCH`
 */
export function resolveConfig(
  settings: SweepSettings,
  devices: readonly ResolvedDevice[],
  startEpochs: ReadonlyMap<SweepSplit, StartEpoch>,
): SweepConfig {
  const { splits, grid, total, epochs, patience, batchSize, shuffle, seed } = settings;
  const device = devices[0]!;
  const precision = resolvePrecision(settings.precision, device);
  return {
    splits: splits.map((split) => ({
      name: split.name,
      data: split.train.store.name,
      ...(split.description !== undefined && { description: split.description }),
      train: split.train.size,
      validation: split.validation.size,
      ...(split.unseen && { unseen: split.unseen.size }),
      startFromEpoch: startEpochs.get(split)!,
      sha256: splitFingerprint(split),
    })),
    grid,
    trials: total,
    epochs,
    patience,
    batchSize,
    shuffle,
    seed,
    device: devices.length > 1 ? 'cuda:all' : device.name,
    precision,
    modelsSha256: modelsFingerprint(settings),
    engine: engineOf(device),
    versions: { convsweep: packageVersion(), node: process.versions.node },
  };
}

/** The engine that the sweep's trials are of. */
export function trialEngine({ engine, precision }: SweepConfig): TrialEngine {
  return { ...engine, precision };
}

/** What all trials of the sweep share, whatever trains them, and however many they are. */
export function withoutEngine({ engine: _, device, precision, trials, versions, ...rest }: SweepConfig) {
  return { ...rest, versions: { convsweep: versions.convsweep } };
}

/** What differs between two configurations, `epochs: 30 there, 20 now`; the version of Node.js may differ. */
export function configDifferences(there: SweepConfig, now: SweepConfig): string[] {
  const unversioned = (config: SweepConfig) => ({ ...config, versions: { ...config.versions, node: '' } });
  return differences(unversioned(there), unversioned(now));
}

/** What differs between two plain objects, path by path. */
export function differences(there: object, now: object): string[] {
  const old = leaves(there);
  const current = leaves(now);
  const paths = [...new Set([...old.keys(), ...current.keys()])];
  return paths
    .filter((path) => old.get(path) !== current.get(path))
    .map((path) => `${path}: ${old.get(path) ?? 'nothing'} there, ${current.get(path) ?? 'nothing'} now`);
}

/** The values of nested objects by their paths; an array of plain values is one value. */
function leaves(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || (Array.isArray(value) && !value.some(isRecord))) {
    return new Map([[path, JSON.stringify(value)]]);
  }
  const children = Object.entries(value).map(([key, child]) => {
    const step = Array.isArray(value) ? `[${key}]` : path === '' ? key : `.${key}`;
    return leaves(child, path + step);
  });
  return new Map(children.flatMap((child) => [...child]));
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Throws unless the sweep is of these splits.
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function requireSplitsOf(config: SweepConfig, splits: readonly SweepSplit[]): void {
  const other = config.splits.find(
    ({ sha256 }, i) => splits[i] === undefined || splitFingerprint(splits[i]) !== sha256,
  );
  if (!other) return;
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    `Expected the images of ${other.data} that the sweep is planned for, but received others; name their folder: --data DIR (data)`,
  );
}

function splitFingerprint(split: SweepSplit): string {
  const hash = createHash('sha256');
  for (const data of [split.train, split.validation, split.unseen]) {
    if (!data) continue;
    const { store, rows } = data;
    hash
      .update(Buffer.from(storeSha256(store), 'hex'))
      .update(`${rows.length}:`)
      .update(rows);
  }
  return hash.digest('hex');
}

function modelsFingerprint({ points, build, splits }: SweepSettings): string {
  const hash = createHash('sha256');
  const { train } = splits[0]!;
  for (const point of points) {
    const blueprint = builtBlueprint(build, point, train);
    blueprint.requireFitting('splits', train);
    hash.update(JSON.stringify([blueprint.layers, blueprint.optimizer]));
  }
  return hash.digest('hex');
}
