import { invalidArgument } from '../errors.js';
import { deriveSeed } from '../random.js';
import type { EpochHistory } from '../training/history.js';
import { oneOf, requireInteger, requireNumber } from '../validate.js';
import type { SweepConfig } from './config.js';
import { checkpointFile } from './folder.js';
import { type GridPoint, gridPoints } from './grid.js';
import { parseStored, requireFields, requireSame, requireSha256, requireText } from './stored.js';
import { requireTrialEngine } from './stored-config.js';
import type { DivergedTrial, FinishedTrial, TrialRecord } from './trial.js';

const COMMON = [
  'trial',
  'split',
  'parameters',
  'seed',
  'epochs',
  'stoppedEarly',
  'startFromEpoch',
  'history',
  'seconds',
  'fitSeconds',
  'imagesPerSecond',
  'jobs',
  'finished',
] satisfies (keyof DivergedTrial)[];
const OPTIONAL = ['engine'] satisfies (keyof DivergedTrial)[];
const RESULT = ['accuracy', 'bestEpoch', 'checkpoint'] satisfies (keyof FinishedTrial)[];

/** Reads the records of one sweep: those that agree with its configuration. */
export class RecordReader {
  readonly #config: SweepConfig;
  readonly #points: GridPoint[];

  constructor(config: SweepConfig) {
    this.#config = config;
    this.#points = gridPoints(config.grid);
  }

  /**
   * The record that a line of the journal holds.
   * @param where of the line, for messages
   * @throws ConvsweepError `INVALID_DATA` for anything else
   */
  parse(line: string, where: string): TrialRecord {
    const what = `the record of one of the sweep's trials in ${where}`;
    const remedy = 'delete that line to train its trial again';
    return parseStored(line, { what, remedy }, (value) => this.check(value));
  }

  /**
   * `value` as a record of one of the sweep's trials.
   * @throws ConvsweepError `INVALID_ARGUMENT` for anything else
   */
  check(value: unknown): TrialRecord {
    const name = 'the record';
    if (typeof value === 'object' && value !== null && !Object.hasOwn(value, 'status')) {
      // As it was written while only trials that finished had a record.
      Object.assign(value, { status: 'finished' });
    }
    requireFields<FinishedTrial>(
      name,
      value,
      ['status', ...COMMON],
      [...OPTIONAL, ...RESULT, 'unseenAccuracy'],
    );
    oneOf(['finished', 'diverged'])('status', value.status);
    const { unseen, startFromEpoch } = this.#requirePlanned(value);
    const { epochs } = value;
    requireInteger('epochs', epochs);
    requireNumber('epochs', epochs, 1, this.#config.epochs);
    oneOf([true, false])('stoppedEarly', value.stoppedEarly);
    requireHistory(value.history, epochs);
    for (const key of ['seconds', 'fitSeconds', 'imagesPerSecond'] as const)
      requireNumber(key, value[key], 0);
    requireInteger('jobs', value.jobs);
    requireText('finished', value.finished);
    if (Number.isNaN(Date.parse(value.finished))) throw invalidArgument('finished', 'a time', value.finished);
    if (Object.hasOwn(value, 'engine')) requireTrialEngine(value.engine);
    if (value.status === 'diverged') {
      requireFields<DivergedTrial>(
        'the record of a trial that diverged',
        value,
        ['status', ...COMMON],
        OPTIONAL,
      );
      return value as unknown as DivergedTrial;
    }
    const { trial, accuracy, bestEpoch, checkpoint } = value;
    const results = unseen === undefined ? RESULT : [...RESULT, 'unseenAccuracy' as const];
    requireFields<FinishedTrial>(name, value, ['status', ...COMMON, ...results], OPTIONAL);
    requireNumber('accuracy', accuracy, 0, 1);
    if (unseen !== undefined) requireNumber('unseenAccuracy', value.unseenAccuracy, 0, 1);
    requireInteger('bestEpoch', bestEpoch, 0);
    requireNumber('bestEpoch', bestEpoch, startFromEpoch.epoch, epochs - 1);
    requireFields<FinishedTrial['checkpoint']>('checkpoint', checkpoint, ['file', 'sha256']);
    requireSame('checkpoint.file', checkpoint.file, checkpointFile(trial as number));
    requireSha256('checkpoint.sha256', checkpoint.sha256);
    return value as unknown as FinishedTrial;
  }

  /** Throws unless it is of a trial as the configuration has it; returns the trial's split. */
  #requirePlanned(value: Record<keyof FinishedTrial, unknown>) {
    const { trials, splits, seed } = this.#config;
    const { trial } = value;
    requireInteger('trial', trial);
    requireNumber('trial', trial, 1, trials);
    const split = splits[Math.floor((trial - 1) / this.#points.length)]!;
    requireSame('split', value.split, split.name);
    requireSame('parameters', value.parameters, this.#points[(trial - 1) % this.#points.length]!);
    requireSame('seed', value.seed, deriveSeed(seed, 'trial', trial));
    requireSame('startFromEpoch', value.startFromEpoch, split.startFromEpoch.epoch);
    return split;
  }
}

/** JSON has no NaN and writes null, which no number of a history is otherwise. */
function requireHistory(history: unknown, epochs: number): asserts history is EpochHistory {
  requireFields<EpochHistory>('history', history, ['loss', 'accuracy', 'val_loss', 'val_accuracy']);
  for (const [name, values] of Object.entries(history)) {
    if (!Array.isArray(values) || values.length !== epochs) {
      throw invalidArgument(`history.${name}`, `${epochs} numbers, one for each epoch,`, values);
    }
    for (const [i, value] of values.entries()) {
      if (value === null) values[i] = Number.NaN;
      else if (!Number.isFinite(value)) throw invalidArgument(`history.${name}[${i}]`, 'a number', value);
    }
  }
}
