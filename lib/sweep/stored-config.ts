import { SHUFFLES } from '../data/epoch-plan.js';
import { invalidArgument } from '../errors.js';
import { oneOf, requireInteger } from '../validate.js';
import type { SplitConfig, SweepConfig } from './config.js';
import type { Engine, TrialEngine } from './engine.js';
import { gridPoints } from './grid.js';
import { parseStored, requireFields, requireSha256, requireText } from './stored.js';

/**
 * The configuration that a sweep's `config.json` holds.
 * @param path of the file, for messages
 * @throws ConvsweepError `INVALID_DATA` for anything else
 */
export function parseConfig(text: string, path: string): SweepConfig {
  const what = `a sweep's configuration in ${path}`;
  const remedy = 'it is damaged; restore it, or begin the sweep anew in another folder with --out (out)';
  return parseStored(text, { what, remedy }, (value) => {
    requireConfig(value);
    return value;
  });
}

function requireConfig(value: unknown): asserts value is SweepConfig {
  requireFields<SweepConfig>('the configuration', value, [
    'splits',
    'grid',
    'trials',
    'epochs',
    'patience',
    'batchSize',
    'shuffle',
    'seed',
    'device',
    'precision',
    'modelsSha256',
    'engine',
    'versions',
  ]);
  const { splits, grid, trials, epochs, patience, batchSize, seed, engine, versions } = value;
  requireInteger('epochs', epochs);
  requireInteger('patience', patience, 0);
  requireInteger('batchSize', batchSize);
  requireInteger('seed', seed, 0);
  oneOf(SHUFFLES)('shuffle', value.shuffle);
  requireText('device', value.device);
  oneOf(['fp32', 'tf32'])('precision', value.precision);
  requireSha256('modelsSha256', value.modelsSha256);
  requireSplits(splits, epochs);
  requireInteger('trials', trials);
  const most = splits.length * gridPoints(grid as SweepConfig['grid']).length;
  if (trials > most) throw invalidArgument('trials', `at most ${most}, which the grid has,`, trials);
  requireEngine(engine);
  requireFields<SweepConfig['versions']>('versions', versions, ['convsweep', 'node']);
  for (const [name, text] of Object.entries(versions)) requireText(name, text);
}

const ENGINE = ['version', 'backend', 'compiler'] satisfies (keyof Engine)[];
const ENGINE_OPTIONAL = ['instructionSet', 'gpu', 'libraries'] satisfies (keyof Engine)[];

function requireEngine(value: unknown): asserts value is Engine {
  requireFields<Engine>('engine', value, ENGINE, ENGINE_OPTIONAL);
  requireEngineTexts(value);
}

/** Throws unless `value` is the engine of a trial. */
export function requireTrialEngine(value: unknown): asserts value is TrialEngine {
  requireFields<TrialEngine>('engine', value, [...ENGINE, 'precision'], ENGINE_OPTIONAL);
  const { precision, ...engine } = value;
  oneOf(['fp32', 'tf32'])('precision', precision);
  requireEngineTexts(engine);
}

function requireEngineTexts({ libraries = {}, ...texts }: Partial<Record<keyof Engine, unknown>>): void {
  if (typeof libraries !== 'object' || libraries === null || Array.isArray(libraries)) {
    throw invalidArgument('libraries', 'an object', libraries);
  }
  for (const [name, text] of Object.entries({ ...texts, ...libraries })) requireText(name, text);
}

function requireSplits(splits: unknown, epochs: number): asserts splits is SplitConfig[] {
  if (!Array.isArray(splits) || splits.length === 0)
    throw invalidArgument('splits', 'a list of splits', splits);
  const names = new Set<string>();
  for (const [i, split] of splits.entries()) {
    const at = `splits[${i}]`;
    requireFields<SplitConfig>(
      at,
      split,
      ['name', 'data', 'train', 'validation', 'startFromEpoch', 'sha256'],
      ['description', 'unseen'],
    );
    const { name, startFromEpoch: start } = split;
    requireText(`${at}.name`, name);
    if (names.has(name)) throw invalidArgument(`${at}.name`, 'distinct names', name);
    names.add(name);
    requireText(`${at}.data`, split.data);
    if (Object.hasOwn(split, 'description') && typeof split.description !== 'string') {
      throw invalidArgument(`${at}.description`, 'a text', split.description);
    }
    requireInteger(`${at}.train`, split.train);
    requireInteger(`${at}.validation`, split.validation);
    if (Object.hasOwn(split, 'unseen')) requireInteger(`${at}.unseen`, split.unseen);
    requireSha256(`${at}.sha256`, split.sha256);
    requireFields<SplitConfig['startFromEpoch']>(`${at}.startFromEpoch`, start, ['epoch', 'reason']);
    requireInteger(`${at}.startFromEpoch.epoch`, start.epoch, 0);
    if (start.epoch >= epochs) {
      throw invalidArgument(`${at}.startFromEpoch.epoch`, `an epoch below ${epochs}`, start.epoch);
    }
    requireText(`${at}.startFromEpoch.reason`, start.reason);
  }
}
