import type { Command } from 'commander';
import type { Shuffle } from '../data/epoch-plan.js';
import { invalidArgument } from '../errors.js';
import type { StartEpoch } from '../training/start-epoch.js';
import { choice, integer } from './option-parsers.js';

/** The options of commands that train. */
export interface TrainingOptions {
  epochs: number;
  patience: number;
  /** Below `epochs`. */
  startFromEpoch?: number;
  batch: number;
  shuffle: Shuffle;
  seed: number;
}

/** Adds {@link TrainingOptions} to `command`, and checks that they agree before it runs. */
export function withTraining(command: Command): Command {
  return command
    .option('--epochs <n>', 'at most this many, per model', integer('--epochs'), 30)
    .option('--patience <n>', 'epochs without improvement that end training', integer('--patience', 0), 3)
    .option(
      '--start-from-epoch <n>',
      'first epoch (from 0) that early stopping looks at (default: chosen, and printed)',
      integer('--start-from-epoch', 0),
    )
    .option('--batch <n>', 'images per optimizer step', integer('--batch'), 128)
    .option(
      '--shuffle <how>',
      'batches: fixed batches in a new order; samples',
      choice('--shuffle', ['batches', 'samples']),
      'batches',
    )
    .option('--seed <n>', 'of the splits, the weights and the order', integer('--seed', 0), 0)
    .hook('preAction', () => requireStartEpoch(command.opts<TrainingOptions>()));
}

function requireStartEpoch({ startFromEpoch, epochs }: TrainingOptions): void {
  if (startFromEpoch === undefined || startFromEpoch < epochs) return;
  throw invalidArgument('--start-from-epoch', `an epoch below ${epochs} (--epochs)`, startFromEpoch);
}

/** `early stopping looks from epoch 7 on: as --start-from-epoch says` */
export function startEpochText({ epoch, reason }: StartEpoch): string {
  const why = reason === 'given' ? 'as --start-from-epoch says' : reason;
  return `early stopping looks from epoch ${epoch + 1} on: ${why}`;
}
